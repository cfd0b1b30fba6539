/// A word, a number, or one character of anything else. Comments are left out, and so are the
/// contents of literals, but for the code in interpolations.
struct Token: Sendable, Hashable {
    let text: String
    let line: Int

    var isWord: Bool { text.utf8.first.map(Lexer.isWordByte) ?? false }
}

/// Splits Swift, and C well enough, into tokens.
struct Lexer {
    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var tokens: [Token] = []

    static func tokens(of text: String) -> [Token] {
        var lexer = Lexer(bytes: Array(text.utf8))
        lexer.readCode(until: nil)
        return lexer.tokens
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x24, 0x80...: true
        default: false
        }
    }

    private func peek(_ offset: Int = 0) -> UInt8 {
        at + offset < bytes.count ? bytes[at + offset] : 0
    }

    private func continues(_ text: StaticString) -> Bool {
        at + text.utf8CodeUnitCount <= bytes.count
            && (0..<text.utf8CodeUnitCount).allSatisfy { bytes[at + $0] == text.utf8Start[$0] }
    }

    private mutating func step(_ count: Int = 1) {
        for _ in 0..<count where at < bytes.count {
            if bytes[at] == UInt8(ascii: "\n") { line += 1 }
            at += 1
        }
    }

    /// Reads until the parenthesis that ends an interpolation, or all.
    private mutating func readCode(until end: UInt8?) {
        var depth = 0
        while at < bytes.count {
            if continues("//") {
                while at < bytes.count, peek() != UInt8(ascii: "\n") { step() }
            } else if continues("/*") {
                skipComment()
            } else if peek() == UInt8(ascii: "\"") || (continues("#\"") || continues("##\"")) {
                readLiteral()
            } else if peek() == UInt8(ascii: "'") {
                skipCharacter()
            } else if Lexer.isWordByte(peek()) {
                readWord()
            } else if peek() <= 0x20 {
                step()
            } else {
                if peek() == UInt8(ascii: "(") { depth += 1 }
                if peek() == UInt8(ascii: ")") {
                    if end != nil, depth == 0 { return step() }
                    depth -= 1
                }
                if peek() != UInt8(ascii: "`") { add(at..<at + 1) }
                step()
            }
        }
    }

    private mutating func add(_ range: Range<Int>) {
        tokens.append(Token(text: String(decoding: bytes[range], as: UTF8.self), line: line))
    }

    private mutating func readWord() {
        let start = at
        while at < bytes.count, Lexer.isWordByte(peek()) { at += 1 }
        add(start..<at)
    }

    private mutating func skipComment() {
        var depth = 0
        repeat {
            if continues("/*") {
                depth += 1
                step(2)
            } else if continues("*/") {
                depth -= 1
                step(2)
            } else {
                step()
            }
        } while depth > 0 && at < bytes.count
    }

    /// A character of C.
    private mutating func skipCharacter() {
        repeat {
            step(peek() == UInt8(ascii: "\\") ? 2 : 1)
        } while at < bytes.count && peek() != UInt8(ascii: "'") && peek() != UInt8(ascii: "\n")
        step()
    }

    /// A text, raw or of many lines too. It is one token: an empty literal.
    private mutating func readLiteral() {
        var hashes = 0
        while peek() == UInt8(ascii: "#") {
            hashes += 1
            step()
        }
        tokens.append(Token(text: "\"\"", line: line))
        let quotes = continues("\"\"\"") ? 3 : 1
        step(quotes)
        while at < bytes.count {
            if peek() == UInt8(ascii: "\\"), isFollowed(by: hashes, from: 1) {
                step(1 + hashes)
                if peek() == UInt8(ascii: "(") {
                    step()
                    readCode(until: UInt8(ascii: ")"))
                } else {
                    step()
                }
            } else if peek() == UInt8(ascii: "\""),
                quotes == 1 || continues("\"\"\""), isFollowed(by: hashes, from: quotes)
            {
                return step(quotes + hashes)
            } else {
                step()
            }
        }
    }

    private func isFollowed(by hashes: Int, from offset: Int) -> Bool {
        (0..<hashes).allSatisfy { peek(offset + $0) == UInt8(ascii: "#") }
    }
}
