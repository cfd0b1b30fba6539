import Testing
import Wire

/// What an envelope says, as one line.
private func classify(_ text: String) -> String {
    let buffer = text.buffer
    do {
        let envelope = try Envelope(buffer.bytes, limits: Limits())
        switch envelope.kind {
        case .request(let id): return "request \(name(id)) \(envelope.method.text)"
        case .notification: return "notification \(envelope.method.text)"
        case .response(let id, let isError): return "\(isError ? "error" : "result") \(name(id))"
        }
    } catch {
        switch error {
        case .malformed: return "malformed"
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
            (#"{"j\u0073onrpc":"\u0032.0","\u0069d":1,"method":"\u0061\n"}"#, "request 1 a\n"),
            (
                #"{"jsonrpc":"1.0","id":5,"id":6,"method":"b","method":"a","jsonrpc":"2.0"}"#,
                "request 6 a"
            ),
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
        let text =
            #" {"jsonrpc":"2.0","method":"a","params": {"_meta":{"progressToken":"t"}} }"#.buffer
        let envelope = try Envelope(text.bytes, limits: Limits())
        #expect(envelope.params?.text.text == #"{"_meta":{"progressToken":"t"}}"#)
        #expect(envelope.params?["_meta"]?["progressToken"]?.string?.text == "t")
        #expect(envelope.progressToken?.text.text == "\"t\"")
        withExtendedLifetime(text) {}
    }

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
        let envelope = try Envelope(text.bytes, limits: Limits())
        #expect(envelope.progressToken?.text.text == token)
        withExtendedLifetime(text) {}
    }

    @Test("The id stands as it is written")
    func id() throws {
        let text = #"{"jsonrpc":"2.0","method":"a","id": "\u0061" }"#.buffer
        let envelope = try Envelope(text.bytes, limits: Limits())
        #expect(envelope.id?.text.text == #""\u0061""#)
        #expect(envelope.kind == .request(.string([0x61])))
    }

    @Test(
        "What is no JSON is malformed, whatever stands before the fault",
        arguments: [
            "", "{", #"{"jsonrpc":"2.0","id":1,"method":"a"} x"#, #"{"jsonrpc":"2.0","id":1,}"#,
            "[", "[1", "nul", #"{"jsonrpc":"2.0","method":"a","params":{"a":"\x"}}"#,
        ])
    func malformed(_ text: String) {  // S-011
        #expect(classify(text) == "malformed")
    }
}
