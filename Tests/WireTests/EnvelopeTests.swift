import Testing
import Wire

/// What an envelope says, as one line.
private func classify(_ text: String) -> String {
    guard let document = parse(text) else { return "no JSON" }
    defer { withExtendedLifetime(document) {} }
    do {
        let envelope = try Envelope(document.root, limits: Limits())
        switch envelope.kind {
        case .request(let id): return "request \(name(id)) \(envelope.method.text)"
        case .notification: return "notification \(envelope.method.text)"
        case .response(let id, let isError): return "\(isError ? "error" : "result") \(name(id))"
        }
    } catch {
        switch error {
        case .batch: return "batch"
        case .illegalID: return "illegal id"
        case .notAMessage(let id): return "not a message \(id.map(name) ?? "null")"
        }
    }
}

private func name(_ id: RequestID) -> String {
    ByteBuffer.text { id.append(to: $0) }
}

@Suite("Envelope")
struct EnvelopeTests {
    @Test(
        "Every shape of message has its kind",
        arguments: [
            (#"{"jsonrpc":"2.0","id":1,"method":"a"}"#, "request 1 a"),
            (#"{"jsonrpc":"2.0","id":"1","method":"a"}"#, "request \"1\" a"),
            (#"{"jsonrpc":"2.0","id":"","method":"a"}"#, "request \"\" a"),
            (#"{"jsonrpc":"2.0","id":0,"method":"a","params":{}}"#, "request 0 a"),
            (#"{"jsonrpc":"2.0","id":-5,"method":"a","params":[1]}"#, "request -5 a"),
            (#"{"method":"a","id":7,"jsonrpc":"2.0"}"#, "request 7 a"),
            (
                #"{"jsonrpc":"2.0","id":9223372036854775807,"method":"a"}"#,
                "request 9223372036854775807 a"
            ),
            (#"{"jsonrpc":"2.0","method":"n/x"}"#, "notification n/x"),
            (#"{"jsonrpc":"2.0","id":1,"result":null}"#, "result 1"),
            (#"{"jsonrpc":"2.0","id":"a","result":{}}"#, "result \"a\""),
            (#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#, "error 1"),
            (#"{"jsonrpc":"2.0","id":1,"method":"a","x":1}"#, "request 1 a"),
        ])
    func kinds(_ text: String, _ kind: String) {
        #expect(classify(text) == kind)
    }

    @Test(
        "What is not one message is refused, with its id as far as it has one",
        arguments: [
            (#"{"a":1}"#, "not a message null"),
            (#"1"#, "not a message null"),
            (#""a""#, "not a message null"),
            (#"null"#, "not a message null"),
            (#"{}"#, "not a message null"),
            (#"{"jsonrpc":"1.0","id":3,"method":"a"}"#, "not a message 3"),
            (#"{"jsonrpc":2.0,"id":3,"method":"a"}"#, "not a message 3"),
            (#"{"id":"x","method":"a"}"#, "not a message \"x\""),
            (#"{"jsonrpc":"2.0","id":3}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0"}"#, "not a message null"),
            (#"{"jsonrpc":"2.0","id":3,"method":1}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","id":3,"method":""}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","id":3,"method":null}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","id":3,"method":"a","params":1}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","id":3,"method":"a","params":null}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","method":"a","params":"x"}"#, "not a message null"),
            (#"{"jsonrpc":"2.0","id":3,"method":"a","result":1}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","id":3,"result":1,"error":{}}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","id":3,"error":"x"}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","result":1}"#, "not a message null"),
        ])
    func refused(_ text: String, _ fault: String) {  // S-012
        #expect(classify(text) == fault)
    }

    @Test(
        "An id that is neither a string nor an integer makes no notification",
        arguments: [
            "null", "true", "false", "1.5", "1.0", "1e2", "{}", "[]", "9223372036854775808",
            "\"" + String(repeating: "a", count: 1025) + "\"",
        ])
    func illegalIDs(_ id: String) {  // S-013
        #expect(classify("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"method\":\"a\"}") == "illegal id")
        #expect(classify("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":1}") == "illegal id")
        #expect(classify("{\"id\":\(id),\"method\":\"a\"}") == "not a message null")
    }

    @Test(
        "An array is a batch, whatever is in it",
        arguments: ["[]", "[1]", #"[{"jsonrpc":"2.0","id":1,"method":"a"}]"#])
    func batches(_ text: String) {  // S-014
        #expect(classify(text) == "batch")
    }

    @Test("A request keeps its id when its params hold an integer beyond 64 bits")
    func hugeParameter() {  // S-013
        let text = #"{"jsonrpc":"2.0","id":1,"method":"a","params":{"n":18446744073709551616}}"#
        #expect(classify(text) == "request 1 a")
    }

    @Test("The params can be looked into")
    func params() throws {
        let document = try #require(
            parse(#"{"jsonrpc":"2.0","method":"a","params":{"_meta":{"progressToken":"t"}}}"#))
        let envelope = try Envelope(document.root, limits: Limits())
        #expect(envelope.params?["_meta"]?["progressToken"]?.string?.text == "t")
    }
}
