import MCP
import Testing
import Wire

@testable import Engine

/// The table of PROTOCOL S-021, row by row. Rows 1 to 5 are decided by a head alone or by a body
/// that is no message; `modern-routes.md` and `modern-only.md` have them.
@Suite("Classifier")
struct ClassifierTests {
    enum Served: String {
        case both = "2025-03-26,2025-06-18,2025-11-25,2026-07-28"
        case modern = "2026-07-28"
        case sessions = "2025-06-18,2025-11-25"

        var classifier: Classifier {
            get throws {
                var text = rawValue
                return try text.withUTF8 {
                    Classifier(served: try RevisionSet(UnsafeRawBufferPointer($0)))
                }
            }
        }
    }

    struct Row: CustomTestStringConvertible {
        let number: Int
        let served: Served
        let kind: Envelope.Kind
        var isInitialize = false
        var hasClaim = false
        let header: Classifier.Header
        let route: Classifier.Route

        var testDescription: String { "row \(number), \(served), \(kind), \(header)" }
    }

    private static let request = Envelope.Kind.request(.integer(1))
    private static let response = Envelope.Kind.response(.integer(1), isError: false)
    private static let headers: [Classifier.Header] = [.absent, .legacy, .modern, .unknown]
    private static let refusedResponse = Classifier.Route.response

    static let rows: [Row] = {
        var rows: [Row] = []
        func add(
            _ number: Int, _ served: Served, _ kinds: [Envelope.Kind], isInitialize: Bool = false,
            hasClaim: Bool = false, _ headers: [Classifier.Header], _ route: Classifier.Route
        ) {
            for kind in kinds {
                for header in headers {
                    rows.append(
                        Row(
                            number: number, served: served, kind: kind,
                            isInitialize: isInitialize, hasClaim: hasClaim, header: header,
                            route: route))
                }
            }
        }
        let responses = [response, .response(.integer(1), isError: true), .strayError]
        add(6, .both, responses, [.modern], refusedResponse)
        add(6, .modern, responses, headers, refusedResponse)
        add(7, .both, responses, [.absent, .legacy], .legacy)
        add(7, .sessions, responses, [.absent, .legacy], .legacy)
        let messages = [request, .notification]
        add(8, .both, messages, hasClaim: true, headers, .modern)
        add(8, .both, [request], isInitialize: true, hasClaim: true, headers, .modern)
        add(8, .modern, messages, hasClaim: true, headers, .modern)
        add(
            8, .sessions, messages, hasClaim: true, headers, .unserved(listing: .legacy))
        add(9, .both, [request], isInitialize: true, headers, .legacy)
        add(9, .sessions, [request], isInitialize: true, [.absent, .legacy, .unknown], .legacy)
        add(
            9, .modern, [request], isInitialize: true, [.absent, .modern, .unknown],
            .modernOnly)
        add(11, .both, [request], [.modern], .modern)
        add(11, .modern, [request], [.modern], .modern)
        add(12, .both, [.notification], [.modern], .modern)
        add(12, .modern, [.notification], [.modern], .modern)
        add(13, .both, messages, [.absent, .legacy], .legacy)
        add(13, .sessions, messages, [.absent, .legacy], .legacy)
        add(13, .modern, [request], [.absent], .modernOnly)
        add(13, .modern, [.notification], [.absent], .ignore)
        add(14, .both, messages, [.unknown], .unserved(listing: .legacy))
        add(14, .both, responses, [.unknown], .unserved(listing: .legacy))
        add(14, .sessions, messages, [.unknown], .unserved(listing: .legacy))
        add(14, .modern, messages, [.unknown], .unserved(listing: .modern))
        return rows
    }()

    @Test("A message is served by the rules of its era", arguments: rows)
    func route(_ row: Row) throws {  // S-021
        let route = try row.served.classifier.route(
            row.kind, isInitialize: row.isInitialize, hasClaim: row.hasClaim, row.header)
        #expect(route == row.route)
    }

    @Test(
        "The header names a served revision, or none",
        arguments: [
            (Served.both, [], .absent), (.both, ["2026-07-28"], .modern),
            (.both, ["2025-03-26"], .legacy), (.both, ["2024-11-05"], .legacy),
            (.both, ["2027-01-01"], .unknown), (.both, [""], .unknown),
            (.both, ["2026-07-28 "], .modern), (.both, ["2026-07-28,2026-07-28"], .unknown),
            (.both, ["2026-07-28", "2026-07-28"], .modern),
            (.both, ["2026-07-28", "2025-11-25"], .unknown),
            (.sessions, ["2026-07-28"], .unknown), (.sessions, ["2025-03-26"], .unknown),
            (.modern, ["2025-11-25"], .unknown), (.modern, ["2026-07-28"], .modern),
        ] as [(Served, [String], Classifier.Header)])
    func header(_ served: Served, _ lines: [String], _ header: Classifier.Header) throws {
        let fields = lines.map { "MCP-Protocol-Version: \($0)\r\n" }.joined()
        let head = try #require(Self.head("POST /mcp HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"))
        #expect(try served.classifier.header(of: head) == header)
    }

    private static func head(_ text: String) -> RequestHead? {
        let parser = RequestParser(limits: Limits(), settings: LLHTTPSettings(indexing: .mcp))
        let head = RequestHead()
        parser.head = head
        let step = Array(text.utf8).withUnsafeBytes { parser.parse($0).step }
        return step == .head ? head : nil
    }
}
