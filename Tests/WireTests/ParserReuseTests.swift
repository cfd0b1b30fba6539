import Testing
import Wire

/// One parser reads all requests of a connection, and then those of others.
@Suite("A parser that is used again")
struct ParserReuseTests {
    private static var limits: Limits {
        var limits = Limits()
        limits.headerBytes = 64
        limits.headerCount = 3
        limits.messageBytes = 10
        return limits
    }

    @Test("Limits are for one request, however many came before")
    func limits() {  // S-507
        let counted = "POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n12345678"
        let chunked =
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n8\r\n12345678\r\n0\r\n\r\n"
        let stops = [
            "post / 1.1 length=8 body [content-length: 8]", "body '12345678'",
            "post / 1.1 body [transfer-encoding: chunked | a: b]", "body '12345678'",
        ]
        let all = Array(String(repeating: counted + chunked, count: 3).utf8)
        #expect(trace([all], Self.limits) == stops + stops + stops)
    }

    @Test("After a request of another version it reads one of this version")
    func version() {
        let parser = RequestParser(
            limits: Self.limits, settings: LLHTTPSettings(indexing: testFields))
        func read(_ text: String) -> HTTPParser.Step {
            parser.head = RequestHead()
            defer { parser.reset() }
            return text.withBytes { parser.parse($0).step }
        }
        #expect(read("GET / HTTP/3.0\r\n\r\n") == .fault(.version))
        #expect(read("GET / HTTP/1.1\r\n\r\n") == .head)
    }

    @Test(
        "What is no line end behind a chunk's data is not taken for one",
        arguments: ["\rX", "\r\r", "XX", "\n\n"])
    func chunkEnd(_ end: String) {  // S-513
        let request = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\(end)0\r\n\r\n"
        #expect(trace([Array(request.utf8)], Self.limits).last == "malformed")
    }

    @Test("There are as many header lines as there may be, and no more")
    func lines() {
        let head = "GET / HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 3)
        #expect(trace([Array((head + "\r\n").utf8)], Self.limits).last == "body ''")
        #expect(trace([Array((head + "a: b\r\n\r\n").utf8)], Self.limits) == ["headersTooLarge"])
    }
}
