import MCP
import Testing
import Wire

@Suite("MCP's header fields")
struct FieldsTests {
    /// The head of a request with one header line.
    private func read(_ name: String, _ value: String) -> RequestHead? {
        let parser = RequestParser(limits: Limits(), settings: LLHTTPSettings(indexing: .mcp))
        parser.head = RequestHead()
        let request = "GET / HTTP/1.1\r\n\(name): \(value)\r\n\r\n".buffer
        defer { withExtendedLifetime(request) {} }
        return parser.parse(request.bytes).step == .head ? parser.head : nil
    }

    @Test(
        "Each is found by its name, in any case, and by no other",
        arguments: [
            (FieldName.sessionID, HeaderField.sessionID),
            (FieldName.protocolVersion, .protocolVersion),
        ])
    func fields(_ name: StaticString, _ field: HeaderField) throws {  // S-015
        for name in ["\(name)", "\(name)".lowercased(), "\(name)".uppercased()] {
            let head = try #require(read(name, "vaLue"))
            #expect(HeaderField.allCases.filter { head[$0] != nil } == [field])
            #expect(head[field]?.text == "vaLue")
        }
        let other = try #require(read("\(name)x", "a"))
        #expect(other[field] == nil)
    }
}
