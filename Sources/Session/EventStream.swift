/// One server-to-client stream, which connections carry one after the other.
///
/// It knows who carries it, and nothing of what it carries.
package struct EventStream: Sendable {
    private var carrier: ConnectionID?

    package init() {}

    package var connection: ConnectionID? { carrier }

    /// Moves the stream to `connection`. The one that carried it until now must end (S-231).
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
