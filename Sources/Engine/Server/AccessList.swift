import Wire

/// An allow-list for Host or Origin values: the operator's list, or `*` for all.
package struct AccessList {
    private let text: ByteBuffer

    /// Reads a comma-separated list; `*` admits everything.
    package init(_ list: UnsafeRawBufferPointer) {
        text = ByteBuffer(copying: list)
    }

    /// Longer than a scheme, a name of at most 255 bytes (RFC 1035 §2.3.4) and a port together.
    private static var valueBytesMax: Int { 512 }

    /// Whether the list contains `*` or exactly `value`, ignoring case (S-504).
    package func admits(_ value: UnsafeRawBufferPointer) -> Bool {
        guard value.count <= AccessList.valueBytesMax else { return false }
        var isAdmitted = false
        text.bytes.forEachPart(separatedBy: UInt8(ascii: ",")) { entry in
            if entry.equals("*") || (entry.count > 0 && entry.equalsIgnoringCase(value)) {
                isAdmitted = true
            }
        }
        return isAdmitted
    }
}

/// The parts of Host and Origin values.
enum Authority {
    /// The host of `host[:port]`, without brackets or a final dot; nil for any other form.
    static func host(of value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        if value.first == UInt8(ascii: "[") {
            guard let end = value.firstIndex(ofByte: UInt8(ascii: "]")) else { return nil }
            guard isPort(value.dropBytes(end + 1)) else { return nil }
            return UnsafeRawBufferPointer(rebasing: value[1..<end])
        }
        let colon = value.firstIndex(ofByte: UInt8(ascii: ":")) ?? value.count
        let host = value.prefixBytes(colon)
        guard host.count > 0, isPort(value.dropBytes(colon)) else { return nil }
        return host.last == UInt8(ascii: ".") ? host.prefixBytes(host.count - 1) : host
    }

    /// Whether a host is this machine's loopback: `localhost`, 127.0.0.0/8 or ::1 (S-004).
    static func isLoopback(_ host: UnsafeRawBufferPointer) -> Bool {
        if host.equals("127.0.0.1") || host.equals("::1") { return true }
        if host.equalsIgnoringCase("localhost") { return true }
        guard host.hasPrefix("127.") else { return false }
        var parts = 0
        var areNumbers = true
        host.forEachPart(separatedBy: UInt8(ascii: ".")) { part in
            parts += 1
            if part.isEmpty || part.count > 3 || !part.allSatisfy({ $0.isDigit }) {
                areNumbers = false
            }
        }
        return parts == 4 && areNumbers
    }

    /// Whether an origin is `http` or `https` on a loopback host, with any port (S-504).
    static func isLoopbackOrigin(_ origin: UnsafeRawBufferPointer) -> Bool {
        let scheme: StaticString = origin.hasPrefix("https://") ? "https://" : "http://"
        guard origin.hasPrefix(scheme) else { return false }
        return host(of: origin.dropBytes(scheme.utf8CodeUnitCount)).map { isLoopback($0) } ?? false
    }

    private static func isPort(_ text: UnsafeRawBufferPointer) -> Bool {
        if text.isEmpty { return true }
        return text.first == UInt8(ascii: ":") && text.count <= 6
            && text.dropBytes(1).allSatisfy { $0.isDigit }
    }
}
