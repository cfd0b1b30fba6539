/// Functions of C and C++ that nothing calls. The compiler finds those that are static in a source
/// file; these are the others.
enum DeadCInTests {
    /// Its functions take the place of those of the C library.
    private static let counters = "Tests/Benchmarks/counters.c"

    static func findings(in tree: SourceTree) -> [Finding] {
        var definitions: [(path: String, name: Token)] = []
        var words: [String: Int] = [:]
        var mentions: [String: Int] = [:]
        for file in tree.c {
            for token in file.tokens where token.isWord { words[token.text, default: 0] += 1 }
            for (name, isDefinition) in functions(of: file.tokens) {
                mentions[name.text, default: 0] += 1
                if isDefinition { definitions.append((file.path, name)) }
            }
        }
        return definitions.filter { path, name in
            words[name.text] == mentions[name.text] && name.text != "main" && path != counters
        }.map { path, name in
            Finding(path: path, line: name.line, text: "defines \(name.text), which nothing calls")
        }
    }

    /// The names of functions that are declared or defined at the top level.
    private static func functions(of tokens: [Token]) -> [(name: Token, isDefinition: Bool)] {
        var found: [(Token, Bool)] = []
        var depth = 0
        var index = 0
        while index < tokens.count {
            switch tokens[index].text {
            case "{" where index > 0 && tokens[index - 1].text == "\"\"": break  // extern "C" {
            case "{": depth += 1
            case "}": depth = max(0, depth - 1)
            case "("
            where depth == 0 && index > 1 && tokens[index - 1].isWord
                && isType(tokens[index - 2]):
                let end = tokens.arguments(from: index).end
                if end < tokens.count, ["{", ";"].contains(tokens[end].text) {
                    found.append((tokens[index - 1], tokens[end].text == "{"))
                }
                index = end - 1
            default: break
            }
            index += 1
        }
        return found
    }

    private static func isType(_ token: Token) -> Bool {
        token.text == "*" || token.isWord && token.text != "define"
    }
}
