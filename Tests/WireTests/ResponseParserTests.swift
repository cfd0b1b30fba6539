import Testing
import Wire

/// What a parser reports of responses that arrive in `pieces`: one line per stop, up to a fault; and
/// what the end of the connection means then.
private func read(
    _ pieces: [[UInt8]], _ limits: Limits = Limits(), answersHead: Bool = false,
    reusing used: ResponseHead? = nil
) -> [String] {
    let parser = ResponseParser(limits: limits, settings: LLHTTPSettings(indexing: testFields))
    parser.head = used ?? ResponseHead()
    parser.answersHead = answersHead
    var stops: [String] = []
    var body = ByteBuffer()
    for piece in pieces {
        var rest = piece[...]
        var isAtHead = false
        while !rest.isEmpty || isAtHead {
            let (step, used) = Array(rest).withUnsafeBytes { parser.parse($0) }
            rest = rest.dropFirst(used)
            isAtHead = step == .head
            switch step {
            case .needsMore: break
            case .head:
                stops.append(describe(parser.head!))
                body = ByteBuffer()
                parser.receiveBody(in: body)
            case .message: stops.append("body '\(parser.takeBody()!.buffer!.text)'")
            case .fault(let fault): return stops + ["\(fault)"]
            }
        }
    }
    switch parser.connectionEnded() {
    case .betweenMessages: return stops
    case .message: return stops + ["rest '\(body.text)'"]
    case .truncated: return stops + ["truncated"]
    }
}

private func describe(_ head: ResponseHead) -> String {
    let fields = head.lines.text.split(separator: "\r\n").joined(separator: " | ")
    return [
        "\(head.status)", head.isHTTP10 ? "1.0" : "", head.keepsAlive ? "" : "close",
        head.contentLength.map { "length=\($0)" } ?? "", head.hasBody ? "body" : "", "[\(fields)]",
    ].filter { !$0.isEmpty }.joined(separator: " ")
}

@Suite("ResponseParser")
struct ResponseParserTests {
    @Test("A response reads the same whole, byte by byte and cut anywhere", arguments: legal)
    func legalResponses(_ row: HTTPCase) {
        for pieces in cuts(of: Array(row.input.utf8)) {
            #expect(read(pieces, row.limits) == row.stops)
        }
    }

    @Test("What is not a response is refused, however it is cut", arguments: illegal)
    func illegalResponses(_ row: HTTPCase) {
        for pieces in cuts(of: Array(row.input.utf8)) {
            #expect(read(pieces, row.limits) == row.stops)
        }
    }

    @Test(
        "The answer to HEAD has no body, whatever its head says (RFC 9112 §6.3, rule 1)",
        arguments: [
            ("Content-Length: 9\r\n", "200 length=9 [content-length: 9]"),
            ("Transfer-Encoding: chunked\r\n", "200 [transfer-encoding: chunked]"),
            ("", "200 []"),
        ])
    func head(_ field: String, _ head: String) {
        for pieces in cuts(of: Array("HTTP/1.1 200 OK\r\n\(field)\r\n".utf8)) {
            #expect(read(pieces, answersHead: true) == [head, "body ''"])
        }
    }

    @Test("A used head behaves like a new one, wherever its last response ended")
    func recycledHead() {
        let response = Array("HTTP/1.0 404 No\r\nAccept: b\r\nContent-Length: 0\r\n\r\n".utf8)
        let earlier = Array("HTTP/1.1 200 OK\r\nX-First: a\r\nAccept: x\r\n\r\n".utf8)
        for length in 0...earlier.count {
            let head = ResponseHead()
            _ = read([Array(earlier[..<length])], reusing: head)
            #expect(
                read([response], reusing: head)
                    == ["404 1.0 close length=0 [accept: b | content-length: 0]", "body ''"])
            #expect(head[.accept]?.text == "b")
            #expect(head[.extension(0)] == nil)
        }
    }

    @Test("A parser that is reset has forgotten everything, wherever its last response ended")
    func reset() {
        let earlier = Array("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nX: a\r\n\r\nabc".utf8)
        let parser = ResponseParser(limits: Limits(), settings: LLHTTPSettings())
        for length in 0...earlier.count {
            parser.head = ResponseHead()
            parser.answersHead = true
            _ = earlier[..<length].withUnsafeBytes { parser.parse(UnsafeRawBufferPointer($0)) }
            parser.reset()
            #expect(!parser.isInsideMessage && parser.connectionEnded() == .betweenMessages)
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na".withBytes { bytes in
                let (step, used) = parser.parse(bytes)
                #expect(step == .head && parser.head?.hasBody == true)
                #expect(parser.parse(bytes.dropBytes(used)).step == .message)
            }
        }
    }

    @Test("A stream may be longer than any message; its parts come one by one")
    func stream() {
        var limits = Limits()
        limits.messageBytes = 4
        let parser = ResponseParser(limits: limits, settings: LLHTTPSettings())
        parser.head = ResponseHead()
        let parts = ByteBuffer()
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".withBytes {
            #expect(parser.parse($0).step == .head)
        }
        parser.streamBody(in: parts)
        for _ in 0..<100 {
            "5\r\nabcde\r\n".withBytes { #expect(parser.parse($0).step == .needsMore) }
            #expect(parts.text == "abcde")
            parts.removeAll()
        }
        "0\r\n\r\n".withBytes { #expect(parser.parse($0).step == .message) }
        #expect(parts.isEmpty)
    }
}

private let ok = "HTTP/1.1 200 OK\r\n"

private let legal = [
    HTTPCase(
        "a length", ok + "Content-Length: 3\r\n\r\nabc",
        ["200 length=3 body [content-length: 3]", "body 'abc'"]),
    HTTPCase(
        "no body", ok + "Content-Length: 0\r\n\r\n",
        ["200 length=0 [content-length: 0]", "body ''"]),
    HTTPCase(
        "chunked",
        ok + "Transfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n",
        ["200 body [transfer-encoding: chunked]", "body 'abc'"]),
    HTTPCase(
        "a body that ends with the connection (RFC 9112 §6.3, rule 8)", ok + "X: y\r\n\r\nabc",
        ["200 close body [x: y]", "rest 'abc'"]),
    HTTPCase("such a body of no bytes", ok + "\r\n", ["200 close body []", "rest ''"]),
    HTTPCase(
        "204 has no body", "HTTP/1.1 204 No Content\r\n\r\n" + ok + "\r\n",
        ["204 []", "body ''", "200 close body []", "rest ''"]),
    HTTPCase(
        "304 has no body, whatever length it names",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        ["304 length=9 [content-length: 9]", "body ''"]),
    HTTPCase(
        "204 with a body that must not be there: the connection is of no more use",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        ["204 close [transfer-encoding: chunked]", "body ''"]),
    HTTPCase(
        "204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        ["204 close length=5 [content-length: 5]", "body ''"]),
    HTTPCase(
        "interim responses are skipped (RFC 9110 §15.2)",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-First: a\r\nConnection: close\r\n\r\n"
            + ok + "Content-Length: 1\r\n\r\na",
        ["200 length=1 body [content-length: 1]", "body 'a'"]),
    HTTPCase("an interim response and no more", "HTTP/1.1 102 Processing\r\n\r\n", ["truncated"]),
    HTTPCase(
        "two responses", ok + "Content-Length: 1\r\n\r\na" + ok + "Content-Length: 1\r\n\r\nb",
        [
            "200 length=1 body [content-length: 1]", "body 'a'",
            "200 length=1 body [content-length: 1]", "body 'b'",
        ]),
    HTTPCase(
        "the last of a connection", ok + "Connection: close\r\nContent-Length: 0\r\n\r\n",
        ["200 close length=0 [connection: close | content-length: 0]", "body ''"]),
    HTTPCase(
        "HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        ["200 1.0 close length=0 [content-length: 0]", "body ''"]),
    HTTPCase(
        "HTTP/1.0 that stays",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        ["200 1.0 length=0 [connection: keep-alive | content-length: 0]", "body ''"]),
    HTTPCase(
        "close outweighs keep-alive (RFC 9112 §9.3)",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n",
        ["200 1.0 close length=0 [connection: keep-alive, close | content-length: 0]", "body ''"]),
    HTTPCase(
        "no reason phrase", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        ["200 length=0 [content-length: 0]", "body ''"]),
    HTTPCase(
        "no blank for it either", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        ["200 length=0 [content-length: 0]", "body ''"]),
    HTTPCase(
        "a reason phrase of anything",
        "HTTP/1.1 404 N\u{f6} \t no: \"x\"\r\nContent-Length: 0\r\n\r\n",
        ["404 length=0 [content-length: 0]", "body ''"]),
    HTTPCase(
        "a status that nobody knows", "HTTP/1.1 799 ?\r\nContent-Length: 0\r\n\r\n",
        ["799 length=0 [content-length: 0]", "body ''"]),
    HTTPCase(
        "an offer to upgrade is ignored",
        ok + "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
        ["200 length=0 [connection: Upgrade | upgrade: h2c | content-length: 0]", "body ''"]),
    HTTPCase("a head that goes on", ok + "X: y\r\n", ["truncated"]),
    HTTPCase("half a status line", "HTTP/1.1 2", ["truncated"]),
    HTTPCase(
        "a body that is cut off (RFC 9112 §8)", ok + "Content-Length: 3\r\n\r\nab",
        ["200 length=3 body [content-length: 3]", "truncated"]),
    HTTPCase(
        "chunks that are cut off", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        ["200 body [transfer-encoding: chunked]", "truncated"]),
    HTTPCase("nothing", "", []),
]

private let illegal = [
    HTTPCase("an empty line before it", "\r\n" + ok + "\r\n", ["malformed"]),
    HTTPCase("a request", "GET / HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("HTTP/0.9", "<html>", ["malformed"]),
    HTTPCase("SHOUTcast", "ICY 200 OK\r\n\r\n", ["malformed"]),
    HTTPCase("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", ["version"]),
    HTTPCase("HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", ["version"]),
    HTTPCase("HTTP/2", "HTTP/2 200\r\n\r\n", ["malformed"]),
    HTTPCase("small letters", "http/1.1 200 OK\r\n\r\n", ["malformed"]),
    HTTPCase("a blank before it", " HTTP/1.1 200 OK\r\n\r\n", ["malformed"]),
    HTTPCase("two blanks before the status", "HTTP/1.1  200 OK\r\n\r\n", ["malformed"]),
    HTTPCase("a tab before the status", "HTTP/1.1\t200 OK\r\n\r\n", ["malformed"]),
    HTTPCase("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", ["malformed"]),
    HTTPCase("a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", ["malformed"]),
    HTTPCase("a status below 100", "HTTP/1.1 099 OK\r\n\r\n", ["malformed"]),
    HTTPCase("no status", "HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("letters for a status", "HTTP/1.1 2OO OK\r\n\r\n", ["malformed"]),
    HTTPCase("a status and a letter", "HTTP/1.1 200OK\r\n\r\n", ["malformed"]),
    HTTPCase("LF behind the status line", "HTTP/1.1 200 OK\nX: y\r\n\r\n", ["malformed"]),
    HTTPCase("a bare CR in the reason phrase", "HTTP/1.1 200 O\rK\r\n\r\n", ["malformed"]),
    HTTPCase("a bare CR for the reason phrase", "HTTP/1.1 200\rX: y\r\n\r\n", ["malformed"]),
    HTTPCase("NUL in the reason phrase", "HTTP/1.1 200 O\0K\r\n\r\n", ["malformed"]),
    HTTPCase("a folded line", ok + "X: a\r\n b\r\n\r\n", ["malformed"]),
    HTTPCase("a blank before the colon", ok + "Content-Length : 1\r\n\r\na", ["malformed"]),
    HTTPCase(
        "switching to a protocol that nobody offered", "HTTP/1.1 101 Switching\r\n\r\n",
        ["malformed"]),
    HTTPCase("two lengths", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\na", ["malformed"]),
    HTTPCase("a negative length", ok + "Content-Length: -1\r\n\r\n", ["malformed"]),
    HTTPCase(
        "length and chunked at once (RFC 9112 §6.3, rule 3)",
        ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ["malformed"]),
    HTTPCase(
        "chunked and length at once",
        ok + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", ["malformed"]),
    HTTPCase(
        "chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ["malformed"]),
    HTTPCase(
        "a coding that is unknown", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", ["coding"]),
    HTTPCase("chunked twice", ok + "Transfer-Encoding: chunked, chunked\r\n\r\n", ["malformed"]),
    HTTPCase(
        "a chunk size that is no number", ok + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
        ["200 body [transfer-encoding: chunked]", "malformed"]),
    HTTPCase(
        "a body beyond the limit", ok + "Content-Length: 5\r\n\r\nabcde",
        ["200 length=5 body [content-length: 5]", "bodyTooLarge"], small),
    HTTPCase(
        "a body beyond the limit that ends with the connection", ok + "\r\nabcde",
        ["200 close body []", "bodyTooLarge"], small),
    HTTPCase(
        "a reason phrase beyond the limit",
        "HTTP/1.1 200 " + String(repeating: "x", count: 100), ["headersTooLarge"], small),
    HTTPCase(
        "lines beyond the limit", ok + "a:\r\nb:\r\nc:\r\nd:\r\n\r\n", ["headersTooLarge"], small),
    HTTPCase(
        "interim responses beyond the limit of one head",
        String(repeating: "HTTP/1.1 100 C\r\n\r\n", count: 9), ["headersTooLarge"], small),
]

private var small: Limits {
    var limits = Limits()
    limits.headerBytes = 64
    limits.headerCount = 3
    limits.messageBytes = 4
    return limits
}
