import MCP
import Testing
import Wire

@Suite("Revision")
struct RevisionTests {
    @Test("Each revision reads back from its own name")
    func names() {
        for revision in Revision.allCases {
            #expect(Revision(text: revision.text.rawBytes) == revision)
        }
    }

    @Test("They stand in the order of their publication, and the list begins with the latest")
    func order() {
        #expect(Revision.allCases == Revision.allCases.sorted())
        #expect(Revision.latest == Revision.allCases.last)
        #expect(Revision.assumed == Revision.allCases.dropFirst().first)
        // The first had another transport, and is not offered.
        let names = Revision.allCases.dropFirst().reversed().map { "\"\($0.text)\"" }
        #expect("\(Revision.listed)" == "[" + names.joined(separator: ",") + "]")
    }

    @Test("A revision that is served is negotiated, and the latest for any other")
    func negotiation() {  // S-203
        for revision in Revision.allCases {
            #expect(Revision.negotiated(for: revision.text.rawBytes) == revision)
        }
        let strange: [StaticString] = ["2026-07-28", "2024-11-04", "1.0", "", "2025-06-18 "]
        for text in strange {
            #expect(Revision.negotiated(for: text.rawBytes) == .latest)
            #expect(Revision(text: text.rawBytes) == nil)
        }
    }

    @Test("Priming and polling came in November 2025, and no earlier client knows them")
    func capabilities() {  // S-238, S-239
        let november = [Revision.november2025]
        #expect(Revision.allCases.filter { $0.hasPriming } == november)
        #expect(Revision.allCases.filter { $0.hasPolling } == november)
    }
}
