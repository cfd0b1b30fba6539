import Testing
import Wire

/// Heads that come again with another length of the body (RFC 9112 §6.2, RFC 9110 §8.6).
@Suite("Recurrence")
struct RecurrenceTests {
    private static let start = "POST /mcp HTTP/1.1\r\nHost: a\r\ncontent-length:  "
    private static let end = " \r\nAccept: */*\r\nMcp-Session-Id: b\r\n\r\n"

    /// A request with so many bytes of a body, or as many as `length` says.
    private static func request(_ length: String, body: Int? = nil) -> String {
        start + length + end + String(repeating: "x", count: body ?? Int(length) ?? 0)
    }

    private let head = RequestHead()

    /// A parser that puts heads into `head`, or another one.
    private func parser(_ head: RequestHead) -> RequestParser {
        let parser = RequestParser(limits: Limits(), settings: LLHTTPSettings())
        parser.head = head
        return parser
    }

    /// The head of a request that has been read and noted; nil if it could not be.
    private func noted(_ request: String) -> RequestHead? {
        let parser = parser(RequestHead())
        return request.withBytes { bytes in
            let (step, used) = parser.parse(bytes)
            guard step == .head, let head = parser.head,
                head.note(asArrived: bytes.prefixBytes(used))
            else { return nil }
            return head
        }
    }

    @Test("Any byte that differs makes it another head, but for the digits of the length")
    func otherBytes() throws {
        let request = RecurrenceTests.request("12")
        let head = try #require(noted(request))
        let digits = RecurrenceTests.start.utf8.count..<RecurrenceTests.start.utf8.count + 2
        let bytes = Array(request.utf8)
        for place in 0..<bytes.count - 12 {
            for byte in [bytes[place] ^ 1, bytes[place] ^ 0x20, 0x20, 0x30] {
                var other = bytes
                other[place] = byte
                let recurrence = other.withUnsafeBytes { head.recurrence(in: $0) }
                let length =
                    other[digits].allSatisfy(\.isDigit)
                    ? Int(String(decoding: other[digits], as: UTF8.self)) : nil
                let isKnown = byte == bytes[place] || digits.contains(place)
                let wanted = isKnown && length.map { 1...12 ~= $0 } == true ? length : nil
                #expect(recurrence?.bodyCount == wanted, "\(place): \(byte)")
            }
        }
    }

    @Test(
        "The length may have any digits that a body's length may have",
        arguments: [
            ("1", 1), ("9", 9), ("12", 12), ("012", 12), ("123", 123), ("000000123", 123),
            ("0", nil), ("00", nil), ("", nil), ("0000000123", nil), ("99999999999999999999", nil),
            ("-1", nil), ("+1", nil), ("1 2", nil), ("1,2", nil), ("0x1", nil),
        ])
    func lengths(_ length: String, _ count: Int?) throws {
        let head = try #require(noted(RecurrenceTests.request("45")))
        let recurrence = RecurrenceTests.request(length, body: 200).withBytes {
            head.recurrence(in: $0)
        }
        #expect(recurrence?.bodyCount == count)
        if count != nil {
            let headCount = RecurrenceTests.request(length, body: 0).utf8.count
            #expect(recurrence?.headCount == headCount)
        }
    }

    @Test("All of the body must be there")
    func incomplete() throws {
        let request = RecurrenceTests.request("45")
        let head = try #require(noted(request))
        for count in 0..<request.utf8.count {
            #expect(request.withBytes { head.recurrence(in: $0.prefixBytes(count)) } == nil)
        }
        #expect((request + "y").withBytes { head.recurrence(in: $0) }?.bodyCount == 45)
    }

    @Test("It becomes the head that llhttp would have made", arguments: ["7", "45", "006", "1234"])
    func becomes(_ length: String) throws {
        let head = try #require(noted(RecurrenceTests.request("45")))
        let request = RecurrenceTests.request(length)
        let read = try #require(parseHead(request))
        let other = RequestHead()
        other.become(head)
        for head in [head, other] {
            let recurrence = try #require(
                request.withBytes { bytes in
                    let recurrence = noted(RecurrenceTests.request("45"))?.recurrence(in: bytes)
                    if let recurrence, !head.equals(recurrence) { head.become(recurrence) }
                    return recurrence
                })
            #expect(recurrence.bodyCount == Int(length))
            #expect(head.lines.text == read.lines.text)
            #expect(head.targetBytes.text == "/mcp" && head.method == .post && head.keepsAlive)
            #expect(head.contentLength == read.contentLength && head.hasBody && !head.isHTTP10)
            for field in HeaderField.allCases {
                #expect(head[field]?.text == read[field]?.text)
                #expect(head.occurrences(of: field) == read.occurrences(of: field))
            }
        }
    }

    @Test(
        "Only a head that tells the length of its body is noted",
        arguments: [
            "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1234567890\r\n\r\n",
        ])
    func notNoted(_ request: String) {
        #expect(parseHead(request) != nil && noted(request) == nil)
    }

    @Test("A head that came in pieces is not noted")
    func pieces() throws {
        let parser = parser(head)
        let request = RecurrenceTests.request("45")
        let cut = RecurrenceTests.start.utf8.count + 1
        request.withBytes { bytes in
            #expect(parser.parse(bytes.prefixBytes(cut)).step == .needsMore)
            let (step, used) = parser.parse(bytes.dropBytes(cut))
            #expect(step == .head)
            #expect(!head.note(asArrived: bytes.dropBytes(cut).prefixBytes(used)))
            #expect(head.recurrence(in: bytes) == nil)
        }
    }

    @Test("A head that is read anew forgets how the last one arrived")
    func readAnew() throws {
        let parser = parser(head)
        let request = RecurrenceTests.request("2")
        request.withBytes { bytes in
            let used = parser.parse(bytes).used
            #expect(head.note(asArrived: bytes.prefixBytes(used)))
            #expect(parser.parse(bytes.dropBytes(used)).step == .message)
            #expect(head.recurrence(in: bytes) != nil)
        }
        "GET / HTTP/1.1\r\n\r\n".withBytes { #expect(parser.parse($0).step == .head) }
        request.withBytes { #expect(head.recurrence(in: $0) == nil) }
    }
}
