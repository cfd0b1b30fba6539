import Testing

@Suite("Dead code in a broken tree")
struct DeadCodeTests {
    /// The titles of what nothing uses.
    private func dead(
        in text: String, path: String = "Wire/A.swift", tests: String = ""
    ) -> [String] {
        let tree = SourceTree(
            sources: [SourceFile(path: path, text: text)],
            tests: [SourceFile(path: "Tests/Tests.swift", text: tests)])
        return DeadCode.findings(in: tree).compactMap { finding in
            let words = finding.text.split(separator: " ")
            return words[0] == "declares" ? String(words[1].dropLast()) : nil
        }
    }

    @Test("What only tests use, or nobody")
    func kinds() {
        let text = """
            package struct Used { package let value: Int }
            struct Unused { typealias Word = Int }
            enum Mode { case on, off(Int), asked }
            let global = 1
            package func run(_ mode: Mode) {
                if case .asked = mode { run(.on) }
                switch Used(value: 1) { case .off(let number): print(number) }
            }
            """
        let tests = "run(.off(2)); Used(value: 1).value"
        #expect(
            dead(in: text, tests: tests) == [
                "Used.value", "Unused", "Unused.Word", "Mode.off", "Mode.asked", "global",
                "run(_:)",
            ])
    }

    @Test("Labels tell functions of one name apart")
    func labels() {
        let text = """
            func add(_ a: Int) { add(a, to: 1) }
            func add(_ a: Int, to b: Int, twice: Bool = false) { add(a) }
            func add(_ a: Int, from b: [Int: Int], by c: Int) {}
            func add(_ a: Int, then body: () -> Void) {}
            func add(_ a: Int, _ b: Int) { add(1) { add(2) } }
            func each(_ body: (Int) -> Void, after: () -> Void) { list.map(named(_:)) }
            func named(_ a: Int) {}
            func start() { each { } after: { } }
            """
        #expect(dead(in: text) == ["add(_:from:by:)", "add(_:_:)", "start()"])
    }

    @Test("Its own body, a label, a parameter of that name or a value set and never read is no use")
    func noUses() {
        let text = """
            struct Count {
                private var rest: Int
                private var total = 0
                private var step: Int { step + 1 }
                init(rest: Int, twice: Bool) { self.rest = rest; self.total += 1 }
                init(rest: Int) { self.init(rest: rest, twice: true) }
                func again() { again() }
                func add(step: Int) -> Int { step }
            }
            let count = Count(rest: 1).add(step: 2)
            print(count)
            """
        #expect(dead(in: text) == ["Count.rest", "Count.step", "Count.again()"])
    }

    @Test("An initializer that nothing calls")
    func initializers() {
        let text = """
            struct A {
                init(of a: Int) {}
                init(copying a: A) {}
                init?<T>(_ a: T) {}
            }
            struct B { init(of b: Int, by: Int = 1) {} }
            func make() -> [A?] { [A(of: 1), .init(2), B.init(of: 3), make()] }
            """
        #expect(dead(in: text) == ["A.init(copying:)", "make()"])
    }

    @Test("What is called from outside: exports, witnesses, cases of raw values")
    func outside() {
        let text = """
            protocol Store { func keep(_ a: Int); func forget() }
            struct Memory: Store, CustomStringConvertible {
                func keep(_ a: Int) {}
                func forget() {}
                var description: String { "\\(text)" }
                private var text: String
                static func == (a: Memory, b: Memory) -> Bool { true }
                subscript(index: Int) -> Int { 0 }
                deinit {}
            }
            enum Status: Int32 { case ok = 0, broken = -1 }
            @_cdecl("shttp_x") @implementation
            public func shttp_x(_ store: Memory, _ status: Status) { store.keep(1) }
            """
        #expect(dead(in: text) == ["Store.forget()"])
    }

    @Test("An exception has to be needed, by tests")
    func exceptions() {
        let path = "Wire/SSE/SSEParser.swift"
        let text = "package struct SSEParser { package func parse() {}; package func flush() {} }"
        #expect(dead(in: text, path: path, tests: "SSEParser().parse()") == ["SSEParser.flush()"])
        let stale = DeadCode.findings(in: SourceTree(sources: []))
        #expect(stale.count == DeadCode.exceptions.count)
        #expect(stale.allSatisfy { $0.text.contains("needs no exception") })
    }
}
