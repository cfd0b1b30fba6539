/// A JSON value as a reader of RFC 8259 has it that shares no code with the library.
package struct OracleValue: Equatable {
    package indirect enum Content: Equatable {
        case null
        case bool(Bool)
        /// As it is written.
        case number([UInt8])
        /// UTF-16, in which there may be lone surrogates (section 8.2).
        case string([UInt16])
        case array([OracleValue])
        case object([Member])
    }

    package struct Member: Equatable {
        package var name: [UInt16]
        package var value: OracleValue
    }

    package var content: Content
    /// Where it stands in the text.
    package var place: Range<Int>

    /// Values are the same wherever they stand.
    package static func == (left: OracleValue, right: OracleValue) -> Bool {
        left.content == right.content
    }

    package var isStructured: Bool {
        switch content {
        case .array, .object: true
        case .null, .bool, .number, .string: false
        }
    }

    package var isObject: Bool { if case .object = content { true } else { false } }

    /// A number without fraction and exponent.
    package var isInteger: Bool {
        guard case .number(let text) = content else { return false }
        return text.allSatisfy { !".eE".utf8.contains($0) }
    }

    package var string: [UInt16]? { if case .string(let units) = content { units } else { nil } }
    package var members: [Member] { if case .object(let all) = content { all } else { [] } }
    package var elements: [OracleValue] { if case .array(let all) = content { all } else { [] } }

    /// The last member of a name.
    package subscript(name: String) -> OracleValue? {
        members.last { $0.name.elementsEqual(name.utf16) }?.value
    }
}

package enum OracleJSONFault: Error {
    case malformed
    /// Arrays and objects nest deeper than they may before anything else is wrong.
    case tooDeep
}

extension [UInt16] {
    /// What one would write in UTF-8, and a lone surrogate as if it were a character.
    package var generalizedUTF8: [UInt8] {
        var bytes: [UInt8] = []
        var rest = self[...]
        while let unit = rest.popFirst() {
            if let next = rest.first, UTF16.isLeadSurrogate(unit), UTF16.isTrailSurrogate(next) {
                bytes += String(decoding: [unit, next], as: UTF16.self).utf8
                rest.removeFirst()
            } else if UTF16.isSurrogate(unit) {
                bytes.append(UInt8(0xE0 | unit >> 12))
                bytes.append(UInt8(0x80 | unit >> 6 & 0x3F))
                bytes.append(UInt8(0x80 | unit & 0x3F))
            } else {
                bytes += String(decoding: [unit], as: UTF16.self).utf8
            }
        }
        return bytes
    }

    package var hasLoneSurrogate: Bool {
        String(decoding: self, as: UTF16.self).utf16.elementsEqual(self) == false
    }
}

/// Reads a text that is one JSON value, in which arrays and objects nest no deeper than `depth`.
package func readJSON(
    _ text: [UInt8], depth: Int
) throws(OracleJSONFault) -> OracleValue {
    var reader = JSONReader(text: text)
    reader.skipBlanks()
    let value = try reader.readValue(depth)
    reader.skipBlanks()
    if reader.position < text.count { throw .malformed }
    return value
}

/// Reads the value that a text begins with, whatever follows.
package func readJSONPrefix(_ text: [UInt8]) -> OracleValue? {
    var reader = JSONReader(text: text)
    reader.skipBlanks()
    return try? reader.readValue(0)
}

private struct JSONReader {
    let text: [UInt8]
    var position = 0

    init(text: [UInt8]) { self.text = text }

    private var octet: UInt8? { position < text.count ? text[position] : nil }

    mutating func skipBlanks() {
        while let octet, " \t\n\r".utf8.contains(octet) { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard octet == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func take(_ word: String) -> Bool {
        guard text[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    mutating func readValue(_ depth: Int) throws(OracleJSONFault) -> OracleValue {
        let start = position
        let content = try readContent(depth)
        return OracleValue(content: content, place: start..<position)
    }

    private mutating func readContent(
        _ depth: Int
    ) throws(OracleJSONFault) -> OracleValue.Content {
        switch octet {
        case UInt8(ascii: "{"): return try readObject(depth)
        case UInt8(ascii: "["): return try readArray(depth)
        case UInt8(ascii: "\""): return .string(try readString())
        default: break
        }
        if take("null") { return .null }
        if take("true") { return .bool(true) }
        if take("false") { return .bool(false) }
        return try readNumber()
    }

    /// Section 4
    private mutating func readObject(
        _ depth: Int
    ) throws(OracleJSONFault) -> OracleValue.Content {
        guard depth > 0 else { throw .tooDeep }
        _ = take("{")
        var members: [OracleValue.Member] = []
        skipBlanks()
        if take("}") { return .object([]) }
        repeat {
            skipBlanks()
            let name = try readString()
            skipBlanks()
            guard take(":") else { throw .malformed }
            skipBlanks()
            members.append(.init(name: name, value: try readValue(depth - 1)))
            skipBlanks()
        } while take(",")
        guard take("}") else { throw .malformed }
        return .object(members)
    }

    /// Section 5
    private mutating func readArray(
        _ depth: Int
    ) throws(OracleJSONFault) -> OracleValue.Content {
        guard depth > 0 else { throw .tooDeep }
        _ = take("[")
        var elements: [OracleValue] = []
        skipBlanks()
        if take("]") { return .array([]) }
        repeat {
            skipBlanks()
            elements.append(try readValue(depth - 1))
            skipBlanks()
        } while take(",")
        guard take("]") else { throw .malformed }
        return .array(elements)
    }

    /// Section 6
    private mutating func readNumber() throws(OracleJSONFault) -> OracleValue.Content {
        let start = position
        _ = take("-")
        if !take("0") { try readDigits() }
        if take(".") { try readDigits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try readDigits()
        }
        return .number(Array(text[start..<position]))
    }

    private mutating func readDigits() throws(OracleJSONFault) {
        let start = position
        while let octet, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet) { position += 1 }
        if position == start { throw .malformed }
    }

    /// Section 7
    private mutating func readString() throws(OracleJSONFault) -> [UInt16] {
        guard take("\"") else { throw .malformed }
        var units: [UInt16] = []
        while !take("\"") {
            guard let octet else { throw .malformed }
            if take("\\") {
                units.append(try readEscape())
                continue
            }
            let plain = text[position...].prefix { $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }
            guard octet >= 0x20, let characters = String(validating: plain, as: UTF8.self) else {
                throw .malformed
            }
            units += characters.utf16
            position += plain.count
        }
        return units
    }

    private mutating func readEscape() throws(OracleJSONFault) -> UInt16 {
        guard let octet else { throw .malformed }
        position += 1
        switch Unicode.Scalar(octet) {
        case "\"", "\\", "/": return UInt16(octet)
        case "b": return 0x08
        case "f": return 0x0C
        case "n": return 0x0A
        case "r": return 0x0D
        case "t": return 0x09
        case "u":
            let digits = text[position...].prefix(4)
            position += digits.count
            let areDigits = digits.count == 4 && digits.allSatisfy { !"+-".utf8.contains($0) }
            guard areDigits, let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw .malformed }
            return unit
        default: throw .malformed
        }
    }
}
