import Testing
import Wire

/// The head of a request whose bytes are `text`.
func parseHead(_ text: String) -> HTTPHead? {
    let parser = HTTPParser(limits: Limits(), settings: LLHTTPSettings())
    parser.head = HTTPHead()
    return text.withBytes { parser.parse($0).step } == .head ? parser.head : nil
}

@Suite("HTTPHead")
struct HTTPHeadTests {
    @Test(
        "The fields that the transport reads are found by any spelling of their names",
        arguments: [
            ("HOST", KnownField.host), ("Origin", .origin), ("accept", .accept),
            ("Content-Type", .contentType), ("Mcp-Session-Id", .sessionID),
            ("MCP-PROTOCOL-VERSION", .protocolVersion), ("Last-Event-ID", .lastEventID),
            ("authorization", .authorization), ("Expect", .expect),
        ])
    func knownFields(_ name: String, _ field: KnownField) throws {  // S-015
        let head = try #require(parseHead("GET / HTTP/1.1\r\nX: y\r\n\(name):  vaLue\t\r\n\r\n"))
        #expect(head[field]?.text == "vaLue")
        for other in KnownField.allCases where other != field {
            #expect(head[other] == nil)
            #expect(head.occurrences(of: other) == 0)
        }
    }

    @Test("A head that is used again shows nothing of its last request, whatever fields it has")
    func reset() {
        let text = """
            PURGE /some/target HTTP/1.0\r\nHost: h\r\nContent-Length: 12\r\n\
            Mcp-Session-Id: s\r\nAuthorization: Bearer t\r\n\r\n
            """
        let head = HTTPHead()
        text.withBytes { bytes in
            let parser = HTTPParser(limits: Limits(), settings: LLHTTPSettings())
            parser.head = head
            #expect(parser.parse(bytes).step == .head)
            #expect(head.note(asArrived: bytes))
        }
        #expect(fields(of: head) != fields(of: HTTPHead()))
        head.reset()
        #expect(fields(of: head) == fields(of: HTTPHead()))
        for field in KnownField.allCases { #expect(head[field] == nil) }
    }

    /// What each field of a head shows, by its name. A pointer of its own says nothing.
    private func fields(of head: HTTPHead) -> [String: String] {
        let fields = Mirror(reflecting: head).children.map { field in
            switch field.value {
            case let buffer as ByteBuffer: (field.label!, "\(buffer.bytes.text)")
            case is UnsafeRawPointer?: (field.label!, "\(field.value)")
            default: (field.label!, String(reflecting: field.value))
            }
        }
        return Dictionary(uniqueKeysWithValues: fields).filter { $0.key != "known" }
    }

    @Test("Of several lines the first is the value, and all are counted")
    func repeatedField() throws {
        let head = try #require(parseHead("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhost: b\r\n\r\n"))
        #expect(head[.host]?.text == "a")
        #expect(head.occurrences(of: .host) == 2)
    }

    @Test("A line that is taken out leaves the others as they were", arguments: 0..<3)
    func removal(_ place: Int) throws {
        var lines = ["Host: a", "X: y", "Origin:  b "]
        lines.insert("Authorization: Bearer c", at: place)
        let head = try #require(
            parseHead("GET / HTTP/1.1\r\n\(lines.joined(separator: "\r\n"))\r\n\r\n"))
        head.remove(.authorization)
        head.remove(.authorization)
        head.remove(.accept)
        #expect(head.lines.text == "host: a\r\nx: y\r\norigin: b\r\n")
        #expect(head[.authorization] == nil && head.occurrences(of: .authorization) == 0)
        #expect(head[.host]?.text == "a" && head[.origin]?.text == "b")
    }

    @Test("An empty value is not an absent one")
    func emptyValue() throws {
        let head = try #require(parseHead("GET / HTTP/1.1\r\nOrigin:\r\n\r\n"))
        #expect(head[.origin]?.text == "")
        #expect(head.occurrences(of: .origin) == 1)
    }

    @Test(
        "Any field can be looked up in the lines",
        arguments: [
            ("x-one", "1"), ("X-ONE", "1"), ("x-two", "a: b"), ("x-on", nil), ("x-three", ""),
            ("", nil),
        ])
    func lookup(_ name: String, _ value: String?) throws {
        let head = try #require(
            parseHead("GET / HTTP/1.1\r\nX-One: 1\r\nX-Two: a: b\r\nx-one: 2\r\nX-Three:\r\n\r\n"))
        #expect(name.withBytes { HTTPHead.find($0, in: head.lines)?.text } == value)
    }
}
