import Link

/// One server-to-client stream, which is attached to one connection at a time.
///
/// It numbers its events and knows its connection. It never sees a message, a socket or a store.
package struct EventStream: Sendable {
    package let token: StreamToken
    private var carrier: ConnectionID?
    private var lastSequence: UInt64 = 0

    package init(_ token: StreamToken) {
        self.token = token
    }

    package var connection: ConnectionID? { carrier }

    /// The id of its last event; number 0 before the first. A priming event sends it to the client.
    package var position: EventID { EventID(stream: token, sequence: lastSequence) }

    /// Returns the id of the next event.
    package mutating func next() -> EventID {
        lastSequence += 1
        return position
    }

    /// Attaches the stream to `connection`. Returns the previous connection, which must end (S-231,
    /// S-237).
    package mutating func attach(_ connection: ConnectionID) -> ConnectionID? {
        defer { carrier = connection }
        return carrier
    }

    /// Detaches the stream from `connection`, which was lost; true if it was attached to it. A late
    /// report about a previous connection is ignored.
    package mutating func connectionLost(_ connection: ConnectionID) -> Bool {
        guard carrier == connection else { return false }
        carrier = nil
        return true
    }
}
