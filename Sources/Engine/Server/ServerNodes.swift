import Link
import Replay
import Session
import Wire

/// Several servers that share a store, each of which is a node.
extension ServerEngine {
    /// The answer to a look-up: another node has the session.
    package func found(_ load: LoadKey, at node: NodeID) throws(CallerFault) {
        guard let connection = parked[load], case .seeking = connection.exchange.state else {
            throw .notFound
        }
        enter { seekingFailed(load, on: connection, isLate: false) }
    }

    /// A message of another node has arrived.
    package func received(_ message: UnsafeRawBufferPointer, from node: NodeID) {}

    /// What was under way with a node, or with all, is over.
    package func gone(_ node: NodeID?) {}

    /// Another node has taken a session of this one.
    package func lost(_ session: SessionID) {}

    /// Whether the store can be reached.
    package func storeReached(_ isReached: Bool) {}
}
