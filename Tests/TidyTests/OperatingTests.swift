import Foundation
import Testing

/// What an operator may read in the log, in the answers of a server and in its counters, as Sources
/// have it and as docs/OPERATING.md has it.
private struct OperatorsView {
    /// docs/OPERATING.md.
    var page: String
    /// The library's files.
    var sources: [SourceFile]
    /// include/streamablehttp.h.
    var header: String

    static func current() throws -> OperatorsView {
        func text(_ path: String) throws -> String {
            try String(contentsOf: SourceFile.root.appendingPathComponent(path), encoding: .utf8)
        }
        return try OperatorsView(
            page: text("docs/OPERATING.md"), sources: SourceFile.library,
            header: text("include/streamablehttp.h"))
    }

    /// A row of a table: its cells, without the marks of code.
    private func rows(under title: String) -> [[String]] {
        let section = page.components(separatedBy: "\n## ").first { $0.hasPrefix(title + "\n") }
        return (section ?? "").split(separator: "\n").filter { $0.hasPrefix("| ") }.map { line in
            line.split(separator: "|").map {
                $0.trimmingCharacters(in: .whitespaces).replacing("`", with: "")
            }
        }
    }

    private func source(_ path: String) -> String {
        sources.first { $0.path == path }?.lines.joined(separator: "\n") ?? ""
    }

    /// Compares two lists; `what` is for the reader of a failure.
    private func differences(_ what: String, code: [String], page: [String]) -> [String] {
        let (inCode, onPage) = (Set(code), Set(page))
        var faults: [String] = []
        if inCode.isEmpty { faults.append("Sources have no \(what)") }
        faults += inCode.subtracting(onPage).sorted().map { "the page lacks the \(what) \($0)" }
        faults += onPage.subtracting(inCode).sorted().map { "Sources lack the \(what) \($0)" }
        if onPage.count < page.count { faults.append("the page repeats a \(what)") }
        return faults
    }

    // MARK: Log lines

    /// Each line that is logged, as `level text`; the texts of details come in `details`.
    private func logLines() -> (lines: [String], details: [String], faults: [String]) {
        var lines: [String] = []
        var details: [String] = []
        var faults: [String] = []
        for file in sources {
            let text = file.lines.joined(separator: "\n")
            // A call has a constant level; a function that passes a line on has a variable.
            for call in text.ranges(of: #/(?:[^\w.]|core\.)(?:log|line)\((?=\s*\.[a-z]+,)/#) {
                let arguments = text[call.upperBound...].upToClosingParenthesis
                let texts = arguments.matches(of: #/"((?:\\.|[^"\\])*)"/#).map {
                    $0.output.1.trimmingCharacters(in: .whitespaces)
                }
                guard let level = arguments.firstMatch(of: #/^\s*\.(\w+),/#)?.output.1,
                    let line = texts.first
                else {
                    faults.append("\(file.path) logs a line without a constant level and text")
                    continue
                }
                lines.append("\(level) \(line)")
                details += texts.dropFirst()
            }
        }
        return (lines, details, faults)
    }

    var logFaults: [String] {
        let (lines, details, faults) = logLines()
        let levels: Set = ["error", "warning", "notice", "debug"]
        let written = rows(under: "The log").filter { levels.contains($0[0]) }
        return faults
            + differences(
                "log line", code: lines, page: written.map { "\($0[0]) \($0[1])" })
            + details.filter { detail in !written.contains { $0[2].contains(detail) } }
            .map { "the page lacks the detail \($0)" }
    }

    // MARK: Refusals

    /// The literal of the only refusal that names a revision, which has its file.
    private var textWithRevision: Substring {
        let text = source("MCP/Revision.swift").firstMatch(
            of: #/static var modernOnly: StaticString {\s*("[^"]*")/#)
        return text?.output.1 ?? "?"
    }

    /// Each refusal as `status text`, with the numbers of `HTTPStatus`.
    var refusalFaults: [String] {
        var numbers: [Substring: Substring] = [:]
        let statuses = source("Wire/HTTP/HTTPStatus.swift")
        for match in statuses.matches(of: #/case (\w+) = (\d+)/#) {
            numbers[match.output.1] = match.output.2
        }
        let catalogue = source("MCP/Refusal.swift")
            .replacing("Revision.modernOnly", with: textWithRevision)
            .replacing(#/"""\n\s*((?:[^"]|"(?!""))*?)\n\s*"""/#) {
                "\"\($0.output.1.replacing(#/\\\n\s*/#, with: ""))\""
            }
        var refusals = catalogue.matches(of: #/Refusal\(\s*\.(\w+),[^"]*"([^"]*)"/#).map {
            "\(numbers[$0.output.1] ?? "?") \($0.output.2)"
        }
        let count = catalogue.matches(of: #/[^\w]Refusal\(\s*\./#).count
        let challenges = source("Engine/Server/Challenge.swift")
        let causes = Dictionary(
            grouping: challenges.matches(of: #/case ([.\w, ]+): (?:"([^"]*)"|\.(\w+))/#)
        ) { $0.output.2 == nil }
        for status in causes[true] ?? [] {
            let number = numbers[status.output.3 ?? ""] ?? "?"
            for cause in causes[false] ?? []
            where cause.output.2?.contains(" ") == true
                && status.output.1.contains(cause.output.1)
            {
                refusals.append("\(number) \(cause.output.2 ?? "")")
            }
        }
        let written = rows(under: "What refused clients are told").filter { Int($0[0]) != nil }
        return differences("refusal", code: refusals, page: written.map { "\($0[0]) \($0[1])" })
            + (refusals.count == count + 4 ? [] : ["\(refusals.count) refusals of \(count) and 4"])
    }

    // MARK: Counters

    var counterFaults: [String] {
        let structure = header.components(separatedBy: "typedef struct shttp_stats {").last ?? ""
        let fields = structure.components(separatedBy: "} shttp_stats;")[0]
            .matches(of: #/uint64_t (\w+);/#).map { String($0.output.1) }
        let written = rows(under: "Health and alarms").dropFirst().map { $0[0] }
        return differences("counter", code: fields, page: Array(written))
    }

    // MARK: The example of memory

    /// The sum of the worked example; what it says of options that have no bytes is not added.
    var sumFaults: [String] {
        let written = rows(under: "Limits and memory").filter { $0.count == 3 }
        let bytes = written.map { Int($0[2].filter(\.isNumber)) ?? 0 }
        let total = Int((written.last?[2] ?? "").filter(\.isNumber)) ?? -1
        let sum = bytes.dropLast().reduce(0, +)
        return sum == total ? [] : ["the sum is \(sum), not \(total)"]
    }

    var faults: [String] { logFaults + refusalFaults + counterFaults + sumFaults }

    // MARK: Breaking it

    /// The view with another page.
    func with(_ text: String, for old: String) throws -> OperatorsView {
        try #require(page.contains(old), "\(old) stands on the page")
        var view = self
        view.page = page.replacingOccurrences(of: old, with: text)
        return view
    }

    /// The view with one more line of code.
    func adding(_ line: String) -> OperatorsView {
        var view = self
        view.sources.append(SourceFile(path: "Engine/More.swift", lines: [line[...]]))
        return view
    }
}

extension Substring {
    /// What stands before the parenthesis that closes the one before it.
    fileprivate var upToClosingParenthesis: Substring {
        var depth = 1
        var isInText = false
        for index in indices {
            switch self[index] {
            case "\"": isInText.toggle()
            case "(" where !isInText: depth += 1
            case ")" where !isInText: depth -= 1
            default: break
            }
            if depth == 0 { return self[..<index] }
        }
        return self
    }
}

@Suite("docs/OPERATING.md")
struct OperatingTests {
    @Test("It has every log line, refusal and counter, and no other")
    func complete() throws {
        let faults = try OperatorsView.current().faults
        #expect(faults == [])
    }

    @Test("What it lacks, or has too much, is found")
    func findsFaults() throws {
        let view = try OperatorsView.current()
        let line = "`Dropped a result whose client is gone`"
        let broken = [
            "a log line that is another": try view.with("`Dropped something`", for: line),
            "another level": try view.with("| debug | \(line)", for: "| notice | \(line)"),
            "a line twice": try view.with("\(line) | | |\n| notice | \(line)", for: line),
            "no detail": try view.with("", for: "(connections_max)"),
            "no refusal": try view.with("| 404 | `Not there`", for: "| 404 | `Session not found`"),
            "another status": try view.with("| 400 | `Host not", for: "| 403 | `Host not"),
            "another challenge": try view.with("`No token`", for: "`The token is not valid`"),
            "no counter": try view.with("| `drops` |", for: "| `log_drops` |"),
            "another sum": try view.with("| **402,870,273** |", for: "| **402,870,272** |"),
            "a new line": view.adding("core.log(.warning, \"Something is wrong\")"),
            "a new detail": view.adding(
                "core.log(.notice, \"Dropped a result whose client is gone\", \"or not\")"),
            "a line from elsewhere": view.adding("core.log(.notice, text)"),
        ]
        for (what, view) in broken {
            #expect(view.faults != [], "\(what)")
        }
    }
}
