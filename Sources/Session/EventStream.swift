/// One server-to-client stream, which connections carry one after the other.
///
/// It numbers its events and knows who carries it. It never sees a message, a socket or a store.
package struct EventStream: Sendable {
    package let token: StreamToken
    private var carrier: ConnectionID?
    private var lastSequence: UInt64 = 0

    package init(_ token: StreamToken) {
        self.token = token
    }

    package var connection: ConnectionID? { carrier }

    /// Where the stream is: its last event or, before the first, its beginning. A priming event
    /// tells it to the client.
    package var position: EventID { EventID(stream: token, sequence: lastSequence) }

    /// Numbers the next event.
    package mutating func next() -> EventID {
        lastSequence += 1
        return position
    }

    /// Moves the stream to `connection`. The one that carried it until now must end (S-231, S-237).
    package mutating func attach(_ connection: ConnectionID) -> ConnectionID? {
        defer { carrier = connection }
        return carrier
    }

    /// Notes that `connection` is gone; true if it carried the stream. A late report about a
    /// superseded one is ignored.
    package mutating func connectionLost(_ connection: ConnectionID) -> Bool {
        guard carrier == connection else { return false }
        carrier = nil
        return true
    }
}
