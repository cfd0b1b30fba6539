import Testing
import Wire

@Suite("RequestWriter")
struct RequestWriterTests {
    @Test("A request comes out of a parser as it went in")
    func roundTrip() {
        let request = ByteBuffer()
        let name: StaticString = "X-First"
        let value: StaticString = "a \t\u{e9}"
        #expect(
            "/mcp?x=1".withBytes { target in
                "a:1".withBytes { request.beginRequest("POST", target: target, host: $0) }
            })
        request.appendField("Accept", ("*/*" as StaticString).rawBytes)
        #expect(request.appendCheckedField(name.rawBytes, value.rawBytes))
        request.endRequest(length: 2)
        request.append("{}")
        #expect(
            trace([Array(request.text.utf8)]) == [
                "post /mcp?x=1 1.1 length=2 body [host: a:1 | accept: */* | x-first: a \t\u{e9}"
                    + " | content-type: application/json | content-length: 2]", "body '{}'",
            ])
    }

    @Test("A request without a body has no framing")
    func withoutBody() {
        let text = ByteBuffer.text { request in
            _ = "/".withBytes { target in
                "h".withBytes { request.beginRequest("GET", target: target, host: $0) }
            }
            request.endRequest()
        }
        #expect(text == "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    }

    @Test(
        "What would end the line, or be read as more than it is, is not written",
        arguments: [
            ("", "h"), ("/a b", "h"), ("/\r\n", "h"), ("/\u{7F}", "h"), ("/\u{e9}", "h"),
            ("/", "a b"), ("/", "a\r\nX: y"), ("/", "a\0"), ("/", "\t"),
        ])
    func illegalLines(_ target: String, _ host: String) {
        let text = ByteBuffer.text { request in
            #expect(
                !target.withBytes { target in
                    host.withBytes { request.beginRequest("GET", target: target, host: $0) }
                })
        }
        #expect(text.isEmpty)
    }

    @Test(
        "A field is a token and a value on one line (C-012)",
        arguments: [
            ("a", "b", true), ("A-b_c.1", "", true), ("a", "b  c\td", true), ("a", "\u{e9}", true),
            ("", "b", false), ("a b", "c", false), ("a:", "b", false), ("a\r", "b", false),
            ("a", "b\r", false), ("a", "b\nc: d", false), ("a", "\0", false), ("a", " b", false),
            ("a", "b\t", false), ("a", "\u{7F}", false), ("\u{e9}", "b", false),
        ])
    func fields(_ name: String, _ value: String, _ isLegal: Bool) {
        let text = ByteBuffer.text { request in
            #expect(
                isLegal
                    == name.withBytes { name in
                        value.withBytes { request.appendCheckedField(name, $0) }
                    })
        }
        #expect(text == (isLegal ? "\(name): \(value)\r\n" : ""))
    }
}
