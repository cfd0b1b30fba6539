import Wire

/// Where a connection comes from, for the operator: an address with a port, or a process of this
/// machine. Nothing is decided by it.
package enum PeerName: Equatable {
    case unknown
    case ipv4(UInt32, port: UInt16)
    /// The address in two halves. `scope` is the interface of a link-local one; 0 for none.
    case ipv6(UInt64, UInt64, scope: UInt32, port: UInt16)
    /// A client of a Unix socket; 0 if the kernel does not say which process it is.
    case unix(process: Int32)

    /// `127.0.0.1:54321`, `[::1]:54321`, `unix:pid=17` or `unix`; nil if it is unknown.
    package var text: ByteBuffer? {
        let text = ByteBuffer(capacity: 24)
        switch self {
        case .unknown: return nil
        case .ipv4(let address, let port):
            PeerName.append(address, to: text)
            text.append(":")
            text.append(decimal: UInt64(port))
        case .ipv6(let high, let low, let scope, let port):
            text.append("[")
            PeerName.append(high, low, to: text)
            if scope != 0 {
                text.append("%")
                text.append(decimal: UInt64(scope))
            }
            text.append("]:")
            text.append(decimal: UInt64(port))
        case .unix(let process):
            text.append("unix")
            if process > 0 {
                text.append(":pid=")
                text.append(decimal: Int64(process))
            }
        }
        return text
    }

    private static func append(_ address: UInt32, to text: ByteBuffer) {
        for shift in [24, 16, 8, 0] as [UInt32] {
            text.append(decimal: UInt64(address >> shift & 0xFF))
            if shift > 0 { text.append(".") }
        }
    }

    /// As RFC 5952 has it: the longest run of zero groups becomes `::`, and an IPv4-mapped address
    /// ends like one of IPv4.
    private static func append(_ high: UInt64, _ low: UInt64, to text: ByteBuffer) {
        if high == 0, low >> 32 == 0xFFFF {
            text.append("::ffff:")
            return append(UInt32(truncatingIfNeeded: low), to: text)
        }
        func group(_ index: Int) -> UInt64 {
            (index < 4 ? high : low) >> UInt64(48 - 16 * (index & 3)) & 0xFFFF
        }
        var zeros = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, group(end) == 0 { end += 1 }
            if end - start > max(1, zeros.count) { zeros = start..<end }
            start = end + 1
        }
        for index in 0..<8 where !zeros.contains(index) {
            if index > 0, index != zeros.upperBound { text.append(":") }
            if index == zeros.upperBound, !zeros.isEmpty { text.append("::") }
            append(hex: group(index), to: text)
        }
        if zeros.upperBound == 8 { text.append("::") }
    }

    /// Without leading zeros.
    private static func append(hex value: UInt64, to text: ByteBuffer) {
        var isLeading = true
        for shift in [12, 8, 4, 0] as [UInt64] {
            let digit = UInt8(truncatingIfNeeded: value >> shift & 0xF)
            if isLeading, digit == 0, shift > 0 { continue }
            isLeading = false
            text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
