import Simulation
import Testing

private let stream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
private let chunks = stream + "Transfer-Encoding: chunked\r\n\r\n"

/// The reader that the transcripts, the simulator and the fuzzers trust.
@Suite("The oracle of responses")
struct ResponseReaderTests {
    private func lines(_ text: String, cut: Bool = false) -> [String] {
        var reader = ResponseReader()
        let pieces = cut ? text.utf8.map { [$0] } : [Array(text.utf8)]
        let items = pieces.flatMap { reader.read($0) }
        let names = Names()
        return items.map { $0.line(names) } + (reader.isBetweenItems ? [] : ["…"])
    }

    @Test("Well-formed responses are read, however they are cut")
    func wellFormed() {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\n"
            + "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Content-Length: 2\r\n\r\nnoHTTP/1.1 204 No Content\r\n\r\n" + chunks
            + "6\r\n: hi\n\n\r\na\r\nretry: 75\n\r\n1\r\n\n\r\n20\r\nid: a.0\ndata:\n\n"
            + "data: 1\rdata: 2\r\r\r\n0\r\n\r\n"
            + "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        let expected = [
            "100", "404 content-type=text/plain; charset=utf-8 no", "204", "200 stream",
            "comment hi", "retry 75", "prime s1", "event 1⏎2", "end", "200 close",
        ]
        #expect(lines(text) == expected)
        #expect(lines(text, cut: true) == expected)
    }

    @Test("A response to HEAD has a length and no body")
    func head() {
        var reader = ResponseReader()
        reader.asksForHead = [true, false]
        let response = Array("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n".utf8)
        #expect(reader.read(response).count == 1 && reader.isBetweenItems)
        #expect(reader.read(response).isEmpty && !reader.isBetweenItems)
    }

    @Test(
        "What is not well-formed is called so",
        arguments: [
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 99 No\r\n\r\n",
            "HTTP/1.1 204 No\r\nA:b\r\n\r\n", "HTTP/1.1 204 No\r\nA b\r\n\r\n",
            "HTTP/1.1 204 No\r\nA : b\r\n\r\n", "HTTP/1.1 204 No\r\nA: \u{1}\r\n\r\n",
            "HTTP/1.1 204 No\r\nA: b\rB: c\r\n\r\n", "HTTP/1.1 204 No\r\nA: b\nB: c\r\n\r\n",
            "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 100 Go\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\nH",
            stream + "\r\n", stream + "Content-Length: 0\r\n\r\n",
            stream + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
            chunks + "-1\r\n", chunks + "\r\n", chunks + "2\r\n: \n\n",
            chunks + "3\r\n: \n\r\n0\r\n\r\n",
            chunks + "8\r\nid: 1\n\n\n\r\n", chunks + "8\r\ndata:\n\n\n\r\n",
            chunks + "7\r\nnew: 1\n\r\n1\r\n\n\r\n", chunks + "a\r\nretry: no\n\r\n1\r\n\n\r\n",
        ])
    func malformed(_ text: String) {
        #expect(lines(text).contains { $0.hasPrefix("malformed: ") }, "\(lines(text))")
    }
}
