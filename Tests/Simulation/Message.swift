import Wire

/// The parts of a client's JSON-RPC message that the checker reads.
struct Message {
    /// The JSON-RPC id as JSON text.
    let id: String?
    let hasMethod: Bool
    let errorCode: Int64?
    /// The ticket of the request that a result answers.
    let ticket: Int?
    /// The number that the host gave the message.
    let number: Int?
    let progressToken: Int?
    /// The call that the server cancels.
    let givenUp: Int?

    var isAnswer: Bool { !hasMethod }
    var isCall: Bool { hasMethod && id != nil }

    /// Nil if it is not JSON, or not JSON-RPC.
    init?(_ text: [UInt8]) {
        let buffer = ByteBuffer()
        buffer.append(text)
        defer { withExtendedLifetime(buffer) {} }
        guard let root = JSONValue(buffer.bytes, depthMax: 16),
            root["jsonrpc"]?.text.equals("\"2.0\"") == true
        else { return nil }
        id = root["id"].map { Message.text($0) }
        hasMethod = root["method"] != nil
        errorCode = root["error"]?["code"]?.integer
        let values = root["result"] ?? root["params"]
        ticket = Message.number(values?["t"])
        progressToken = Message.number(values?["progressToken"])
        number = Message.number(values?["n"] ?? values?["progress"])
        givenUp = Message.number(values?["requestId"])
        let isWhole = hasMethod || root["result"] != nil || errorCode != nil
        guard isWhole, hasMethod || id != nil else { return nil }
    }

    private static func number(_ value: JSONValue?) -> Int? {
        value?.integer.map { Int($0) }
    }

    private static func text(_ value: JSONValue) -> String {
        String(decoding: value.text, as: UTF8.self)
    }
}
