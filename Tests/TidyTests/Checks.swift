/// One rule of the tree, and how to find what breaks it.
struct Check: Sendable, CustomStringConvertible {
    let description: String
    let findings: @Sendable (SourceTree) -> [Finding]

    init(_ description: String, _ findings: @escaping @Sendable (SourceTree) -> [Finding]) {
        self.description = description
        self.findings = findings
    }

    static let imports = Check("Imports point down") { tree in
        tree.sources.flatMap { file in
            let allowed = layers[file.layer, default: []].union(["CLibc"])
            return file.lineStarts.compactMap { index -> Finding? in
                let line = file.tokens[index].line
                let words = file.tokens[index...].prefix { $0.line == line }.map(\.text)
                guard words.contains("import"), ["import", "@"].contains(words[0]) else {
                    return nil
                }
                let module = words[words.count - 1]
                if allowed.contains(module) || guests[module] == file.path { return nil }
                return Finding(path: file.path, line: line, text: "imports \(module)")
            }
        }
    }

    static let lengths = Check("A file has at most 400 lines, a line at most 100 columns") { tree in
        tree.sources.flatMap { file in
            let lines = file.lines.count - 1
            let long = file.lines.enumerated().filter { $1.count > 100 }.map { index, line in
                Finding(path: file.path, line: index + 1, text: "has \(line.count) columns")
            }
            return long
                + (lines > 400 ? [Finding(path: file.path, text: "has \(lines) lines")] : [])
        }
    }

    static let functions = Check("A function has at most 70 lines") { tree in
        tree.swift.flatMap { file in
            DeclarationReader.declarations(in: file, number: 0).compactMap {
                declaration -> Finding? in
                switch declaration.kind {
                case .function, .initializer, .unnamed: break
                case .type, .value, .enumCase: return nil
                }
                let first = file.tokens[declaration.range.lowerBound].line
                let lines = file.tokens[declaration.range.upperBound - 1].line - first + 1
                guard lines > 70 else { return nil }
                return Finding(
                    path: file.path, line: first, text: "\(declaration.title) has \(lines) lines")
            }
        }
    }

    static let typeNames = Check("Types are named for what they are") { tree in
        let banned = [
            "Manager", "Handler", "Helper", "Util", "Utils", "Service", "Impl", "Base", "Info",
            "Data",
        ]
        return tree.sources.flatMap { file in
            DeclarationReader.declarations(in: file, number: 0).filter { declaration in
                declaration.kind == .type && banned.contains(where: declaration.name.hasSuffix)
            }.map { Finding(path: file.path, line: $0.line, text: "declares \($0.name)") }
        }
    }

    static let constructs = Check("Nothing traps on a peer's word, waits, or drags a library in") {
        tree in
        tree.sources.flatMap { file in
            let tokens = file.tokens
            return tokens.indices.compactMap { index -> Finding? in
                let after = index + 1 < tokens.count ? tokens[index + 1].text : ""
                let isBanned =
                    switch tokens[index].text {
                    case "try", "as": after == "!"
                    case "async", "await", "Foundation", "Dispatch", "Any": true
                    case "Task": after == "{"
                    default: false
                    }
                guard isBanned else { return nil }
                let text = "says \(tokens[index].text)\(after == "!" || after == "{" ? after : "")"
                return Finding(path: file.path, line: tokens[index].line, text: text)
            }
        }
    }

    static let dates = Check("Only Revision.swift knows dates") { tree in
        tree.library.filter { $0.path != "MCP/Revision.swift" }.flatMap { file in
            file.lines.enumerated().filter { $1.contains(/20\d\d-\d\d/) }.map {
                Finding(path: file.path, line: $0.offset + 1, text: "has a date")
            }
        }
    }

    static let deadCode = Check("What is in Sources, Sources use") { DeadCode.findings(in: $0) }
    static let deadC = Check("A function of C is called") { DeadCInTests.findings(in: $0) }
    static let budgets = Check("A layer keeps its budget") { LayerBudgets.findings(in: $0) }

    static let all = [
        imports, lengths, functions, typeNames, constructs, dates, deadCode, deadC, budgets,
    ]

    /// What each layer may import, beside the C library.
    static let layers: [String: Set<String>] = [
        "Wire": [],
        "MCP": ["Wire"],
        "Link": ["Wire"],
        "Session": ["Link", "MCP", "Wire"],
        "Replay": ["Link", "Session", "Wire"],
        "Engine": ["Link", "MCP", "Replay", "Session", "Wire"],
        "Runtime": ["CLibuv", "Engine", "Link", "Replay", "Session", "Synchronization", "Wire"],
        "Catalog": ["Engine", "Link", "MCP", "Session", "Wire"],
        "CABI": [
            "CStore", "CStreamableHTTP", "Catalog", "Engine", "Link", "MCP", "Replay", "Runtime",
            "Session", "Wire",
        ],
        "Stores": [
            "CHiredis", "CLibuv", "CSQLite", "CStore", "CStreamableHTTP", "StoreShared",
            "Synchronization",
        ],
        "abigen": ["Glibc"],
    ]

    /// Modules that one file alone may import.
    private static let guests = [
        "CLLHTTP": "Wire/HTTP/LLHTTPBridge.swift",
        "CJansson": "Wire/JSONRPC/JSONTree.swift",
    ]
}

extension SourceFile {
    /// The first token of each line that has one.
    fileprivate var lineStarts: [Int] {
        tokens.indices.filter { $0 == 0 || tokens[$0].line != tokens[$0 - 1].line }
    }
}
