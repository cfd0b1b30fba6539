/// Something that a Swift file declares, and that something else is meant to use.
struct Declaration: Sendable {
    enum Kind: Sendable, Equatable {
        case type, value, enumCase
        case function([Parameter])
        case initializer([Parameter])
        /// An operator, a subscript, a `deinit`: used without its name.
        case unnamed
    }

    struct Parameter: Sendable, Equatable {
        /// `_` for none.
        let label: String
        let name: String
        let hasDefault: Bool
    }

    let kind: Kind
    let name: String
    /// The type around it; empty at the top level.
    let owner: String
    let file: Int
    let line: Int
    /// Of its name, or of the keyword of an initializer.
    let nameIndex: Int
    /// Its tokens, in which it does not count as used.
    var range: Range<Int>
    let attributes: Set<String>
    /// A requirement, which other declarations meet.
    let isRequirement: Bool
    /// Of an enum whose cases come from a raw value, or that lists its cases.
    let isMadeFromValues: Bool

    /// As one writes about it: `SlotTable.insert(_:at:)`.
    var title: String { owner.isEmpty ? signature : owner + "." + signature }

    var signature: String {
        switch kind {
        case .type, .value, .enumCase, .unnamed: name
        case .function(let parameters), .initializer(let parameters):
            name + "(" + parameters.map { $0.label + ":" }.joined() + ")"
        }
    }

    var parameters: [Parameter] {
        switch kind {
        case .type, .value, .enumCase, .unnamed: []
        case .function(let parameters), .initializer(let parameters): parameters
        }
    }
}

/// Finds what a file declares. Local values are left to the compiler.
struct DeclarationReader {
    private(set) var declarations: [Declaration] = []

    private struct Scope {
        enum Kind {
            case file
            case type(keyword: String, hasValues: Bool)
            case code
        }
        let kind: Kind
        let owner: String
        /// The declaration whose body it is.
        let declaration: Int?
    }

    private let tokens: [Token]
    private let file: Int
    private var at = 0
    private var scopes = [Scope(kind: .file, owner: "", declaration: nil)]
    /// What the next brace opens.
    private var next: Scope?
    private var attributes: Set<String> = []

    static func declarations(in source: SourceFile, number: Int) -> [Declaration] {
        var reader = DeclarationReader(tokens: source.tokens, file: number)
        while reader.at < reader.tokens.count { reader.readToken() }
        return reader.declarations
    }

    private init(tokens: [Token], file: Int) {
        self.tokens = tokens
        self.file = file
    }

    private var scope: Scope { scopes[scopes.count - 1] }

    private func text(_ index: Int) -> String {
        tokens.indices.contains(index) ? tokens[index].text : ""
    }

    private mutating func readToken() {
        let word = text(at)
        switch word {
        case "{":
            scopes.append(next ?? Scope(kind: .code, owner: scope.owner, declaration: nil))
            next = nil
            at += 1
        case "}":
            if let index = scope.declaration, declarations.indices.contains(index) {
                declarations[index].range = declarations[index].range.lowerBound..<at + 1
            }
            if scopes.count > 1 { scopes.removeLast() }
            (next, attributes) = (nil, [])
            at += 1
        case "@":
            attributes.insert(text(at + 1))
            at += 2
        case _ where text(at - 1) == ".": at += 1
        case "struct", "enum", "protocol", "extension", "actor", "class": readType(word)
        case "typealias": declare(.type, at: at + 1, until: at + 2)
        case "func": readFunction()
        case "init", "subscript": readInitializer(word)
        case "deinit": declareCode(.unnamed, at: at, until: at + 1)
        case "var", "let": readValue()
        case "case": readCases()
        default: at += 1
        }
    }

    private mutating func declare(_ kind: Declaration.Kind, at index: Int, until end: Int) {
        var (isRequirement, hasValues) = (false, false)
        if case .type(let keyword, let values) = scope.kind {
            (isRequirement, hasValues) = (keyword == "protocol", values)
        }
        declarations.append(
            Declaration(
                kind: kind, name: text(index), owner: scope.owner, file: file,
                line: tokens[min(index, tokens.count - 1)].line, nameIndex: index, range: at..<end,
                attributes: attributes, isRequirement: isRequirement, isMadeFromValues: hasValues))
        attributes = []
        at = end
    }

    private mutating func readType(_ keyword: String) {
        guard tokens.indices.contains(at + 1), tokens[at + 1].isWord,
            !["func", "var", "let"].contains(text(at + 1))
        else { return at += 1 }
        var name = text(at + 1)
        var end = at + 2
        while text(end) == "." {
            name = text(end + 1)
            end += 2
        }
        var heirs: [String] = []
        var brace = end
        while brace < tokens.count, text(brace) != "{" {
            heirs.append(text(brace))
            brace += 1
        }
        let values: Set = [
            "CaseIterable", "String", "Character", "Int", "Int8", "Int16", "Int32", "Int64", "UInt",
            "UInt8", "UInt16", "UInt32", "UInt64",
        ]
        let kind = Scope.Kind.type(
            keyword: keyword, hasValues: keyword == "enum" && heirs.contains(where: values.contains)
        )
        if keyword == "extension" {
            next = Scope(kind: kind, owner: name, declaration: nil)
            at = brace
            return
        }
        next = Scope(kind: kind, owner: name, declaration: declarations.count)
        declare(.type, at: at + 1, until: brace)
    }

    private mutating func readFunction() {
        var open = at + 1
        let isNamed = tokens.indices.contains(open) && tokens[open].isWord
        if isNamed {
            open += 1
            if text(open) == "<" { open = tokens.skippingAngles(from: open) }
        } else {
            while open < tokens.count, text(open) != "(" { open += 1 }
        }
        guard text(open) == "(" else { return at += 1 }
        let parts = tokens.arguments(from: open)
        let kind = isNamed ? Declaration.Kind.function(parameters(parts.ranges)) : .unnamed
        declareCode(kind, at: at + 1, until: parts.end)
    }

    private mutating func readInitializer(_ word: String) {
        guard case .type = scope.kind else { return at += 1 }
        var open = at + 1
        while ["?", "!"].contains(text(open)) { open += 1 }
        if text(open) == "<" { open = tokens.skippingAngles(from: open) }
        guard text(open) == "(" else { return at += 1 }
        let parts = tokens.arguments(from: open)
        let kind =
            word == "init" ? Declaration.Kind.initializer(parameters(parts.ranges)) : .unnamed
        declareCode(kind, at: at, until: parts.end)
    }

    /// Declares what has a body, unless it is a requirement.
    private mutating func declareCode(_ kind: Declaration.Kind, at index: Int, until end: Int) {
        if case .type("protocol", _) = scope.kind {
            next = nil
        } else {
            next = Scope(kind: .code, owner: scope.owner, declaration: declarations.count)
        }
        declare(kind, at: index, until: end)
    }

    private mutating func readValue() {
        if case .code = scope.kind { return at += 1 }
        guard tokens.indices.contains(at + 1), tokens[at + 1].isWord,
            !["while", "if", "guard", ","].contains(text(at - 1))
        else { return at += 1 }
        next = Scope(kind: .code, owner: scope.owner, declaration: declarations.count)
        declare(.value, at: at + 1, until: at + 2)
    }

    private mutating func readCases() {
        guard case .type("enum", _) = scope.kind else { return at += 1 }
        repeat {
            let name = at + 1
            var end = at + 2
            if text(end) == "(" { end = tokens.arguments(from: end).end }
            if text(end) == "=" { end += text(end + 1) == "-" ? 3 : 2 }
            declare(.enumCase, at: name, until: end)
        } while text(at) == ","
    }

    /// A part without a colon belongs to a generic type.
    private func parameters(_ parts: [Range<Int>]) -> [Declaration.Parameter] {
        parts.filter { tokens[$0].contains { $0.text == ":" } }.map { range in
            let words = tokens[range].prefix { $0.text != ":" }.map(\.text)
            return Declaration.Parameter(
                label: words.first ?? "_", name: words.last ?? "_",
                hasDefault: tokens[range].contains { $0.text == "=" })
        }
    }
}

extension [Token] {
    /// The parts between parentheses, split at commas, and the index after the last parenthesis.
    func arguments(from open: Int) -> (ranges: [Range<Int>], end: Int) {
        var ranges: [Range<Int>] = []
        var depth = 0
        var start = open + 1
        var index = open
        while index < count {
            switch self[index].text {
            case "(", "[", "{": depth += 1
            case ")", "]", "}": depth -= 1
            case "," where depth == 1:
                ranges.append(start..<index)
                start = index + 1
            default: break
            }
            if depth == 0 { break }
            index += 1
        }
        if start < index { ranges.append(start..<index) }
        return (ranges, Swift.min(index + 1, count))
    }

    /// The index after the generic arguments that begin here, or the same one if they do not.
    func skippingAngles(from open: Int) -> Int {
        var depth = 0
        for index in open..<Swift.min(open + 60, count) {
            switch self[index].text {
            case "<": depth += 1
            case ">" where self[index - 1].text != "-": depth -= 1
            case "{", "}", ";", "&", "|": return open
            default: break
            }
            if depth == 0 { return index + 1 }
        }
        return open
    }
}
