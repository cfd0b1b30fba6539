import MCP
import Testing
import Wire

@Suite("RequestMeta")
struct RequestMetaTests {
    @Test(
        "A progress token is a string or an integer, wherever it stands",
        arguments: [
            (#""params":{"_meta":{"progressToken":7},"a":1}"#, "7"),
            (#""params":{"a":[{}],"_meta":{"progressToken":"\u0061"}}"#, #""\u0061""#),
            (
                #""params":{"_meta":{"progressToken":123456789012345678901234567890}}"#,
                "123456789012345678901234567890"
            ),
            (#""p\u0061rams":{"_m\u0065ta":{"progressToken":7}}"#, "7"),
            (
                #""params":{"_meta":{"progressToken":7}},"params":{"_meta":{"progressToken":8}}"#,
                "8"
            ),
            (#""params":{"_meta":{"progressToken":7}},"params":{}"#, nil),
            (#""params":{"_meta":{"progressToken":7}},"params":[]"#, nil),
            (#""params":{"_meta":{"progressToken":7},"_meta":{}}"#, nil),
            (#""params":{"_meta":{"progressToken":1.5}}"#, nil),
            (#""params":{"_meta":{"progressToken":null}}"#, nil),
            (#""params":{"_meta":7,"progressToken":8}"#, nil),
            (#""x":{"_meta":{"progressToken":7}}"#, nil),
        ] as [(String, String?)])
    func progressTokens(_ members: String, _ token: String?) throws {
        let text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\(members)}".buffer
        let envelope = try Envelope(text.bytes, limits: Limits(), noting: MetaKey.meta)
        let meta = RequestMeta(of: envelope)
        #expect(meta.progressToken?.text.text == token)
        withExtendedLifetime(text) {}
    }

    @Test("A progress token is as long as an id may be, and no longer")
    func longTokens() throws {
        func isWithin(_ token: String) throws -> Bool {
            let text = """
                {"jsonrpc":"2.0","id":5,"method":"a","params":{"_meta":{"progressToken":\(token)}}}
                """.buffer
            defer { withExtendedLifetime(text) {} }
            let envelope = try Envelope(text.bytes, limits: Limits(), noting: MetaKey.meta)
            return RequestMeta(of: envelope).isWithin(Limits())
        }
        let long = String(repeating: "7", count: 1024)
        #expect(try isWithin("null"))
        #expect(try isWithin(long))
        #expect(try !isWithin("\(long)7"))
        #expect(try !isWithin("\"\(long)7\""))
    }
}
