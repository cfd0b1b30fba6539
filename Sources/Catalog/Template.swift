import Wire

/// A URI template of level 1 (RFC 6570): text, and variables in braces.
package struct Template {
    /// What stands before each variable, and after the last.
    private let literals: [Range<Int>]
    let variables: [Range<Int>]
    private let text: ByteBuffer

    /// Nil if it has no variable, one twice, two without text between them, or an operator.
    init?(_ text: ByteBuffer) {
        var literals: [Range<Int>] = []
        var variables: [Range<Int>] = []
        let bytes = text.bytes
        var start = 0
        while let brace = bytes.dropBytes(start).firstIndex(ofByte: UInt8(ascii: "{")) {
            let open = start + brace
            guard let length = bytes.dropBytes(open).firstIndex(ofByte: UInt8(ascii: "}")),
                length > 1, literals.isEmpty || brace > 0
            else { return nil }
            let name = open + 1..<open + length
            guard text[name].allSatisfy({ Template.isNameByte($0) }),
                !variables.contains(where: { text[$0].equals(text[name]) })
            else { return nil }
            literals.append(start..<open)
            variables.append(name)
            start = open + length + 1
        }
        guard !variables.isEmpty else { return nil }
        literals.append(start..<bytes.count)
        self.literals = literals
        self.variables = variables
        self.text = text
    }

    package static func isValid(_ text: UnsafeRawBufferPointer) -> Bool {
        Template(ByteBuffer(copying: text)) != nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte.isDigit || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte.asciiLowercased)
    }

    /// The name of a variable.
    subscript(name: Range<Int>) -> UnsafeRawBufferPointer { text[name] }

    /// Whether a URI may stand for it: then calls `body` with the decoded text of each variable.
    func match(_ uri: UnsafeRawBufferPointer, _ body: (ByteBuffer) -> Void) -> Bool {
        var rest = uri
        for index in 0..<literals.count {
            let literal = text[literals[index]]
            guard rest.count >= literal.count, rest.prefixBytes(literal.count).equals(literal)
            else { return false }
            rest = rest.dropBytes(literal.count)
            guard index < variables.count else { break }
            let next = text[literals[index + 1]]
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
        guard variables.count == 1 else { return nil }
        let output = ByteBuffer(copying: text[literals[0]], room: value.count)
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
        output.append(text[literals[1]])
        return output
    }
}
