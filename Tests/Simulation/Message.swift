import Wire

/// The parts of a client's JSON-RPC message that the checker reads.
struct Message {
    /// The JSON-RPC id as JSON text.
    let id: String?
    let method: String?
    let errorCode: Int64?
    /// Whether it says that the process of its request is gone.
    let isInterruption: Bool
    /// The ticket of the request that a result answers.
    let ticket: Int?
    /// The call of a modern client that a result answers.
    let call: Int?
    /// The number that the host gave the message.
    let number: Int?
    let progressToken: Int?
    /// The call that the server cancels.
    let givenUp: Int?
    /// The severity of a log line.
    let level: String?
    let resultType: String?
    /// What a modern client is asked for, by the names of the questions, and where it comes back.
    let questions: [String]
    let requestState: String?
    /// The id of the listener that it is for, as JSON text.
    let tag: String?
    let uri: String?
    /// What a listener is told of, if it says so.
    let filter: Filter?

    var hasMethod: Bool { method != nil }
    var isAnswer: Bool { !hasMethod }
    var isCall: Bool { hasMethod && id != nil }

    /// The change that it tells of; nil if it is another message.
    var change: Filter.Change? { method.flatMap { Filter.Change(method: $0, uri: uri) } }

    /// Nil if it is not JSON, or not JSON-RPC.
    init?(_ text: [UInt8]) {
        guard let message = Message.read(text, { Message($0) }) else { return nil }
        self = message
    }

    /// The messages of a JSON array; nil if it is none, or one is not JSON-RPC.
    static func array(_ text: [UInt8]) -> [Message]? {
        read(text) { root in
            guard root.isArray else { return nil }
            let messages = root.elements.map { Message($0) }
            return messages.contains { $0 == nil } ? nil : messages.compactMap { $0 }
        }
    }

    private static func read<Result>(_ text: [UInt8], _ use: (JSONValue) -> Result?) -> Result? {
        let buffer = ByteBuffer()
        buffer.append(text)
        defer { withExtendedLifetime(buffer) {} }
        return JSONValue(buffer.bytes, depthMax: 16).flatMap(use)
    }

    private init?(_ root: JSONValue) {
        guard root["jsonrpc"]?.text.equals("\"2.0\"") == true else { return nil }
        id = root["id"].map { Message.text($0) }
        method = root["method"].flatMap { Message.string($0) }
        errorCode = root["error"]?["code"]?.integer
        let text = root["error"]?["message"].flatMap { Message.string($0) }
        isInterruption = text?.contains("before it had answered") ?? false
        let values = root["result"] ?? root["params"]
        ticket = Message.number(values?["t"])
        call = Message.number(values?["m"])
        progressToken = Message.number(values?["progressToken"])
        number = Message.number(values?["n"] ?? values?["progress"])
        givenUp = Message.number(values?["requestId"])
        level = values?["level"].flatMap { Message.string($0) }
        resultType = root["result"]?["resultType"].flatMap { Message.string($0) }
        var questions: [String] = []
        root["result"]?["inputRequests"]?.forEachMember { name, _ in
            questions.append(String(decoding: name.text, as: UTF8.self))
        }
        self.questions = questions
        requestState = root["result"]?["requestState"].flatMap { Message.string($0) }
        tag = values?["_meta"]?["io.modelcontextprotocol/subscriptionId"].map { Message.text($0) }
        uri = root["params"]?["uri"].flatMap { Message.string($0) }
        filter = root["params"]?["notifications"].map { Filter($0) }
        let isWhole = hasMethod || root["result"] != nil || errorCode != nil
        guard isWhole, hasMethod || id != nil else { return nil }
    }

    private static func number(_ value: JSONValue?) -> Int? {
        value?.integer.map { Int($0) }
    }

    private static func text(_ value: JSONValue) -> String {
        String(decoding: value.text, as: UTF8.self)
    }

    private static func text(_ buffer: ByteBuffer) -> String {
        withExtendedLifetime(buffer) { String(decoding: buffer.bytes, as: UTF8.self) }
    }

    static func string(_ value: JSONValue) -> String? { value.string.map { text($0) } }
}

/// What a listener wants to be told of.
struct Filter: Equatable {
    /// Something that a host publishes.
    enum Change: Hashable, CustomStringConvertible {
        case tools, prompts, resources
        case resource(String)

        init?(method: String, uri: String?) {
            switch method {
            case "notifications/tools/list_changed": self = .tools
            case "notifications/prompts/list_changed": self = .prompts
            case "notifications/resources/list_changed": self = .resources
            case "notifications/resources/updated": self = .resource(uri ?? "")
            default: return nil
            }
        }

        var method: String {
            switch self {
            case .tools: "notifications/tools/list_changed"
            case .prompts: "notifications/prompts/list_changed"
            case .resources: "notifications/resources/list_changed"
            case .resource: "notifications/resources/updated"
            }
        }

        var description: String {
            switch self {
            case .tools: "tools"
            case .prompts: "prompts"
            case .resources: "resources"
            case .resource(let uri): uri
            }
        }

        static var lists: [(Change, name: StaticString)] {
            [
                (.tools, "toolsListChanged"), (.prompts, "promptsListChanged"),
                (.resources, "resourcesListChanged"),
            ]
        }
    }

    var changes: Set<Change> = []

    init() {}

    /// Reads a filter as a message has it.
    init(_ value: JSONValue) {
        for (change, name) in Change.lists where value[name]?.text.equals("true") == true {
            changes.insert(change)
        }
        for uri in value["resourceSubscriptions"]?.elements ?? [] {
            changes.insert(.resource(Message.string(uri) ?? ""))
        }
    }

    var uris: [String] {
        changes.compactMap { change in
            if case .resource(let uri) = change { uri } else { nil }
        }.sorted()
    }

    var text: String {
        var members = Change.lists.filter { changes.contains($0.0) }.map { "\"\($0.name)\":true" }
        let list = uris.map { "\"\($0)\"" }.joined(separator: ",")
        if !uris.isEmpty { members.append("\"resourceSubscriptions\":[\(list)]") }
        return "{\(members.joined(separator: ","))}"
    }

    /// Whether a listener is told of a change: of a part, if it wants the whole.
    func admits(_ change: Change) -> Bool {
        if changes.contains(change) { return true }
        guard case .resource(let uri) = change, let whole = Filter.whole(of: uri) else {
            return false
        }
        return changes.contains(.resource(whole))
    }

    /// All resources that there are; the last is a part of another.
    static let resources = ["u:0", "u:1", "u:2", "u:1/part"]

    /// The resource that one is a part of.
    static func whole(of uri: String) -> String? { uri == "u:1/part" ? "u:1" : nil }
}
