/// Request heads to bytes (RFC 9112 §3).
///
/// The target, the host and the values of fields may come from outside: what cannot stand in a head
/// is refused before a byte of it is written.
extension ByteBuffer {
    /// Begins a head with its request line and Host. False, and nothing is appended, if one of the
    /// two is malformed: a target is visible ASCII, a host is that or empty.
    package func beginRequest(
        _ method: StaticString, target: UnsafeRawBufferPointer, host: UnsafeRawBufferPointer
    ) -> Bool {
        guard target.count > 0, target.isVisible, host.isVisible else { return false }
        append(method)
        append(" ")
        append(target)
        append(" HTTP/1.1\r\nHost: ")
        append(host)
        append("\r\n")
        return true
    }

    /// Appends a header line of the host's. False, and nothing is appended, if the name is no
    /// token, or the value has a control character or blanks around it (RFC 9110 §5.5).
    package func appendCheckedField(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> Bool {
        guard name.count > 0, name.allSatisfy({ $0.isTokenByte }), value.isFieldValue else {
            return false
        }
        append(name)
        append(": ")
        append(value)
        append("\r\n")
        return true
    }

    /// Ends a head without a body.
    package func endRequest() {
        append("\r\n")
    }

    /// Ends a head; a JSON body of `length` bytes follows.
    package func endRequest(length: Int) {
        append("Content-Type: application/json\r\nContent-Length: ")
        append(decimal: Int64(length))
        append("\r\n\r\n")
    }
}

extension UnsafeRawBufferPointer {
    fileprivate var isVisible: Bool { allSatisfy { $0 > 0x20 && $0 < 0x7F } }

    /// Whether this can be the value of a header line, and is read as it is written.
    fileprivate var isFieldValue: Bool {
        trimmed.count == count && allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}
