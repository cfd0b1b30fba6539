import Foundation

/// Short forms of what each message of revision 2026-07-28 repeats. README.md beside the
/// transcripts has them.
enum Shorthand {
    private static let identity =
        #""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}"#
    private static let subscription = #""_meta":{"io.modelcontextprotocol/subscriptionId":"#

    static func expanded(_ text: String) -> String {
        guard text.contains("«") else { return text }
        return text.replacing(/«META([^»]*)»/) { meta(String($0.output.1)) }
            .replacing(/«OF ([^»]*)»/) { "\(subscription)\($0.output.1)}" }
            .replacingOccurrences(of: "«SI»", with: identity)
    }

    static func abridged(_ text: String) -> String {
        text.replacingOccurrences(of: identity, with: "«SI»")
            .replacing(/"_meta":{"io.modelcontextprotocol\/subscriptionId":([^{}]*?)}/) {
                "«OF \($0.output.1)»"
            }
    }

    /// The `_meta` of a request whose client has the capabilities that `words` name. Among them are
    /// `version=`, `log=` and `token=`.
    private static func meta(_ words: String) -> String {
        var version = "2026-07-28"
        var capabilities: [String] = []
        var others = ""
        for word in words.split(separator: " ") {
            let part = word.split(separator: "=", maxSplits: 1)
            switch part[0] {
            case "version": version = String(part[1])
            case "log": others += #","io.modelcontextprotocol/logLevel":"\#(part[1])""#
            case "token": others += #","progressToken":\#(part[1])"#
            default: capabilities.append("\"\(word)\":{}")
            }
        }
        return """
            "_meta":{"io.modelcontextprotocol/protocolVersion":"\(version)",\
            "io.modelcontextprotocol/clientCapabilities":{\(capabilities.joined(separator: ","))}\
            \(others)}
            """
    }

    /// The header fields that repeat what a body says, as far as it says it.
    static func fields(repeating body: String) -> [String: String] {
        var fields = ["MCP-Protocol-Version": "2026-07-28"]
        let message = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        let params = message?["params"] as? [String: Any]
        let meta = params?["_meta"] as? [String: Any]
        let version = meta?["io.modelcontextprotocol/protocolVersion"] as? String
        if let version { fields["MCP-Protocol-Version"] = version }
        guard let method = message?["method"] as? String else { return fields }
        fields["Mcp-Method"] = method
        switch method {
        case "tools/call", "prompts/get": fields["Mcp-Name"] = params?["name"] as? String
        case "resources/read": fields["Mcp-Name"] = params?["uri"] as? String
        case "tasks/get", "tasks/update", "tasks/cancel":
            fields["Mcp-Name"] = params?["taskId"] as? String
        default: break
        }
        return fields
    }
}
