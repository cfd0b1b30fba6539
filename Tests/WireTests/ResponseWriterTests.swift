import Testing
import Wire

@Suite("ResponseWriter")
struct ResponseWriterTests {
    @Test("A JSON answer tells its length, and whether the connection stays")
    func jsonHead() {
        let head = ByteBuffer.text {
            $0.beginHead(.badRequest)
            $0.appendField("Allow", ("GET" as StaticString).rawBytes)
            $0.endHead(length: 12, keepsAlive: false)
        }
        #expect(
            head == "HTTP/1.1 400 Bad Request\r\nAllow: GET\r\nContent-Type: application/json\r\n"
                + "Content-Length: 12\r\nConnection: close\r\n\r\n")
    }

    @Test("An empty answer has a length, but for 204, which must not (RFC 9110 §8.6)")
    func emptyHead() {
        let accepted = ByteBuffer.text {
            $0.beginHead(.accepted)
            $0.endEmptyHead(.accepted, keepsAlive: true)
        }
        #expect(accepted == "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        let noContent = ByteBuffer.text {
            $0.beginHead(.noContent)
            $0.endEmptyHead(.noContent, keepsAlive: true)
        }
        #expect(noContent == "HTTP/1.1 204 No Content\r\n\r\n")
    }

    @Test("A stream's head forbids caching and buffering")
    func streamHead() {  // S-131, S-247
        let fields =
            "Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache, no-transform\r\n"
            + "X-Accel-Buffering: no\r\n"
        #expect(
            ByteBuffer.text { $0.endStreamHead(.chunked, keepsAlive: true) }
                == fields + "Transfer-Encoding: chunked\r\n\r\n")
        #expect(
            ByteBuffer.text { $0.endStreamHead(.chunked, keepsAlive: false) }
                == fields + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        #expect(
            ByteBuffer.text { $0.endStreamHead(.untilClose, keepsAlive: true) }
                == fields + "Connection: close\r\n\r\n")
    }

    @Test("The parts of a chunked body come out of a parser as they went in")
    func chunks() {
        let lengths = [1, 15, 16, 17, 255, 256, 70_000]
        let body = ByteBuffer()
        for length in lengths {
            body.appendPart(.chunked) { $0.append([UInt8](repeating: 0x61, count: length)) }
        }
        body.endBody(.chunked)
        let request = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body.text
        let text = String(repeating: "a", count: lengths.reduce(0, +))
        #expect(trace([Array(request.utf8)]).last == "body '\(text)'")
    }

    @Test("A body that ends with the connection has no framing")
    func untilClose() {
        let body = ByteBuffer.text {
            $0.appendPart(.untilClose) { $0.append("abc") }
            $0.endBody(.untilClose)
        }
        #expect(body == "abc")
    }
}
