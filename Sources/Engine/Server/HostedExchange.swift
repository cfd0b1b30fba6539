import Link
import Session
import Wire

/// A request for another path than the endpoint's, from its arrival to the last byte of the host's
/// answer.
final class HostedExchange {
    let key: ExchangeKey
    /// The shares that its memory counts in.
    let shares: Shares
    let heldBytes: Int
    /// What the answer has of it; nil until the head is written.
    var stream: AnswerStream?

    /// The memory of an exchange besides its head.
    static var ownBytes: Int { 96 }

    fileprivate init(_ key: ExchangeKey, _ shares: Shares, bytes: Int) {
        self.key = key
        self.shares = shares
        heldBytes = bytes
    }
}

/// An answer that the host sends in parts.
struct AnswerStream {
    /// Whether it has a body: not to HEAD, and not with 204 and 304.
    let hasBody: Bool
    /// The bytes of the body that the host has written, and that it knows to be with the socket.
    var writtenBytes: UInt64 = 0
    var toldBytes: UInt64 = 0
}

/// The requests for other paths that are open: their number and their keys. Each is in the state of
/// its connection, whose index is in the key.
struct HostedExchanges {
    private var serial: UInt64
    private(set) var count = 0

    init(keysAfter serial: UInt64) {
        self.serial = serial & (1 << 40 - 1)
    }

    mutating func open(
        on connection: ServerConnection, _ shares: Shares, bytes: Int
    ) -> HostedExchange {
        serial += 1
        count += 1
        let key = serial << ExchangeKey.indexBits | UInt64(connection.id.index)
        return HostedExchange(ExchangeKey(rawValue: key), shares, bytes: bytes)
    }

    mutating func close() {
        count -= 1
    }
}

#if !hasFeature(Embedded)
    extension HostedExchanges {
        mutating func sabotage() { count += 1 }
    }
#endif
