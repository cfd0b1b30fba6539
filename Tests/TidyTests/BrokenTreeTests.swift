import Testing

/// Each check finds what is broken on purpose, by its name and line, and nothing beside it.
@Suite("A broken tree")
struct BrokenTreeTests {
    /// The tree of one file, and what `check` says about it.
    private func findings(
        _ check: Check, _ path: String, _ text: String, tests: String = ""
    ) -> [String] {
        let tests = SourceFile(path: "Tests/Tests.swift", text: tests)
        let tree = SourceTree(sources: [SourceFile(path: path, text: text)], tests: [tests])
        return check.findings(tree).map(\.description)
    }

    @Test("Every check has a test here")
    func complete() {
        #expect(Check.all.count == 9)
    }

    @Test("An import that points up, and a guest of another file")
    func imports() {
        let text = """
            import Wire  // up is down
            // import Engine
            import Engine
            @_exported import CJansson
            import CLibc
            let text = "import Runtime"
            """
        #expect(
            findings(Check.imports, "MCP/Names.swift", text) == [
                "MCP/Names.swift:3 imports Engine", "MCP/Names.swift:4 imports CJansson",
            ])
        #expect(findings(Check.imports, "Wire/JSONRPC/JSONTree.swift", "import CJansson") == [])
    }

    @Test("A file of 401 lines, a line of 101 columns")
    func lengths() {
        let lines = String(repeating: "\n", count: 400)
        #expect(findings(Check.lengths, "Wire/Long.swift", lines) == [])
        #expect(
            findings(Check.lengths, "Wire/Long.swift", lines + "\n")
                == ["Wire/Long.swift has 401 lines"])
        let wide = String(repeating: "x", count: 101)
        #expect(
            findings(Check.lengths, "Wire/Wide.swift", "\n" + wide + "\n")
                == ["Wire/Wide.swift:2 has 101 columns"])
    }

    @Test("A function, an initializer and an operator of 71 lines", arguments: ["", "    "])
    func functions(indent: String) {
        func text(_ head: String, lines: Int) -> String {
            "struct S {\n" + indent + head + " {\n" + String(repeating: "f { }\n", count: lines - 2)
                + indent + "}\n}"
        }
        for (head, title) in [
            ("private static func long<T>(_ text: String = \"}\", by: T)", "S.long(_:by:)"),
            ("init?(of: Int)", "S.init(of:)"), ("deinit", "S.deinit"),
            ("static func < (a: S, b: S) -> Bool", "S.<"),
        ] {
            #expect(findings(Check.functions, "Wire/S.swift", text(head, lines: 70)) == [])
            #expect(
                findings(Check.functions, "Wire/S.swift", text(head, lines: 71))
                    == ["Wire/S.swift:2 \(title) has 71 lines"])
        }
    }

    @Test("Names of types that say nothing")
    func typeNames() {
        let text = """
            struct SocketManager { enum Info {} }
            final class Basement { var data: Int }
            typealias Helper = Int
            """
        #expect(
            findings(Check.typeNames, "Wire/Names.swift", text) == [
                "Wire/Names.swift:1 declares SocketManager", "Wire/Names.swift:1 declares Info",
                "Wire/Names.swift:3 declares Helper",
            ])
    }

    @Test("Words that trap, wait or drag a library in")
    func constructs() {
        let text = """
            let a = try! f() // try!
            let b = c as! D
            let e = "await \\(await g())"
            let f: Any? = #"as! \\(async)"#
            Task { }
            """
        #expect(
            findings(Check.constructs, "Wire/Traps.swift", text) == [
                "Wire/Traps.swift:1 says try!", "Wire/Traps.swift:2 says as!",
                "Wire/Traps.swift:3 says await", "Wire/Traps.swift:4 says Any",
                "Wire/Traps.swift:5 says Task{",
            ])
    }

    @Test("A date outside of Revision.swift")
    func dates() {
        let text = "\n/// Since 2025-11-25."
        #expect(
            findings(Check.dates, "MCP/Text.swift", text) == ["MCP/Text.swift:2 has a date"])
        #expect(findings(Check.dates, "MCP/Revision.swift", text) == [])
    }

    @Test("A layer over its budget, and a file in no layer")
    func budgets() {
        let text = """
            let a = 1

            // no code
            let b = #"
            "#
            let c = 2
            """
        let file = SourceFile(path: "Wire/A.swift", text: text)
        let stray = SourceFile(path: "Attic/B.swift", text: "")
        let tree = SourceTree(sources: [file, stray])
        func findings(lines: Int) -> [Finding] {
            LayerBudgets.findings(
                in: tree, [LayerBudgets.Budget(layer: "Wire", lines: lines, reason: "bytes")])
        }
        let strays = [Finding(path: "Attic/B.swift", text: "is in no layer of LayerBudgets.swift")]
        #expect(findings(lines: 3) == strays)
        #expect(findings(lines: 2).count == 2)
        let said = findings(lines: 2).last?.text ?? ""
        #expect(said.hasPrefix("has 3 lines of code, and may have 2 (bytes)"))
    }

    @Test("A function of C that nothing calls")
    func deadC() {
        let header =
            "int used(int a);\nint unused(void);\nstatic inline int idle(void) { return '\"'; }"
        let source = """
            #include "a.h"
            #define CHECK(x) (x)
            int used(int a) { return a; }
            int unused(void) { return CHECK(1); }
            int main(void) { return used(2); }
            """
        let tree = SourceTree(
            sources: [],
            c: [
                SourceFile(path: "Tests/C/a.h", text: header),
                SourceFile(path: "Tests/C/a.c", text: source),
            ])
        #expect(
            Check.deadC.findings(tree).map(\.description) == [
                "Tests/C/a.h:3 defines idle, which nothing calls",
                "Tests/C/a.c:4 defines unused, which nothing calls",
            ])
    }
}
