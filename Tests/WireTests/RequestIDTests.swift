import Testing
import Wire

@Suite("RequestID")
struct RequestIDTests {
    @Test("1 is not \"1\"")
    func typeExact() {  // S-013
        #expect(RequestID.integer(1) != .string(Array("1".utf8)))
        #expect(Set([RequestID.integer(1), .string(Array("1".utf8)), .integer(1)]).count == 2)
    }

    @Test("Strings are compared byte by byte")
    func bytes() {
        let composed = RequestID.string(Array("\u{e9}".utf8))
        let decomposed = RequestID.string(Array("e\u{301}".utf8))
        #expect(composed != decomposed)
    }

    @Test(
        "An id is echoed as it came",
        arguments: [
            "0", "-1", "9223372036854775807", "-9223372036854775808",
            "9223372036854775808", "-123456789012345678901234567890", #""""#, #""1""#,
            #""a\"\\\n\u0001""#, "\"\u{e9}\u{1F600}\"", #""cut \ud83d""#,
        ])
    func echo(_ text: String) throws {
        let document = try #require(parse(text))
        let id = try #require(try Envelope.requestID(document.root, limits: Limits()))
        #expect(ByteBuffer.text { id.append(to: $0) } == text)
    }
}
