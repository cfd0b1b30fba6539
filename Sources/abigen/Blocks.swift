/// A part of a documentation text, for writers that have headings, lists and code of their own.
enum Block {
    /// A paragraph in capitals: "SESSIONS AND STREAMS".
    case heading(String)
    case paragraph(String)
    case list([String])
    case code([String])

    /// The blocks of a text, whose form `Prose` describes.
    static func all(in text: String) -> [Block] {
        var blocks: [Block] = []
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for group in lines.split(whereSeparator: \.isEmpty) {
            let lines = group.map(String.init)
            if lines[0].hasPrefix(" ") {
                if case .code(let before)? = blocks.last {
                    blocks[blocks.count - 1] = .code(before + [""] + lines)
                } else {
                    blocks.append(.code(lines))
                }
            } else if lines[0].hasPrefix("- ") {
                blocks.append(.list(items(of: lines)))
            } else {
                let text = lines.joined(separator: " ")
                blocks.append(text.contains { $0.isLowercase } ? .paragraph(text) : .heading(text))
            }
        }
        return blocks.map(\.flush)
    }

    private static func items(of lines: [String]) -> [String] {
        var items: [String] = []
        for line in lines {
            if line.hasPrefix("- ") {
                items.append(String(line.dropFirst(2)))
            } else {
                items[items.count - 1] += " " + line.drop { $0 == " " }
            }
        }
        return items
    }

    /// The block; code without the indentation that all its lines share.
    private var flush: Block {
        guard case .code(let lines) = self else { return self }
        let margin = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        return .code(lines.map { String($0.dropFirst(margin)) })
    }
}

/// A piece of a paragraph.
enum Span {
    case text(String)
    /// Between backticks: a parameter or an expression.
    case code(String)
    /// A name of the table; a function's has parentheses in the text.
    case name(String, isCall: Bool)

    /// The spans of a paragraph. `isKnown` tells whether a word is a name of the table.
    static func all(in paragraph: String, isKnown: (String) -> Bool) -> [Span] {
        var spans: [Span] = []
        for (index, part) in paragraph.split(separator: "`", omittingEmptySubsequences: false)
            .enumerated()
        {
            if index % 2 == 1 {
                spans.append(.code(String(part)))
            } else {
                spans += words(in: part, isKnown: isKnown)
            }
        }
        return spans
    }

    private static func words(in text: Substring, isKnown: (String) -> Bool) -> [Span] {
        var spans: [Span] = []
        var plain = ""
        var rest = text
        while let first = rest.first {
            let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            if word.isEmpty {
                plain.append(first)
                rest = rest.dropFirst()
                continue
            }
            rest = rest.dropFirst(word.count)
            guard isKnown(String(word)) else {
                plain += word
                continue
            }
            if !plain.isEmpty { spans.append(.text(plain)) }
            plain = ""
            let isCall = rest.hasPrefix("()")
            if isCall { rest = rest.dropFirst(2) }
            spans.append(.name(String(word), isCall: isCall))
        }
        return plain.isEmpty ? spans : spans + [.text(plain)]
    }
}

extension Table {
    /// The names that have an entry of their own in a reference, and those of constants.
    var names: Set<String> {
        Set(
            declarations.flatMap { declaration -> [String] in
                switch declaration {
                case .section: []
                case .constants(let constants, _): constants.map(\.name)
                case .opaque(let name, _): [name]
                case .enumeration(let enumeration):
                    [enumeration.name] + enumeration.cases.map(\.name)
                case .structure(let structure): [structure.name]
                case .callback(let callback): [callback.name]
                case .function(let function): [function.name]
                case .headerOnly(_, let body): [headerOnlyName(body)]
                }
            })
    }
}

extension Function {
    /// Its documentation and what follows from its parameters.
    var wholeDoc: String {
        ownershipSentences.isEmpty ? doc : doc + "\n\n" + ownershipSentences
    }

    /// Where it may be called, in words.
    var threadSentence: String {
        thread == .anyThread ? "May be called on any thread." : "Only on the loop's thread."
    }
}

extension Status {
    /// When a function returns it: the condition that it lists, or the general one.
    var meaning: String {
        guard let condition, let first = condition.first else { return text }
        return first.uppercased() + condition.dropFirst() + "."
    }
}
