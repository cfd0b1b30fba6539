import Engine
import MCP
import Session
import Testing
import Wire

@Suite("HostMessage")
struct HostMessageTests {
    private let messages = HostMessage(ServerOptions())

    /// The text that is passed on; nil if it is refused.
    private func passed(
        _ json: String,
        _ pass: (UnsafeRawBufferPointer, (UnsafeRawBufferPointer) throws(CallerFault) -> Void)
            throws(CallerFault) -> Void
    ) -> String? {
        let text = Array(json.utf8).withUnsafeBytes { ByteBuffer(copying: $0) }
        defer { withExtendedLifetime(text) {} }
        var passed: String?
        do {
            try pass(text.bytes) { (line) throws(CallerFault) in passed = line.text }
        } catch {
            #expect(error == CallerFault.invalidMessage)
            #expect(passed == nil)
        }
        return passed
    }

    @Test(
        "A value is passed on as one line, without the blanks around it",
        arguments: [
            ("{}", "{}"), (" \n{}\r\n", "{}"), ("{\n\"a\":\r\n[1,\r2]}", "{ \"a\":  [1, 2]}"),
            ("\"\\n\\r\"", "\"\\n\\r\""),
            ("[\"a\u{2028}\",\"\u{2029}\u{85}\"\n]", "[\"a\\u2028\",\"\\u2029\\u0085\" ]"),
            ("\"\u{2027}\u{202A}\u{84}\u{86}\u{E2}\"", "\"\u{2027}\u{202A}\u{84}\u{86}\u{E2}\""),
            ("{\"\u{2028}\":\"\\ud83d\"}", "{\"\\u2028\":\"\\ud83d\"}"), ("[ 1,\t2 ]", "[ 1,\t2 ]"),
            ("7\n", "7"),
            ("", nil), ("\n", nil), ("\"a\nb\"", nil), ("{\n", nil), ("{}\n{}", nil),
        ])
    func value(_ json: String, _ line: String?) {  // S-514
        #expect(passed(json, messages.withValue) == line)
        #expect(passed(json, messages.withOptionalValue) == (json.isEmpty ? "" : line))
        let text = Array(json.utf8).withUnsafeBytes { ByteBuffer(copying: $0) }
        #expect((try? messages.take(text))?.text == line)
    }

    @Test(
        "A method is text of 1024 bytes at most, and none of JSON-RPC's own",
        arguments: [
            ("a", true), ("rpc", true), (String(repeating: "a", count: 1024), true),
            ("", false), ("rpc.a", false), (String(repeating: "a", count: 1025), false),
        ])
    func method(_ method: String, _ isUsable: Bool) {
        let passed: Void? = Array(method.utf8).withUnsafeBytes { try? messages.checkMethod($0) }
        #expect((passed != nil) == isUsable)
    }

    @Test(
        "Params are structured, or there are none",
        arguments: [
            ("", ""), ("[]", "[]"), (" {\n}\n", "{ }"),
            ("7", nil), (" null", nil), ("\"[]\"", nil), ("\n", nil), ("[\n", nil),
        ])
    func params(_ json: String, _ line: String?) {
        #expect(passed(json, messages.withParams) == line)
    }

    @Test(
        "Tools are a list of objects with names",
        arguments: [
            ("[]", true), (#"[{"name":"a"}]"#, true),
            (#"[{"n\u0061me":"a","inputSchema":7}]"#, true),
            ("{}", false), ("[7]", false), ("[{}]", false), (#"[{"name":7}]"#, false),
            (#"[{"name":"a"},{"title":"b"}]"#, false), ("[", false), ("", false),
        ])
    func tools(_ tools: String, _ isUsable: Bool) {
        let passed: Void? = Array(tools.utf8).withUnsafeBytes { try? messages.checkTools($0) }
        #expect((passed != nil) == isUsable)
    }

    @Test(
        "A call of a request's fails at once only where no client could ever be asked",
        arguments: [
            ("2025-11-25,2026-07-28", ResponseMode.json, nil), ("2026-07-28", .json, nil),
            ("2025-11-25", .json, .jsonResponse), ("2025-11-25", .stream, nil),
        ] as [(String, ResponseMode, CallerFault?)])
    func mode(_ served: String, _ mode: ResponseMode, _ fault: CallerFault?) throws {
        var options = ServerOptions()
        options.responseMode = mode
        options.revisions = try Array(served.utf8).withUnsafeBytes { try RevisionSet($0) }
        let messages = HostMessage(options)
        var thrown: CallerFault?
        do { try messages.checkMode(.relatedCall) } catch { thrown = error }
        #expect(thrown == fault)
    }
}
