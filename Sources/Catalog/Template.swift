import Wire

/// A URI template of level 1 (RFC 6570): text, and variables in braces.
package struct Template {
    /// Where the braces are: in pairs, one for each variable.
    private let braces: [Int]
    private let text: ByteBuffer

    /// How many variables it has.
    var count: Int { braces.count / 2 }

    /// Nil if it has no variable, one twice, two without text between them, or an operator.
    init?(_ text: ByteBuffer) {
        var braces: [Int] = []
        let bytes = text.bytes
        var start = 0
        while let length = bytes.dropBytes(start).firstIndex(ofByte: UInt8(ascii: "{")) {
            let open = start + length
            guard let length = bytes.dropBytes(open).firstIndex(ofByte: UInt8(ascii: "}")),
                braces.isEmpty || open > start
            else { return nil }
            braces.append(open)
            braces.append(open + length)
            start = open + length + 1
        }
        self.braces = braces
        self.text = text
        guard count > 0 else { return nil }
        for index in 0..<count {
            let name = self[variable: index]
            guard name.count > 0, name.allSatisfy({ Template.isNameByte($0) }) else { return nil }
            for other in 0..<index where self[variable: other].equals(name) { return nil }
        }
    }

    private subscript(variable index: Int) -> UnsafeRawBufferPointer {
        text[braces[2 * index] + 1..<braces[2 * index + 1]]
    }

    /// What stands before a variable, or after the last.
    private subscript(literal index: Int) -> UnsafeRawBufferPointer {
        let start = index == 0 ? 0 : braces[2 * index - 1] + 1
        return text[start..<(index < count ? braces[2 * index] : text.count)]
    }

    package static func isValid(_ text: UnsafeRawBufferPointer) -> Bool {
        Template(ByteBuffer(copying: text)) != nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte.isDigit || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte.asciiLowercased)
    }

    /// Whether a URI may stand for it: then calls `body` with the decoded text of each variable.
    func match(_ uri: UnsafeRawBufferPointer, _ body: (ByteBuffer) -> Void) -> Bool {
        var rest = uri
        for index in 0...count {
            let literal = self[literal: index]
            guard rest.count >= literal.count, rest.prefixBytes(literal.count).equals(literal)
            else { return false }
            rest = rest.dropBytes(literal.count)
            guard index < count else { break }
            let next = self[literal: index + 1]
            guard let length = Template.length(of: rest, before: next),
                let value = Template.decoded(rest.prefixBytes(length))
            else { return false }
            body(value)
            rest = rest.dropBytes(length)
        }
        return rest.count == 0
    }

    /// The length of a variable's text, which ends where `next` begins or, if that is empty, with
    /// the URI.
    private static func length(
        of rest: UnsafeRawBufferPointer, before next: UnsafeRawBufferPointer
    ) -> Int? {
        var length = 0
        while length < rest.count {
            let tail = rest.dropBytes(length)
            if next.count > 0, tail.prefixBytes(next.count).equals(next) { break }
            // Reserved characters that separate parts are encoded in a variable.
            if tail[0] == UInt8(ascii: "/") || tail[0] == UInt8(ascii: "?")
                || tail[0] == UInt8(ascii: "#")
            {
                return nil
            }
            length += 1
        }
        return length > 0 ? length : nil
    }

    private static func decoded(_ text: UnsafeRawBufferPointer) -> ByteBuffer? {
        let output = ByteBuffer(capacity: text.count)
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%") {
                guard let byte = text.dropBytes(index + 1).prefixBytes(2).hexadecimalByte else {
                    return nil
                }
                output.append(byte)
                index += 3
            } else {
                output.append(text[index])
                index += 1
            }
        }
        return UTF8Text.isValid(output.bytes) ? output : nil
    }

    /// The URI for a value of its only variable; nil if it has several.
    func expand(_ value: UnsafeRawBufferPointer) -> ByteBuffer? {
        guard count == 1 else { return nil }
        let output = ByteBuffer(copying: self[literal: 0], room: value.count)
        for byte in value {
            if Template.isNameByte(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "~") {
                output.append(byte)
            } else {
                output.put("%")
                output.append(upTo: 2) { place in
                    for digit in [byte >> 4, byte & 0xF] {
                        let letter = digit < 10 ? 48 + digit : 55 + digit
                        place.storeBytes(of: letter, as: UInt8.self)
                        place += 1
                    }
                }
            }
        }
        output.append(self[literal: 1])
        return output
    }
}
