import Wire

/// What a host says of a response to bytes.
extension ByteBuffer {
    /// Appends a line; false if its name is no token or its value no field value (RFC 9110 §5.1,
    /// §5.5), or if the engine writes this field itself.
    package func appendField(
        checking name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> Bool {
        for byte in name where !byte.isTokenByte { return false }
        for byte in value where byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7F {
            return false
        }
        if name.count == 0 || ByteBuffer.isOwn(name) { return false }
        append(name)
        append(": ")
        append(value)
        append("\r\n")
        return true
    }

    private static func isOwn(_ name: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 4: name.equalsIgnoringCase("date")
        case 7: name.equalsIgnoringCase("trailer") || name.equalsIgnoringCase("upgrade")
        case 10: name.equalsIgnoringCase("connection") || name.equalsIgnoringCase("keep-alive")
        case 14: name.equalsIgnoringCase("content-length")
        case 17: name.equalsIgnoringCase("transfer-encoding")
        default: false
        }
    }

    /// Begins a head with any final status. The reason phrase is optional (RFC 9112 §4).
    func beginHead(status: Int) {
        if let known = HTTPStatus(rawValue: status) { return beginHead(known) }
        append("HTTP/1.1 ")
        append(decimal: Int64(status))
        append(" \r\n")
    }

    /// Ends a head. Its body has `length` bytes; nil if it has none, or ends by itself.
    func endHead(length: Int?, keepsAlive: Bool) {
        if let length {
            append("Content-Length: ")
            append(decimal: Int64(length))
        }
        let end: StaticString = keepsAlive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n"
        append(end.rawBytes.dropBytes(length == nil ? 2 : 0))
    }
}
