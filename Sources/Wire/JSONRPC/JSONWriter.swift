/// The little JSON that the transport writes itself.
extension ByteBuffer {
    /// Appends UTF-8 text as a JSON string (RFC 8259 §7).
    package func append(jsonString text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        var plain = 0
        for index in 0..<text.count {
            let byte = text[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                continue
            }
            append(UnsafeRawBufferPointer(rebasing: text[plain..<index]))
            appendEscape(byte)
            plain = index + 1
        }
        append(UnsafeRawBufferPointer(rebasing: text[plain...]))
        append(UInt8(ascii: "\""))
    }

    private func appendEscape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        default:
            append("\\u00")
            append(hex2: byte)
        }
    }
}
