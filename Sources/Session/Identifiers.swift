import Link
import Wire

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

/// The key of a client's request for another path than the endpoint's, until it is answered.
package struct ExchangeKey: SlotKey {
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
    @inline(__always)
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

/// One of several servers that share a store: a random name, new whenever it starts.
package struct NodeID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package static let length = 16

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads a name; nil if the bytes are not as many as one has.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == NodeID.length else { return nil }
        high = bytes.loadUnaligned(as: UInt64.self)
        low = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    }

    /// Reads a name in hexadecimal digits.
    package init?(text: UnsafeRawBufferPointer) {
        guard text.count == 2 * NodeID.length, let high = text.prefixBytes(16).hexadecimal,
            let low = text.dropBytes(16).hexadecimal
        else { return nil }
        self.init(high: high, low: low)
    }

    /// Appends the name in hexadecimal digits.
    package func append(to output: ByteBuffer) {
        output.append(hex16: high)
        output.append(hex16: low)
    }

    /// Passes its bytes to `body`.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (high, low)) { body($0) }
    }
}

/// A session, as event stores know it: by its place in this process, and by the id that clients
/// know, which outlives the process.
package struct SessionIdentity: Sendable {
    package let key: SessionKey
    package let id: SessionID

    package init(key: SessionKey, id: SessionID) {
        self.key = key
        self.id = id
    }
}
