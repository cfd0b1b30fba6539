import Testing
import Wire

/// What a parser reports of bytes that arrive in `pieces`: one line per stop, up to a fault.
func trace(
    _ pieces: [[UInt8]], _ limits: Limits = Limits(), reusing used: RequestHead? = nil
) -> [String] {
    let parser = RequestParser(limits: limits, settings: LLHTTPSettings())
    parser.head = used ?? RequestHead()
    var stops: [String] = []
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
                parser.receiveBody(in: ByteBuffer())
            case .message: stops.append("body '\(parser.takeBody()!.buffer!.text)'")
            case .fault(let fault): return stops + ["\(fault)"]
            }
        }
    }
    return stops + (parser.isInsideMessage ? ["more"] : [])
}

private func describe(_ head: RequestHead) -> String {
    let fields = head.lines.text.split(separator: "\r\n").joined(separator: " | ")
    return [
        "\(head.method)", head.targetBytes.text, head.isHTTP10 ? "1.0" : "1.1",
        head.keepsAlive ? "" : "close", head.contentLength.map { "length=\($0)" } ?? "",
        head.hasBody ? "body" : "", "[\(fields)]",
    ].filter { !$0.isEmpty }.joined(separator: " ")
}

struct HTTPCase: Sendable, CustomTestStringConvertible {
    let name: String
    let input: String
    let stops: [String]
    var limits = Limits()

    var testDescription: String { name }

    init(_ name: String, _ input: String, _ stops: [String], _ limits: Limits = Limits()) {
        self.name = name
        self.input = input
        self.stops = stops
        self.limits = limits
    }
}

@Suite("RequestParser")
struct RequestParserTests {
    @Test("A request reads the same whole, byte by byte and cut anywhere", arguments: legal)
    func legalRequests(_ row: HTTPCase) {
        for pieces in cuts(of: Array(row.input.utf8)) {
            #expect(trace(pieces, row.limits) == row.stops)
        }
    }

    @Test("What is not a request is refused, however it is cut", arguments: illegal + excessive)
    func illegalRequests(_ row: HTTPCase) {
        for pieces in cuts(of: Array(row.input.utf8)) {
            #expect(trace(pieces, row.limits) == row.stops)
        }
    }

    @Test("A used head behaves like a new one, wherever its last request ended")
    func recycledHead() {
        let request = Array("GET /b HTTP/1.0\r\nHost: h\r\n\r\n".utf8)
        let earlier = Array("POST /long HTTP/1.1\r\nAccept: a\r\nHost: x\r\n\r\n".utf8)
        for length in 0...earlier.count {
            let head = RequestHead()
            _ = trace([Array(earlier[..<length])], reusing: head)
            #expect(trace([request], reusing: head) == ["get /b 1.0 close [host: h]", "body ''"])
            #expect(head[.host]?.text == "h")
            #expect(head[.accept] == nil)
        }
    }

    @Test("A body that has arrived as a whole can stay where it is")
    func lentBody() {
        let parser = RequestParser(limits: Limits(), settings: LLHTTPSettings())
        parser.head = RequestHead()
        "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET".withBytes { bytes in
            let (head, used) = parser.parse(bytes)
            #expect(head == .head)
            parser.borrowBody()
            let (message, rest) = parser.parse(bytes.dropBytes(used))
            #expect(message == .message)
            let body = parser.takeBody()
            #expect(body?.buffer == nil)
            #expect(body?.bytes.baseAddress == bytes.baseAddress.map { $0 + used })
            #expect(body?.bytes.text == "abc")
            #expect(bytes.dropBytes(used + rest).text == "GET")
        }
        #expect(parser.takeBody() == nil)
    }

    @Test("A body that nobody wants is skipped, and counts against the limit all the same")
    func skippedBody() {
        let parser = RequestParser(limits: Limits(), settings: LLHTTPSettings())
        parser.head = RequestHead()
        "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET".withBytes { bytes in
            let (head, used) = parser.parse(bytes)
            #expect(head == .head)
            let (message, rest) = parser.parse(bytes.dropBytes(used))
            #expect(message == .message)
            #expect(bytes.dropBytes(used + rest).text == "GET")
        }
        #expect(parser.takeBody() == nil)
    }
}

private let legal = [
    HTTPCase(
        "GET", "GET /mcp HTTP/1.1\r\nHost: a:1\r\n\r\n", ["get /mcp 1.1 [host: a:1]", "body ''"]),
    HTTPCase(
        "POST with a length", "POST /mcp?q HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        ["post /mcp?q 1.1 length=3 body [content-length: 3]", "body 'abc'"]),
    HTTPCase(
        "POST without a body", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        ["post / 1.1 length=0 [content-length: 0]", "body ''"]),
    HTTPCase(
        "POST that says nothing of a body", "POST / HTTP/1.1\r\n\r\n",
        ["post / 1.1 []", "body ''"]),
    HTTPCase(
        "chunked",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "2\r\nab\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        ["post / 1.1 body [transfer-encoding: chunked]", "body 'ab0123456789'"]),
    HTTPCase(
        "trailers are dropped",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "1\r\na\r\n0\r\nHost: evil\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
        [
            "post / 1.1 body [transfer-encoding: chunked]", "body 'a'", "get / 1.1 [host: b]",
            "body ''",
        ]),
    HTTPCase(
        "pipelined",
        "POST /1 HTTP/1.1\r\nContent-Length: 1\r\n\r\naDELETE /2 HTTP/1.1\r\nHost: b\r\n\r\nGET",
        [
            "post /1 1.1 length=1 body [content-length: 1]", "body 'a'",
            "delete /2 1.1 [host: b]", "body ''", "more",
        ]),
    HTTPCase("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", ["get / 1.0 close []", "body ''"]),
    HTTPCase(
        "HTTP/1.0 that stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        ["get / 1.0 [connection: Keep-Alive]", "body ''"]),
    HTTPCase(
        "the last of a connection", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        ["get / 1.1 close [connection: close]", "body ''"]),
    HTTPCase(
        "Expect", "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
        ["post / 1.1 length=1 body [expect: 100-continue | content-length: 1]", "body 'a'"]),
    HTTPCase(
        "an offer to upgrade is ignored",
        "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
        ["get / 1.1 [connection: Upgrade | upgrade: h2c]", "body ''", "get /2 1.1 []", "body ''"]),
    HTTPCase(
        "names are lowered, values kept, blanks around them gone",
        "OPTIONS * HTTP/1.1\r\nMCP-Session-ID: \t aB c \t\r\nX-Empty:\r\nX-Blank:  \r\n\r\n",
        ["options * 1.1 [mcp-session-id: aB c | x-empty:  | x-blank: ]", "body ''"]),
    HTTPCase("HEAD", "HEAD / HTTP/1.1\r\n\r\n", ["head / 1.1 []", "body ''"]),
    HTTPCase("PUT", "PUT / HTTP/1.1\r\n\r\n", ["other / 1.1 []", "body ''"]),
    HTTPCase(
        "a method that nobody knows, and what follows it (RFC 9110 §9.1)",
        "QUERY / HTTP/1.1\r\nContent-Length: 1\r\n\r\naget /2 HTTP/1.1\r\n\r\n",
        ["other / 1.1 length=1 body [content-length: 1]", "body 'a'", "other /2 1.1 []", "body ''"]),
    HTTPCase(
        "a method of 32 characters",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.!~1 / HTTP/1.1\r\n\r\n", ["other / 1.1 []", "body ''"]),
    HTTPCase(
        "empty lines before the request (RFC 9112 §2.2)", "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ["get / 1.1 []", "body ''"]),
    HTTPCase(
        "chunk extensions say what they like (RFC 9112 §7.1.1)",
        "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
            + "1;a=b;c=d\r\na\r\n01 ; x=\"a;b\\\"\"\t;y\r\nb\r\n00;z\r\nX: ;\r\n\r\n",
        ["post / 1.1 body [transfer-encoding: Chunked]", "body 'ab'"]),
    HTTPCase(
        "sixteen digits of a chunk's size",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000001\r\na\r\n0\r\n\r\n",
        ["post / 1.1 body [transfer-encoding: chunked]", "body 'a'"]),
    HTTPCase(
        "a target that names a host", "GET http://a/b HTTP/1.1\r\n\r\n",
        ["get http://a/b 1.1 []", "body ''"]),
    HTTPCase(
        "obs-text in a value", "GET / HTTP/1.1\r\nX: \u{e9}\r\n\r\n",
        ["get / 1.1 [x: \u{e9}]", "body ''"]),
    HTTPCase("a head that goes on", "GET / HTTP/1.1\r\nHost: a\r\n", ["more"]),
]

private let illegal = [
    HTTPCase("no HTTP at all", "\u{16}\u{3}\u{1}", ["malformed"]),
    HTTPCase("a method that is no token", "G(T / HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("a method and no more", "GET\r\n\r\n", ["malformed"]),
    HTTPCase("no method", " / HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase(
        "a method of 33 characters", "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.!~12 / HTTP/1.1\r\n\r\n",
        ["method"]),
    HTTPCase("CONNECT, whose target is no resource", "CONNECT a:1 HTTP/1.1\r\n\r\n", ["method"]),
    HTTPCase("HTTP/2.0", "GET / HTTP/2.0\r\n\r\n", ["version"]),
    HTTPCase("HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", ["version"]),
    HTTPCase("HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", ["version"]),
    HTTPCase("a request of HTTP/0.9", "GET /\r\n\r\n", ["malformed"]),
    HTTPCase("a version within the target", "GET /HTTP/2.0\r\n\r\n", ["malformed"]),
    HTTPCase("two blanks before HTTP/3.0", "GET /  HTTP/3.0\r\n\r\n", ["malformed"]),
    HTTPCase("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ["version"]),
    HTTPCase("RTSP", "GET / RTSP/1.0\r\n\r\n", ["malformed"]),
    HTTPCase("two blanks before the target", "GET  / HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("two blanks behind the target", "GET /  HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("a blank behind the version", "GET / HTTP/1.1 \r\n\r\n", ["malformed"]),
    HTTPCase("a version and a letter", "GET / HTTP/1.1x\r\n\r\n", ["malformed"]),
    HTTPCase("a version of two digits", "GET / HTTP/1.10\r\n\r\n", ["malformed"]),
    HTTPCase("letters for a version", "GET / HTTP/a.b\r\n\r\n", ["malformed"]),
    HTTPCase("half a version", "GET / HTTP/2\r\n\r\n", ["malformed"]),
    HTTPCase("a tab in the request line", "GET\t/ HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("a tab in the target", "GET /\t HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("an empty line of LF before the request", "\nGET / HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("a CR before the request", "\r\r\nGET / HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("a bare CR before the request", "\rGET / HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase(
        "LF behind the request line (RFC 9112 §2.2)", "GET / HTTP/1.1\nA: b\r\n\r\n", ["malformed"]),
    HTTPCase("LF behind a line", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", ["malformed"]),
    HTTPCase("a head that ends CR LF LF", "GET / HTTP/1.1\r\nA: b\r\n\n", ["malformed"]),
    HTTPCase("a head that ends LF CR LF", "GET / HTTP/1.1\r\nA: b\n\r\n", ["malformed"]),
    HTTPCase(
        "a head that ends in a bare CR",
        "GET / HTTP/1.1\r\nA: b\r\n\rXGET /smuggled HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase(
        "a folded line (RFC 9112 §5.2, S-513)", "GET / HTTP/1.1\r\nX: a\r\n\t b\r\n\r\n",
        ["malformed"]),
    HTTPCase("a folded first line", "GET / HTTP/1.1\r\n X: a\r\n\r\n", ["malformed"]),
    HTTPCase("an empty name", "GET / HTTP/1.1\r\n: a\r\n\r\n", ["malformed"]),
    HTTPCase("a line of a colon", "GET / HTTP/1.1\r\nA: b\r\n:\r\n\r\n", ["malformed"]),
    HTTPCase("a blank in a name", "GET / HTTP/1.1\r\nA b: a\r\n\r\n", ["malformed"]),
    HTTPCase("DEL in a value", "GET / HTTP/1.1\r\nX: a\u{7F}b\r\n\r\n", ["malformed"]),
    HTTPCase("BEL in a value", "GET / HTTP/1.1\r\nX: a\u{7}b\r\n\r\n", ["malformed"]),
    HTTPCase("a blank in the target", "GET /a b HTTP/1.1\r\n\r\n", ["malformed"]),
    HTTPCase("NUL in a value", "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", ["malformed"]),
    HTTPCase("NUL in a name", "GET / HTTP/1.1\r\nX\0: a\r\n\r\n", ["malformed"]),
    HTTPCase("a bare CR in a value", "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", ["malformed"]),
    HTTPCase("a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", ["malformed"]),
    HTTPCase("a line without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", ["malformed"]),
    HTTPCase(
        "a blank before the colon of a length",
        "POST / HTTP/1.1\r\nContent-Length : 1\r\n\r\n", ["malformed"]),
    HTTPCase(
        "a blank before the colon of a coding",
        "POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n", ["malformed"]),
    HTTPCase(
        "length and chunked at once",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ["malformed"]),
    HTTPCase(
        "chunked and length at once",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        ["malformed"]),
    HTTPCase(
        "two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        ["malformed"]),
    HTTPCase("a negative length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", ["malformed"]),
    HTTPCase("a list of lengths", "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", ["malformed"]),
    HTTPCase(
        "a length beyond 64 bits",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", ["malformed"]),
    HTTPCase(
        "a coding that is not chunked (RFC 9112 §6.3)",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", ["malformed"]),
    HTTPCase(
        "chunked before another coding",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", ["malformed"]),
    HTTPCase(
        "chunked twice", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        ["malformed"]),
    HTTPCase(
        "chunked in two lines",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        ["malformed"]),
    HTTPCase(
        "something like chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        ["malformed"]),
    HTTPCase(
        "chunked in HTTP/1.0 (RFC 9112 §6.1)",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ["malformed"]),
    HTTPCase(
        "a coding that is unknown", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        ["coding"]),
    HTTPCase(
        "a coding that is unknown, in a line of its own",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        ["coding"]),
    chunked("a chunk size that is no number", "x\r\n", "malformed"),
    chunked("an empty chunk size", "\r\n", "malformed"),
    chunked("a chunk size with a sign", "+1\r\na\r\n", "malformed"),
    chunked("a chunk size in C's notation", "0x1\r\na\r\n", "malformed"),
    chunked("a blank behind a chunk size", "1 \r\na\r\n", "malformed"),
    chunked("a blank before a chunk size", " 1\r\na\r\n", "malformed"),
    chunked("a chunk size of 17 digits", "00000000000000001\r\na\r\n", "malformed"),
    chunked("a chunk longer than it says", "1\r\nab\r\n", "malformed"),
    chunked(
        "any two bytes behind a chunk", "2\r\nabXX0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
        "malformed"),
    chunked("LF behind a chunk", "1\r\na\n0\r\n\r\n", "malformed"),
    chunked("CR and any byte behind a chunk size", "1\rXa\r\n0\r\n\r\n", "malformed"),
    chunked("LF behind a chunk size", "1\na\r\n0\r\n\r\n", "malformed"),
    chunked("LF behind an extension", "1;a\na\r\n0\r\n\r\n", "malformed"),
    chunked("CR in an extension", "1;a\rb\r\na\r\n0\r\n\r\n", "malformed"),
    chunked("NUL in an extension", "1;a\0\r\na\r\n0\r\n\r\n", "malformed"),
    chunked(
        "trailers that end in a bare CR", "0\r\n\rXGET /smuggled HTTP/1.1\r\n\r\n", "malformed"),
    chunked("trailers that end in LF", "0\r\n\nGET /smuggled HTTP/1.1\r\n\r\n", "malformed"),
    chunked("a trailer without a name", "0\r\n: a\r\n\r\n", "malformed"),
    chunked("a trailer without a colon", "0\r\nGET\r\n\r\n", "malformed"),
    chunked("a folded trailer", "0\r\nA: b\r\n c\r\n\r\n", "malformed"),
    chunked("a trailer that ends in LF", "0\r\nA: b\n\r\n", "malformed"),
]

/// A chunked body that is at fault.
private func chunked(
    _ name: String, _ body: String, _ fault: String, _ limits: Limits = Limits()
) -> HTTPCase {
    HTTPCase(
        name, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
        ["post / 1.1 body [transfer-encoding: chunked]", fault], limits)
}

private var small: Limits {
    var limits = Limits()
    limits.headerBytes = 36
    limits.headerCount = 3
    limits.targetBytes = 8
    limits.messageBytes = 4
    return limits
}

private let excessive = [
    HTTPCase(
        "a target at the limit", "GET /1234567 HTTP/1.1\r\n\r\n",
        ["get /1234567 1.1 []", "body ''"], small),
    HTTPCase("a target beyond it", "GET /12345678 HTTP/1.1\r\n\r\n", ["targetTooLong"], small),
    HTTPCase(
        "lines at the limit", "GET / HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n",
        ["get / 1.1 [a: 1 | b: 2 | c: 3]", "body ''"], small),
    HTTPCase(
        "a head at the limit", "GET / HTTP/1.1\r\nabcdefghijkl: 12\r\n\r\n",
        ["get / 1.1 [abcdefghijkl: 12]", "body ''"], small),
    HTTPCase(
        "a head beyond it", "GET / HTTP/1.1\r\nabcdefghijkl: 123\r\n\r\n",
        ["headersTooLarge"], small),
    HTTPCase(
        "a head of blanks beyond it", "GET / HTTP/1.1\r\na:                             \r\n\r\n",
        ["headersTooLarge"], small),
    HTTPCase("a target beyond it", "GET /1234567 HTTP/1.1\r\n\r\n", ["headersTooLarge"], tiny),
    HTTPCase(
        "one line more", "GET / HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n",
        ["headersTooLarge"], small),
    HTTPCase(
        "a long value", "GET / HTTP/1.1\r\na: 1234567890123456789012345678901234567890\r\n\r\n",
        ["headersTooLarge"], small),
    HTTPCase(
        "a long name", "GET / HTTP/1.1\r\na234567890123456789012345678901234567890: 1\r\n\r\n",
        ["headersTooLarge"], small),
    HTTPCase(
        "a body at the limit",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
        ["post / 1.1 body [transfer-encoding: chunked]", "body 'abcd'"], roomyHeader),
    HTTPCase(
        "a body beyond it",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
        ["post / 1.1 body [transfer-encoding: chunked]", "bodyTooLarge"], roomyHeader),
    chunked(
        "extensions beyond all heads", "1;" + String(repeating: "x", count: 300), "headersTooLarge",
        roomyHeader),
    chunked(
        "blanks beyond all heads", "1" + String(repeating: " ", count: 300), "headersTooLarge",
        roomyHeader),
    chunked(
        "a trailer beyond all heads", "0\r\nx: " + String(repeating: "x", count: 300),
        "headersTooLarge", roomyHeader),
    chunked(
        "trailers beyond all lines, with the head's", "0\r\na:\r\nb:\r\nc:\r\n\r\n",
        "headersTooLarge", roomyHeader),
    chunked("a chunk beyond every body", "FFFFFFFFFFFFFFFF\r\nabcde", "bodyTooLarge", roomyHeader),
]

private var tiny: Limits {
    var limits = small
    limits.headerBytes = 24
    return limits
}

private var roomyHeader: Limits {
    var limits = small
    limits.headerBytes = 256
    return limits
}
