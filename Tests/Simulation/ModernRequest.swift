import Seeds

/// One JSON-RPC request of revision 2026-07-28, and the header fields that repeat parts of it.
struct ModernRequest {
    /// What is wrong with it.
    enum Mistake: CaseIterable {
        case method, name, noMethod, version, noCapabilities, level, param
    }

    let call: Int
    let method: String
    let offers: Set<String>
    var token = 0
    var hasToken = false
    var logLevel: String?
    var state: String?
    /// The answers to questions, by their names.
    var answers: [(name: String, value: String)] = []
    /// Whether its params are not those of the call, or its answers are no object.
    var isChanged = false
    var isMalformed = false
    var mistake: Mistake?

    static let version = "2026-07-28"
    static let claim = "\"io.modelcontextprotocol/protocolVersion\":\"\(version)\""

    init(_ call: Int, _ method: String, _ offers: Set<String>) {
        self.call = call
        self.method = method
        self.offers = offers
    }

    private var name: String? {
        switch method {
        case "tools/call", "prompts/get": "tool"
        case "resources/read": "u:0"
        default: nil
        }
    }

    func http(_ id: String, _ random: inout SeededRandom) -> Request {
        var request = Request()
        request.fields.append(
            ("MCP-Protocol-Version", mistake == .version ? "2025-11-25" : ModernRequest.version))
        if mistake != .noMethod {
            request.fields.append(("Mcp-Method", mistake == .method ? "ping" : method))
        }
        if let name { request.fields.append(("Mcp-Name", mistake == .name ? "other" : name)) }
        if method == "tools/call" {
            request.fields.append(("Mcp-Param-Region", mistake == .param ? "west" : "east"))
        }
        let members = self.members.shuffled(using: &random)
        let text = members.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ",")
        request.members = "\"id\":\(id),\"method\":\"\(method)\",\"params\":{\(text)}"
        return request
    }

    /// The members of params, in no order.
    private var members: [(name: String, value: String)] {
        var members = [(name: "m", value: "\(call)"), (name: "_meta", value: "{\(meta)}")]
        if let name {
            members.append((method == "resources/read" ? "uri" : "name", "\"\(name)\""))
        }
        if method == "tools/call" {
            members.append(("arguments", "{\"region\":\"east\",\"x\":\(isChanged ? 2 : 1)}"))
        } else if isChanged {
            members.append(("changed", "true"))
        }
        if let state { members.append(("requestState", "\"\(state)\"")) }
        let answers = self.answers.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ",")
        if state != nil {
            members.append(("inputResponses", isMalformed ? "[1]" : "{\(answers)}"))
        }
        return members
    }

    private var meta: String {
        let offered = offers.sorted().map { "\"\($0)\":{}" }.joined(separator: ",")
        var meta = [ModernRequest.claim]
        if mistake != .noCapabilities {
            meta.append("\"io.modelcontextprotocol/clientCapabilities\":{\(offered)}")
        }
        if hasToken { meta.append("\"progressToken\":\(token)") }
        let level = mistake == .level ? "loud" : logLevel
        if let level { meta.append("\"io.modelcontextprotocol/logLevel\":\"\(level)\"") }
        return meta.joined(separator: ",")
    }
}
