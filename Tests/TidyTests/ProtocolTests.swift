import Foundation
import Testing

/// The requirements of docs/PROTOCOL.md: what it defines, what of that is served, and what no test
/// names.
struct Requirements {
    private(set) var served: Set<String> = []
    private(set) var notServed: Set<String> = []
    /// The reasons of the section that lists what no test names.
    private(set) var untested: [String: String] = [:]
    /// The keys of paragraphs and sections that comments cite: `9-A1`, `7.3`.
    private(set) var places: Set<String> = []
    private(set) var problems: [String] = []

    /// A number is not served if its own line or the heading of a section around it says so.
    private static let mark = "not served yet"

    init(_ text: String) {
        var headings: [(level: Int, isServed: Bool)] = []
        var isList = false
        var part = ""
        for line in text.split(separator: "\n") {
            if let heading = line.prefixMatch(of: #/(#+) (.*)/#) {
                let level = heading.output.1.count
                headings.removeAll { $0.level >= level }
                headings.append((level, !line.contains(Requirements.mark)))
                isList = line.contains("Requirements that no test names")
                let number = heading.output.2.prefixMatch(of: #/[\d.]*\d(-[A-E])?/#)
                part = number.map { String($0.output.0) } ?? ""
                places.insert(part)
            } else if let definition = line.prefixMatch(of: #/\* \*\*([ACMS]-\d{3})\*\*([^—]*)—/#) {
                let isServed =
                    headings.allSatisfy(\.isServed)
                    && !definition.output.2.contains(Requirements.mark)
                define(String(definition.output.1), isServed: isServed)
            } else if line.hasPrefix("* **"), line.contains(#/\*\*[ACMS]-\d{3}\*\*/#) {
                problems.append("A definition without a dash in its first line: \(line)")
            } else if let place = line.prefixMatch(of: #/\* \*\*[A-E](\d+)\b/#) {
                places.insert(part + place.output.1)
            } else if isList, let row = line.prefixMatch(of: #/\| ([ACMS]-\d{3}) \| (.*) \|/#) {
                untested[String(row.output.1)] = String(row.output.2)
            }
        }
    }

    private mutating func define(_ number: String, isServed: Bool) {
        if served.contains(number) || notServed.contains(number) {
            problems.append("\(number) is defined twice")
        }
        if isServed { served.insert(number) } else { notServed.insert(number) }
    }

    /// The numbers that a text cites; `S-011 to S-014` cites four.
    static func citations(in text: some StringProtocol) -> Set<String> {
        let citation = #/\b([ACMS]-)(\d{3})\b(?:(?:\s+to\s+|–|…)[ACMS]-(\d{3})\b)?/#
        var found: Set<String> = []
        for match in String(text).matches(of: citation) {
            let first = Int(match.output.2) ?? 0
            let last = match.output.3.flatMap { Int($0) } ?? first
            for number in first...max(first, last) {
                let digits = String(number)
                let zeros = String(repeating: "0", count: 3 - digits.count)
                found.insert("\(match.output.1)\(zeros)\(digits)")
            }
        }
        return found
    }

    /// What a tree cites and this text does not define.
    func unknown(in tree: Tree) -> [String] {
        let known = served.union(notServed)
        return tree.flatMap { path, text in
            let places = text.matches(of: #/§(9-[A-E]\d+)|\bPROTOCOL (\d\.\d)/#)
                .compactMap { $0.output.1 ?? $0.output.2 }.map { String($0) }
            return Requirements.citations(in: text).subtracting(known)
                .union(Set(places).subtracting(self.places))
                .map { "\(path) cites \($0), which docs/PROTOCOL.md does not have" }
        }.sorted()
    }

    /// What is served and named neither by these tests nor by the list, and what is wrong with the
    /// list.
    func untestedProblems(_ tests: Tree) -> [String] {
        let tested = tests.values.reduce(into: Set<String>()) { all, text in
            all.formUnion(Requirements.citations(in: text))
        }
        var problems = served.subtracting(tested).filter { untested[$0] == nil }.map {
            "No test names \($0), and section 10 of docs/PROTOCOL.md does not say why"
        }
        for (number, reason) in untested {
            if !served.contains(number) {
                problems.append("Section 10 lists \(number), which is not served")
            } else if tested.contains(number) {
                problems.append("Section 10 lists \(number), which a test names")
            } else if reason.split(separator: " ").count < 3 {
                problems.append("Section 10 gives no reason for \(number)")
            }
        }
        return problems.sorted()
    }
}

@Suite("The protocol's requirements")
struct ProtocolTests {
    private let requirements: Requirements
    /// This folder cites numbers that do not exist, as examples.
    private let tree = Repository.tree(
        "Sources", "Tests", "include", "bindings", "examples", "docs"
    )
    .filter { !$0.key.hasPrefix("Tests/TidyTests/") }

    init() throws {
        requirements = Requirements(try Repository.text(of: "docs/PROTOCOL.md"))
    }

    @Test("There is something to check, and each number is defined once")
    func found() {
        #expect(requirements.served.count > 80)
        #expect(requirements.notServed.count > 80)
        #expect(requirements.problems == [])
        #expect(tree.keys.contains { $0.hasPrefix("Tests/EngineTests/Transcripts/") })
        #expect(tree.keys.contains { $0.hasPrefix("bindings/python/tests/") })
        #expect(tree["docs/PROTOCOL.md"] != nil)
    }

    @Test("Each number that is cited exists")
    func citations() {
        #expect(requirements.unknown(in: tree) == [])
    }

    @Test("Each number of what is served is named by a test, or says why not")
    func tests() {
        let tests = tree.filter { path, _ in
            path.hasPrefix("bindings/python/tests/")
                || path.hasPrefix("Tests/") && !path.hasPrefix("Tests/Mutations/")
        }
        #expect(requirements.untestedProblems(tests) == [])
    }

    // MARK: The test tests itself

    private static let sample = """
        # 2. Server
        ## 2.1 Gate
        * **S-001** · ALL · MUST — one path. *Check:* S-002 (T4)
        * **S-002** · ALL · MUST — `Origin`
        * **S-016** · R4 · *not served yet* · ENG — doubled fields
        * **S-017** · ALL · MUST — an id (R4, not served yet: another)
        # 3. Client (not served yet)
        ## 3.1 Mechanics
        * **C-001** · ALL · MUST — its own POST
        # 9. Traps
        ## 9-A. Inside
        * **A1 — no id.** Text
        # 10. Requirements that no test names
        | number | why |
        |---|---|
        | S-017 | The host's duty alone |
        """

    @Test("A section or a line says what is not served")
    func marks() {
        let requirements = Requirements(Self.sample)
        #expect(requirements.served == ["S-001", "S-002", "S-017"])
        #expect(requirements.notServed == ["S-016", "C-001"])
        #expect(requirements.untested == ["S-017": "The host's duty alone"])
        #expect(requirements.places.isSuperset(of: ["2.1", "9-A1"]))
        #expect(requirements.problems == [])
        #expect(
            Requirements("* **S-001** · ALL — a\n* **S-001** · ALL — b\n* **S-002** · ALL").problems
                == [
                    "S-001 is defined twice",
                    "A definition without a dash in its first line: * **S-002** · ALL",
                ])
    }

    @Test("A range cites all its numbers")
    func ranges() {
        #expect(
            Requirements.citations(in: "// S-009 to\nS-011, A-001; M-020–M-021, S-2001, XS-003")
                == ["S-009", "S-010", "S-011", "A-001", "M-020", "M-021"])
    }

    @Test("What is cited and does not exist is found")
    func brokenCitations() {
        let tree: Tree = [
            "Sources/A.swift": "/// S-001, S-003 (§9-A1, §9-A7, PROTOCOL 2.1, PROTOCOL 6.1)",
            "Tests/B.md": "S-001 to S-002, C-001",
        ]
        #expect(
            Requirements(Self.sample).unknown(in: tree) == [
                "Sources/A.swift cites 6.1, which docs/PROTOCOL.md does not have",
                "Sources/A.swift cites 9-A7, which docs/PROTOCOL.md does not have",
                "Sources/A.swift cites S-003, which docs/PROTOCOL.md does not have",
            ])
    }

    @Test("What no test names is found, and so is a stale line of the list")
    func brokenTests() {
        let requirements = Requirements(Self.sample)
        #expect(requirements.untestedProblems(["a": "S-001, S-002"]) == [])
        #expect(
            requirements.untestedProblems(["a": "S-001", "b": "S-017"]) == [
                "No test names S-002, and section 10 of docs/PROTOCOL.md does not say why",
                "Section 10 lists S-017, which a test names",
            ])
        let stale =
            Self.sample + """

                | S-016 | Not served, so nobody asks |
                | S-999 | Unknown to this text |
                | S-002 | |
                | S-001 | later |
                """
        #expect(
            Requirements(stale).untestedProblems(["a": "S-002"]) == [
                "Section 10 gives no reason for S-001",
                "Section 10 lists S-016, which is not served",
                "Section 10 lists S-999, which is not served",
            ])
    }
}
