/// How many lines of code a layer may have: a tenth more than it had when it was last looked at.
/// If it grows over that, something may be in the wrong place.
enum LayerBudgets {
    struct Budget: Sendable {
        let layer: String
        let lines: Int
        /// What the lines are for.
        let reason: String
    }

    static let all = [
        Budget(layer: "Wire", lines: 3400, reason: "HTTP/1.1, SSE and JSON-RPC, both halves"),
        Budget(layer: "MCP", lines: 950, reason: "names and rules of the revisions, as values"),
        Budget(layer: "Link", lines: 1170, reason: "a connection's bytes and timers, tables"),
        Budget(
            layer: "Session", lines: 580, reason: "decisions about sessions, streams and requests"),
        Budget(layer: "Replay", lines: 660, reason: "the stores' ports, one in memory, mailbox"),
        Budget(layer: "Engine/Server", lines: 9700, reason: "the server's rules and their checks"),
        Budget(
            layer: "Engine/Server/Nodes", lines: 800,
            reason: "messages between nodes, and the two sides of what they pass on"),
        Budget(
            layer: "Engine/Shared", lines: 600,
            reason: "what either role's engine says and recycles"),
        Budget(layer: "Runtime", lines: 2560, reason: "sockets, the loop, queues between threads"),
        Budget(
            layer: "Catalog", lines: 1700, reason: "tools, resources and prompts, and their checks"),
        Budget(layer: "CABI", lines: 2100, reason: "a thunk of a few lines for each function of C"),
        Budget(layer: "Stores/Shared", lines: 90, reason: "what all modules need"),
        Budget(layer: "Stores/SQLite", lines: 1800, reason: "a queue, a thread, a file, tables"),
        Budget(
            layer: "Stores/Redis", lines: 2920,
            reason: "a queue, connections, scripts, the slots of a cluster, and the other nodes"),
        Budget(layer: "abigen/ABI", lines: 3000, reason: "the table, with its documentation"),
        Budget(layer: "abigen", lines: 2850, reason: "one writer for each generated file"),
    ]

    static func findings(in tree: SourceTree, _ budgets: [Budget] = all) -> [Finding] {
        var lines: [String: Int] = [:]
        var findings: [Finding] = []
        for file in tree.sources {
            let layer = budgets.map(\.layer).filter { file.path.hasPrefix($0 + "/") }
                .max { $0.count < $1.count }
            if let layer {
                lines[layer, default: 0] += file.codeLines
            } else {
                findings.append(
                    Finding(path: file.path, text: "is in no layer of LayerBudgets.swift"))
            }
        }
        for budget in budgets where lines[budget.layer, default: 0] > budget.lines {
            findings.append(
                Finding(
                    path: budget.layer,
                    text: "has \(lines[budget.layer, default: 0]) lines of code, and may have "
                        + "\(budget.lines) (\(budget.reason)). Move what belongs to another layer, "
                        + "and delete what repeats itself; if all of it is right here, raise the "
                        + "budget in LayerBudgets.swift."))
        }
        return findings
    }
}
