import Foundation

/// A conversation with an engine, read from a file. README.md beside the files has the grammar.
struct Transcript {
    struct Step {
        let lineNumber: Int
        let time: Int64
        let input: String
        var outputs: [String] = []
    }

    private(set) var options: [Substring] = []
    private(set) var steps: [Step] = []

    init(_ document: String) {
        var isInside = false
        var time: Int64 = 0
        for (index, line) in document.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            if line.hasPrefix("```") { isInside.toggle() }
            guard isInside else { continue }
            if line.hasPrefix("with ") { options += line.split(separator: " ").dropFirst() }
            guard let arrow = line.firstIndex(where: { $0 == "→" || $0 == "←" }) else { continue }
            time = Int64(line[..<arrow].trimmingCharacters(in: .whitespaces)) ?? time
            let text = line[line.index(after: arrow)...].trimmingCharacters(in: .whitespaces)
                .replacingOccurrences(of: "{…", with: "{\"jsonrpc\":\"2.0\",")
            if line[arrow] == "→" {
                steps.append(Step(lineNumber: index + 1, time: time, input: text))
            } else {
                steps[steps.count - 1].outputs.append(text)
            }
        }
    }
}
