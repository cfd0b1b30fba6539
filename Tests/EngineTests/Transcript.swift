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

/// The names that a conversation uses for what the engine names by random numbers: `S1` for the
/// first session that appears, `s1` for the first stream.
final class Names {
    private var sessions: [Substring] = []
    private var streams: [Substring] = []

    /// `S1` for the text of a session's id.
    func session(_ wireID: String) -> String {
        "S\(Names.place(of: wireID[...], in: &sessions))"
    }

    /// The other way. A name that has not appeared is a stranger's.
    func wireID(_ name: String) -> String {
        Names.text(name.dropFirst(), sessions)
    }

    /// `s1.2` for the text of an event's id.
    func event(_ id: String) -> String {
        let parts = id.split(separator: ".", maxSplits: 1)
        return "s\(Names.place(of: parts[0], in: &streams)).\(parts[1])"
    }

    /// The other way. What is no name goes as it stands.
    func eventID(_ name: String) -> String {
        guard let match = name.wholeMatch(of: /s(\d+)\.(.*)/) else { return name }
        return Names.text(match.output.1, streams) + "." + match.output.2
    }

    private static func place(of text: Substring, in list: inout [Substring]) -> Int {
        if !list.contains(text) { list.append(text) }
        return list.firstIndex(of: text)! + 1
    }

    private static func text(_ number: Substring, _ list: [Substring]) -> String {
        let place = Int(number)! - 1
        return list.indices.contains(place)
            ? String(list[place]) : String(repeating: "f", count: 32)
    }
}
