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

extension SlotKey {
    /// How many of a key's low bits are the place of its element.
    static var indexBits: UInt64 { 20 }

    /// The place of the key's element, for tables beside the one that gave it.
    package var index: Int { Int(rawValue & ((1 << Self.indexBits) - 1)) }
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

/// One request of a client that waits to be allowed.
package struct AuthorizationKey: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One request of the host's to a client. The number is also its JSON-RPC id, so that it is unique
/// among all that the server has outstanding (S-242).
package struct CallKey: Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One answer of a store that is still to come.
package struct LoadKey: Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One stream of one session, by 128 random bits: nobody guesses the streams of others (M-020).
package struct StreamToken: RandomKey, Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// One event of one stream: a place from which the stream can go on.
package struct EventID: Hashable, Sendable {
    package let stream: StreamToken
    package let sequence: UInt64

    package init(stream: StreamToken, sequence: UInt64) {
        self.stream = stream
        self.sequence = sequence
    }
}

/// The `Mcp-Session-Id`: 128 random bits, on the wire as 32 hexadecimal digits (S-201).
package struct SessionID: RandomKey, Hashable, Sendable {
    private let high: UInt64
    package let low: UInt64

    package static let textLength = 32

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the text of an id; nil for anything that we cannot have given out.
    package init?(text: UnsafeRawBufferPointer) {
        guard text.count == SessionID.textLength,
            let high = text.prefixBytes(16).hexadecimal, let low = text.dropBytes(16).hexadecimal
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
        output.append(hex16: high)
        output.append(hex16: low)
    }
}
