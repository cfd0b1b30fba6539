import Testing
import Wire

/// What every parser of these tests indexes besides HTTP's fields.
let testFields = ExtensionFields("x-first", "x-second", "x-the-third")

/// The head of a request whose bytes are `text`.
func parseHead(_ text: String) -> RequestHead? {
    let parser = RequestParser(limits: Limits(), settings: LLHTTPSettings(indexing: testFields))
    parser.head = RequestHead()
    return text.withBytes { parser.parse($0).step } == .head ? parser.head : nil
}

@Suite("RequestHead")
struct RequestHeadTests {
    @Test(
        "The fields that the transport reads are found by any spelling of their names",
        arguments: [
            ("HOST", HeaderField.host), ("Origin", .origin), ("accept", .accept),
            ("Content-Type", .contentType), ("Last-Event-ID", .lastEventID),
            ("authorization", .authorization), ("Expect", .expect),
            ("Content-ENCODING", .contentEncoding), ("X-First", .extension(0)),
            ("x-SECOND", .extension(1)), ("X-The-Third", .extension(2)),
        ])
    func indexedFields(_ name: String, _ field: HeaderField) throws {  // S-015
        let head = try #require(parseHead("GET / HTTP/1.1\r\nX: y\r\n\(name):  vaLue\t\r\n\r\n"))
        #expect(head[field]?.text == "vaLue")
        for other in HeaderField.allCases where other != field {
            #expect(head[other] == nil)
            #expect(head.occurrences(of: other) == 0)
        }
    }

    @Test(
        "A method has the name that was sent, whether we know it or not",
        arguments: ["GET", "OPTIONS", "PUT", "PURGE", "X-!"])
    func methodName(_ name: String) throws {
        let head = try #require(parseHead("\(name) / HTTP/1.1\r\nHost: h\r\n\r\n"))
        #expect(head.methodName.text == name)
    }

    @Test("A head that is used again shows nothing of its last request, whatever fields it has")
    func reset() {
        let text = """
            PURGE /some/target HTTP/1.0\r\nHost: h\r\nContent-Length: 12\r\n\
            X-First: s\r\nAuthorization: Bearer t\r\n\r\n
            """
        let head = RequestHead()
        text.withBytes { bytes in
            let parser = RequestParser(
                limits: Limits(), settings: LLHTTPSettings(indexing: testFields))
            parser.head = head
            #expect(parser.parse(bytes).step == .head)
            #expect(head.note(asArrived: bytes))
        }
        #expect(fields(of: head) != fields(of: RequestHead()))
        head.reset()
        #expect(fields(of: head) == fields(of: RequestHead()))
        for field in HeaderField.allCases { #expect(head[field] == nil) }
    }

    /// What each field of a head shows, by its name. A pointer of its own says nothing.
    private func fields(of head: RequestHead) -> [String: String] {
        let mirror = Mirror(reflecting: head)
        let inherited = mirror.superclassMirror.map { Array($0.children) } ?? []
        let fields = (Array(mirror.children) + inherited).map { field in
            switch field.value {
            case let buffer as ByteBuffer: (field.label!, "\(buffer.bytes.text)")
            case is UnsafeRawPointer?: (field.label!, "\(field.value)")
            default: (field.label!, String(reflecting: field.value))
            }
        }
        return Dictionary(uniqueKeysWithValues: fields).filter { !$0.value.hasPrefix("0x") }
    }

    @Test(
        "A name that is not indexed is in no place of the index",
        arguments: ["X", "X-Firsu", "X-Secon", "X-The-Third-", String(repeating: "x", count: 71)])
    func otherFields(_ name: String) throws {
        let head = try #require(parseHead("GET / HTTP/1.1\r\n\(name): a\r\n\r\n"))
        #expect(HeaderField.allCases.allSatisfy { head[$0] == nil })
        #expect(head.lines.text == "\(name.lowercased()): a\r\n")
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
        #expect(name.withBytes { HeaderLines.find($0, in: head.lines)?.text } == value)
    }
}
