import Engine
import Foundation

/// A conversation with an engine, read from a file. README.md beside the files has the grammar.
struct Transcript {
    struct Step {
        let time: Int64
        let input: Line
        /// What the input stands for if it is `given …`.
        let opening: Opening?
        var expected = Expectation()
        /// The indices of its lines in the document.
        let inputLine: Int
        var outputLines: [Int] = []
        /// The number of columns before its arrows.
        let indent: Int

        var lineNumber: Int { inputLine + 1 }
    }

    private let document: [Substring]
    private(set) var options = ServerOptions.ofTranscripts
    private(set) var steps: [Step] = []

    init(_ document: String) throws(TranscriptError) {
        self.document = document.split(separator: "\n", omittingEmptySubsequences: false)
        var isInside = false
        for (index, line) in self.document.enumerated() {
            if line.hasPrefix("```") {
                isInside.toggle()
            } else if isInside {
                try take(line, index)
            }
        }
        if isInside { throw TranscriptError("its end is missing") }
    }

    private mutating func take(_ line: Substring, _ index: Int) throws(TranscriptError) {
        if line.allSatisfy(\.isWhitespace) { return }
        do {
            if line.hasPrefix("with ") {
                return try options.take(line.split(separator: " ").dropFirst())
            }
            if let given = line.prefixMatch(of: /[0-9 ]*(?=given )/) {
                return try begin(given.output, line[given.range.upperBound...], index)
            }
            guard let arrow = line.firstIndex(where: { $0 == "→" || $0 == "←" }) else {
                throw TranscriptError("it is neither input nor output")
            }
            let text = line[line.index(after: arrow)...]
            if line[arrow] == "→" {
                try begin(line[..<arrow], text, index)
            } else {
                try end(line[..<arrow], text, index)
            }
        } catch {
            throw TranscriptError("line \(index + 1): \(error)")
        }
    }

    /// Takes an input, which begins a step.
    private mutating func begin(_ margin: Substring, _ text: Substring, _ index: Int)
        throws(TranscriptError)
    {
        let previous = steps.last?.time ?? 0
        let word = margin.trimmingCharacters(in: .whitespaces)
        guard let time = word.isEmpty ? previous : Int64(word), time >= previous else {
            throw TranscriptError("\(word) is not a time from \(previous) on")
        }
        let input = Line(Transcript.unabridged(text))
        let opening = input.words.first == "given" ? try Opening(input) : nil
        steps.append(
            Step(
                time: time, input: input, opening: opening, inputLine: index,
                indent: margin.count))
    }

    /// Takes an output of the current step.
    private mutating func end(_ margin: Substring, _ text: Substring, _ index: Int)
        throws(TranscriptError)
    {
        guard let step = steps.indices.last, steps[step].opening == nil else {
            throw TranscriptError("nothing is put in that it could be the output of")
        }
        let word = margin.trimmingCharacters(in: .whitespaces)
        guard word.isEmpty || word == "then" else { throw TranscriptError("\(word) is no mark") }
        steps[step].outputLines.append(index)
        steps[step].expected.lines.append(
            Expectation.Line(text: Transcript.unabridged(text), isMarked: word == "then"))
        let last = steps[step].expected.lines.count - 1
        guard word.isEmpty || steps[step].expected.hasOthers(above: last) else {
            throw TranscriptError("no other actor has an output above `then`")
        }
    }

    /// The document with outputs that were seen, one list for each step, instead of those that it
    /// expects. Steps that are as they are written stay as they are.
    func rewritten(for outputs: [[String]]) -> String {
        var replaced: [Int: [String]] = [:]
        for (step, outputs) in zip(steps, outputs) where !step.expected.isMet(by: outputs) {
            let new = step.expected.rewritten(for: outputs).lines.map { line in
                Transcript.margin(line.isMarked, step.indent) + "← "
                    + Transcript.abridged(line.text)
            }
            for (index, line) in step.outputLines.enumerated() {
                replaced[line] = index < new.count ? [new[index]] : []
            }
            let last = step.outputLines.last ?? step.inputLine
            replaced[last, default: [String(document[last])]] += new.dropFirst(
                step.outputLines.count)
        }
        return document.enumerated().flatMap { index, line in replaced[index] ?? [String(line)] }
            .joined(separator: "\n")
    }

    private static func margin(_ isMarked: Bool, _ indent: Int) -> String {
        let mark = isMarked ? "then " : ""
        return mark + String(repeating: " ", count: max(0, indent - mark.count))
    }

    private static func unabridged(_ text: Substring) -> String {
        Shorthand.expanded(
            text.trimmingCharacters(in: .whitespaces)
                .replacingOccurrences(of: "{…", with: "{\"jsonrpc\":\"2.0\","))
    }

    private static func abridged(_ text: String) -> String {
        Shorthand.abridged(text)
            .replacingOccurrences(of: "{\"jsonrpc\":\"2.0\",", with: "{…")
    }
}
