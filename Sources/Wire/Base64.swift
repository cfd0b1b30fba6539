/// Base64 with the standard alphabet (RFC 4648 §4), and nothing that several texts could mean.
package enum Base64 {
    /// The bytes that `text` stands for; nil if it is not padded, has any other character, or has
    /// bits after the last byte that are not zero.
    package static func decode(_ text: UnsafeRawBufferPointer) -> ByteBuffer? {
        guard text.count & 3 == 0 else { return nil }
        let padding = text.hasSuffix("==") ? 2 : text.hasSuffix("=") ? 1 : 0
        let output = ByteBuffer(capacity: text.count / 4 * 3)
        var bits: UInt32 = 0
        for index in 0..<text.count - padding {
            guard let value = value(of: text[index]) else { return nil }
            bits = bits << 6 | UInt32(value)
            let spare = 6 - 2 * (index & 3)
            if spare < 6 { output.append(UInt8(truncatingIfNeeded: bits >> UInt32(spare))) }
        }
        guard bits & (1 << UInt32(2 * padding) - 1) == 0 else { return nil }
        return output
    }

    /// Appends the text that stands for bytes.
    package static func encode(_ bytes: UnsafeRawBufferPointer, to output: ByteBuffer) {
        let alphabet: StaticString =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        output.reserve((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            var word: UInt32 = 0
            let count = min(3, bytes.count - start)
            for index in 0..<3 {
                word = word << 8 | (index < count ? UInt32(bytes[start + index]) : 0)
            }
            for index in 0..<4 {
                let digit = Int(word >> UInt32(18 - 6 * index) & 0x3F)
                output.append(index <= count ? alphabet.utf8Start[digit] : UInt8(ascii: "="))
            }
        }
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
