import MCP
import Testing
import Wire

@Suite("Revision")
struct RevisionTests {
    private func list(_ served: RevisionSet, _ era: Era) -> String {
        let output = ByteBuffer()
        served.append(era, to: output)
        return output.bytes.text
    }

    private func served(_ list: StaticString) throws -> RevisionSet {
        try RevisionSet(list.rawBytes)
    }

    @Test("Each revision reads back from its own name")
    func names() {
        for revision in Revision.allCases {
            #expect(Revision(text: revision.text.rawBytes) == revision)
        }
        for text in ["2024-11-04", "1.0", "", "2025-06-18 "] as [StaticString] {
            #expect(Revision(text: text.rawBytes) == nil)
        }
    }

    @Test("They stand in the order of their publication, and lists begin with the latest")
    func order() throws {  // S-025
        #expect(Revision.allCases == Revision.allCases.sorted())
        #expect(Revision.assumed == Revision.allCases.dropFirst().first)
        // The first had another transport, and is not offered.
        #expect(list(.all, .legacy) == #"["2025-11-25","2025-06-18","2025-03-26"]"#)
        #expect(list(.all, .modern) == #"["2026-07-28"]"#)
        #expect(
            list(try served("2025-03-26,2025-11-25"), .legacy) == #"["2025-11-25","2025-03-26"]"#)
        #expect(list(try served("2025-06-18"), .modern) == "[]")
    }

    @Test("A session revision that is served is negotiated, and the latest of them for any other")
    func negotiation() throws {  // S-203
        for revision in Revision.allCases where revision.era == .legacy {
            #expect(RevisionSet.all.negotiated(for: revision.text.rawBytes) == revision)
        }
        for text in ["2026-07-28", "2024-11-04", "", "2025-06-18 "] as [StaticString] {
            #expect(RevisionSet.all.negotiated(for: text.rawBytes) == .november2025)
        }
        #expect(RevisionSet.all.negotiated(for: nil) == .november2025)
        let june = try served(" 2025-06-18 , 2026-07-28")
        #expect(june.negotiated(for: Revision.november2025.text.rawBytes) == .june2025)
    }

    @Test(
        "An entry that is no revision of this transport is named by its number",
        arguments: [
            ("", 1), ("2025-06-18,", 2), ("2025-06-18,2025-06-19", 2), ("2024-11-05", 1),
            ("2026-07-28,,2025-06-18", 2),
        ] as [(StaticString, Int)])
    func strange(_ list: StaticString, _ entry: Int) {
        let fault = #expect(throws: RevisionSet.Fault.self) { try served(list) }
        #expect(fault?.entry == entry)
    }

    @Test("The revision of old clients comes with the one whose rules they get")
    func oldest() throws {  // S-203
        #expect(try served("2025-03-26").contains(.november2024))
        #expect(try !served("2025-06-18").contains(.november2024))
        #expect(try served("2025-06-18").has(.legacy))
        #expect(try !served("2025-06-18").has(.modern))
    }

    @Test("Priming and polling came in November 2025, and no other client knows them")
    func capabilities() {  // S-238, S-239, S-132
        let november = [Revision.november2025]
        #expect(Revision.allCases.filter { $0.hasPriming } == november)
        #expect(Revision.allCases.filter { $0.hasPolling } == november)
        #expect(Revision.allCases.filter { $0.hasBatches } == [.november2024, .march2025])
    }
}
