import MCP
import Testing
import Wire

@Suite("Params")
struct ParamsTests {
    @Test(
        "What a request says is found before and behind `_meta`, of two members the last",
        arguments: [
            #"{"name":"a","_meta":{"name":"x","uri":1},"arguments":{"b":[]}}"#,
            #"{"_meta":{"name":"x","uri":1},"name":"a","arguments":{"b":[]}}"#,
            #"{"_meta":{"name":"y"},"name":"n", "name" : "a" , "_meta" : {"name":"x"} ,"arguments":{"b":[]}}"#,
            #"{"arguments":{"b":[]},"_meta":7,"n\u0061me":"a"}"#,
            #"{"arguments":{"b":[]},"name":"a"}"#,
        ])
    func modern(_ params: String) throws {
        let text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":\(params)}".buffer
        let envelope = try Envelope(text.bytes, limits: Limits(), noting: MetaKey.meta)
        for known in [envelope.notedParam, nil] {
            let read = ModernParams(envelope.params, knowing: known)
            #expect(read.name?.text.text == #""a""#)
            #expect(read.arguments?.text.text == #"{"b":[]}"#)
            #expect(read.uri == nil)
        }
        withExtendedLifetime(text) {}
    }

    @Test("What `initialize` says is found in any order, of two members the last")
    func initialize() throws {
        let text = """
            {"clientInfo":{"name":"c"},"x":{"protocolVersion":"y"},"capabilities":1,\
            "protocolVersion":"2025-06-18","c\\u0061pabilities":{}}
            """.buffer
        let params = InitializeParams(JSONValue(text.bytes, depthMax: 8))
        #expect(params.protocolVersion?.text.text == #""2025-06-18""#)
        #expect(params.capabilities?.text.text == "{}")
        #expect(params.clientInfo?.text.text == #"{"name":"c"}"#)
        #expect(InitializeParams(nil).protocolVersion == nil)
        withExtendedLifetime(text) {}
    }
}
