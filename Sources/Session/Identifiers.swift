import Wire

/// A point in time, in milliseconds since a start that the driver chooses. Time is monotonic.
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

/// A key from a `SlotTable`. It identifies one element: a key is never reused.
package protocol SlotKey: Hashable, Sendable {
    var rawValue: UInt64 { get }
    init(rawValue: UInt64)
}

extension SlotKey {
    /// The number of low bits of a key that are its element's index.
    static var indexBits: UInt64 { 20 }

    /// The index of the key's element, for parallel tables.
    package var index: Int { Int(rawValue & ((1 << Self.indexBits) - 1)) }
}

/// The key of a TCP connection or a similar one.
package struct ConnectionID: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The key of a session, for the host and for tables. It is not the Mcp-Session-Id.
package struct SessionKey: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The key of a client's open request.
package struct RequestKey: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The key of a client's request that waits to be authorized.
package struct AuthorizationKey: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The key of a request from the host to a client. The number is also its JSON-RPC id, so it is
/// unique among all open calls of the server (S-242).
package struct CallKey: Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The key of a pending load from an event store.
package struct LoadKey: Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The id of a stream: 128 random bits, so that the streams of other clients cannot be guessed
/// (M-020).
package struct StreamToken: RandomKey, Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// The id of an event: a position from which its stream can be resumed.
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

    /// Parses an id; nil for any text that cannot be an id of this server.
    package init?(text: UnsafeRawBufferPointer) {
        guard text.count == SessionID.textLength,
            let high = text.prefixBytes(16).hexadecimal, let low = text.dropBytes(16).hexadecimal
        else { return nil }
        self.init(high: high, low: low)
    }

    /// The id as text, for `Mcp-Session-Id`.
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
