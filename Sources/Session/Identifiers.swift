import Wire

/// A moment, in milliseconds from a start that the driver chooses. It only moves forward.
package struct Instant: Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.milliseconds < right.milliseconds
    }

    package func advanced(byMilliseconds step: Int64) -> Instant {
        Instant(milliseconds: milliseconds + step)
    }
}

/// A key that a `SlotTable` gave out. It names one element for ever: a key is never given twice.
package protocol SlotKey: Hashable, Sendable {
    var rawValue: UInt64 { get }
    init(rawValue: UInt64)
}

/// One TCP connection, or its like.
package struct ConnectionID: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One session, for the host and for tables. It is not the text on the wire.
package struct SessionKey: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One request of a client, as long as it waits for the host's answer.
package struct RequestKey: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One request of the host's to a client. The number is also its JSON-RPC id, so that it is unique
/// among all that the server has outstanding (S-242).
package struct CallKey: Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The `Mcp-Session-Id`: 128 random bits, on the wire as 32 hexadecimal digits (S-201).
package struct SessionID: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    package static let textLength = 32

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the text of an id; nil for anything that we cannot have given out.
    package init?(text: UnsafeRawBufferPointer) {
        guard text.count == SessionID.textLength,
            let high = SessionID.number(text.prefixBytes(16)),
            let low = SessionID.number(text.dropBytes(16))
        else { return nil }
        self.init(high: high, low: low)
    }

    /// The id as it stands in `Mcp-Session-Id`.
    package var text: ByteBuffer {
        let text = ByteBuffer()
        append(to: text)
        return text
    }

    package func append(to output: ByteBuffer) {
        for word in [high, low] {
            for shift in stride(from: 60, through: 0, by: -4) {
                let digit = UInt8((word >> UInt64(shift)) & 0xF)
                output.append(
                    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
    }

    private static func number(_ digits: UnsafeRawBufferPointer) -> UInt64? {
        var value: UInt64 = 0
        for byte in digits {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}
