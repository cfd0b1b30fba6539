/// JSON that the transport writes itself.
///
/// Events consist of lines (S-514), and several clients also end a line at U+0085, U+2028 and
/// U+2029: these are escaped in everything that is sent.
extension ByteBuffer {
    /// Appends UTF-8 text as a JSON string (RFC 8259 §7). A surrogate in three bytes, which is not
    /// UTF-8, becomes an escape sequence again.
    package func append(jsonString text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        var plain = 0
        var index = 0
        while index < text.count {
            if index == plain { index += JSONScanner.plainCount(text.dropBytes(index)) }
            guard index < text.count else { break }
            let byte = text[index]
            let isSpecial =
                byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
            let unit = byte < 0x80 ? nil : ByteBuffer.escapedUnit(text.dropBytes(index))
            guard isSpecial || unit != nil else {
                index += 1
                continue
            }
            append(UnsafeRawBufferPointer(rebasing: text[plain..<index]))
            if let unit { append(escaped: unit) } else { appendEscape(byte) }
            index += unit.map { $0 < 0x800 ? 2 : 3 } ?? 1
            plain = index
        }
        append(UnsafeRawBufferPointer(rebasing: text[plain...]))
        append(UInt8(ascii: "\""))
    }

    /// Appends valid JSON text as one line for every reader: CR and LF, which can only be between
    /// its parts, become blanks, and other line separators are escaped.
    package func append(jsonLine text: UnsafeRawBufferPointer) {
        reserve(text.count)
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == 0x0A || byte == 0x0D {
                append(UInt8(ascii: " "))
            } else if byte >= 0x80, let unit = ByteBuffer.escapedUnit(text.dropBytes(index)) {
                append(escaped: unit)
                index += unit < 0x800 ? 1 : 2
            } else {
                append(byte)
            }
            index += 1
        }
    }

    /// The first character of the bytes if it must be escaped: U+0085, U+2028, U+2029 or a
    /// surrogate; nil for any other.
    private static func escapedUnit(_ bytes: UnsafeRawBufferPointer) -> UInt16? {
        let second = bytes.count > 1 ? bytes[1] : 0
        let third = bytes.count > 2 ? bytes[2] : 0
        switch bytes[0] {
        case 0xC2 where second == 0x85: return 0x85
        case 0xE2 where second == 0x80 && third & 0xFE == 0xA8: return 0x2000 | UInt16(third & 0x3F)
        case 0xED where second >= 0xA0 && bytes.count > 2:
            return 0xD000 | UInt16(second & 0x3F) << 6 | UInt16(third & 0x3F)
        default: return nil
        }
    }

    private func append(escaped unit: UInt16) {
        append("\\u")
        append(hex2: UInt8(truncatingIfNeeded: unit >> 8))
        append(hex2: UInt8(truncatingIfNeeded: unit))
    }

    private func appendEscape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        default: append(escaped: UInt16(byte))
        }
    }
}
