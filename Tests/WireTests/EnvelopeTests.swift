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
        case .strayError: return "stray error"
        }
    } catch {
        switch error {
        case .notUTF8(let id): return "not UTF-8 \(id.map(name) ?? "null")"
        case .notJSON(let id): return "not JSON \(id.map(name) ?? "null")"
        case .tooDeep(let id): return "too deep \(id.map(name) ?? "null")"
        case .batch: return "batch"
        case .illegalID: return "illegal id"
        case .idTooLong: return "id too long"
        case .paramsNotStructured(let id): return "params \(id.map(name) ?? "null")"
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
            (#"{"jsonrpc":"2.0","id":1,"method":"a","params":null}"#, "request 1 a"),
            (#"{"jsonrpc":"2.0","method":"a","params":null}"#, "notification a"),
            (
                #"{"jsonrpc":"2.0","id":-123456789012345678901234567890,"method":"a"}"#,
                "request -123456789012345678901234567890 a"
            ),
            (#"{"jsonrpc":"2.0","id":"\ud83d","method":"a"}"#, #"request "\ud83d" a"#),
            (#"{"jsonrpc":"2.0","id":1,"method":"a\ud83d!"}"#, "request 1 a\u{FFFD}!"),
            (#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#, "stray error"),
            (#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#, "stray error"),
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
            (#"{"jsonrpc":"2.0","id":3,"method":"a","params":1}"#, "params 3"),
            (#"{"jsonrpc":"2.0","method":"a","params":"x"}"#, "params null"),
            (#"{"jsonrpc":"2.0","id":3,"method":"a","result":1}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","id":3,"result":1,"error":{}}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","id":3,"error":"x"}"#, "not a message 3"),
            (#"{"jsonrpc":"2.0","result":1}"#, "not a message null"),
            (#"{"jsonrpc":"2.0","result":1,"error":{}}"#, "not a message null"),
        ])
    func refused(_ text: String, _ fault: String) {  // S-012
        #expect(classify(text) == fault)
    }

    @Test(
        "An id that is neither a string nor an integer makes no notification",
        arguments: [
            "null", "true", "false", "1.5", "1.0", "1e2", "{}", "[]",
        ])
    func illegalIDs(_ id: String) {  // S-013
        #expect(classify("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"method\":\"a\"}") == "illegal id")
        #expect(classify("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":1}") == "illegal id")
        #expect(classify("{\"id\":\(id),\"method\":\"a\"}") == "not a message null")
    }

    @Test("An id is as long as the limit, and no longer")
    func longIDs() {
        func request(_ id: String) -> String {
            #"{"jsonrpc":"2.0","id":\#(id),"method":"a"}"#
        }
        let long = String(repeating: "7", count: 1024)
        #expect(classify(request("\"\(long)\"")) == "request \"\(long)\" a")
        #expect(classify(request(long)) == "request \(long) a")
        #expect(classify(request("\"\(long)7\"")) == "id too long")
        #expect(classify(request("\(long)7")) == "id too long")
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
        let text = #" {"jsonrpc":"2.0","method":"a","params": {"b":{"c":"t"}} }"#.buffer
        let envelope = try Envelope(text.bytes, limits: Limits())
        #expect(envelope.params?.text.text == #"{"b":{"c":"t"}}"#)
        #expect(envelope.params?["b"]?["c"]?.string?.text == "t")
        #expect(envelope.notedParam == nil)
        withExtendedLifetime(text) {}
    }

    @Test(
        "The member of the params that is asked for is noted, wherever it stands",
        arguments: [
            (#""params":{"b":{"c":7},"a":1}"#, #"{"c":7}"#),
            (#""params":{"a":[{"b":1}],"b":"\u0061"}"#, #""\u0061""#),
            (#""p\u0061rams":{"\u0062":7}"#, "7"),
            (#""params":{"b":7},"params":{"b":8}"#, "8"),
            (#""params":{"b":7},"params":{}"#, nil),
            (#""params":{"b":7},"params":[]"#, nil),
            (#""params":{"b":7},"params":null"#, nil),
            (#""params":{"b":7,"b":{}}"#, "{}"),
            (#""params":["b"]"#, nil),
            (#""params":{"B":7,"bb":8,"":9}"#, nil),
            (#""x":{"b":7},"b":8"#, nil),
        ] as [(String, String?)])
    func notedParams(_ members: String, _ value: String?) throws {
        let text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\(members)}".buffer
        let envelope = try Envelope(text.bytes, limits: Limits(), noting: "b")
        #expect(envelope.notedParam?.text.text == value)
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
        "What is no JSON is refused with its reason, and with the id that stands in it",
        arguments: [
            ("", "not JSON null"), ("{", "not JSON null"), ("[", "not JSON null"),
            ("[1", "not JSON null"), ("nul", "not JSON null"), (#"{"id":"#, "not JSON null"),
            (#"{"jsonrpc":"2.0","id":1,"method":"a"} x"#, "not JSON 1"),
            (#"{"jsonrpc":"2.0","id":1,}"#, "not JSON 1"),
            (#"{"jsonrpc":"2.0","method":"a","params":{"a":"\x"}}"#, "not JSON null"),
            (#"{"params":{"a":"\x","id":2},"id":"b\n"}"#, #"not JSON "b\n""#),
            (#"{"params":{"id":2},"id" : 3"#, "not JSON 3"),
            (#"{"id":3,"params":["id",":4\"#, "not JSON 3"),
            (#"{"id":4,"a":"#, "not JSON 4"), (#"{"id":1.5,"a":}"#, "not JSON null"),
            (#"{"id":null,"a":}"#, "not JSON null"), (#"{"a":"\"id\":7","id"=8}"#, "not JSON null"),
            (#"{"id":{"id":7},"a":}"#, "not JSON null"), (#"["id":7"#, "not JSON 7"),
            ("{\"id\":5,\"a\":\"\u{1}\"}", "not JSON 5"),
        ])
    func notJSON(_ text: String, _ fault: String) {  // S-011, S-017
        #expect(classify(text) == fault)
    }

    @Test("What nests too deep is told, and its id wherever it stands")
    func tooDeep() {
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(
            classify(#"{"jsonrpc":"2.0","id":6,"method":"a","params":\#(deep)}"#) == "too deep 6")
        #expect(
            classify(#"{"jsonrpc":"2.0","method":"a","params":\#(deep),"id":6}"#) == "too deep 6")
        #expect(classify(deep) == "too deep null")
    }

    @Test("What is not UTF-8 is told, and its id wherever it stands")
    func notUTF8() {
        for text in [#"{"id":6,"a":"?"}"#, #"{"a":"?","id":6}"#, #"{"?":[],"id":6"#] {
            let bytes = text.utf8.map { $0 == UInt8(ascii: "?") ? 0xFF : $0 }
            #expect(throws: Envelope.Fault.notUTF8(.integer(6))) {
                try bytes.withUnsafeBytes { _ = try Envelope($0, limits: Limits()) }
            }
        }
    }
}
