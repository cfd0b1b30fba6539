import Replay
import Session

/// What tests may look into, made on demand: so the engine's parts can keep their state private.
package struct Inspection {
    private let engine: ServerEngine

    package init(of engine: ServerEngine) {
        self.engine = engine
    }

    /// Whether `nextWritable` has something left.
    package var hasWritable: Bool { engine.connections.hasWritable }

    package var sessions: [ServerSession] { engine.sessions.all }

    /// The number of addresses and principals that have a share.
    package var shareCount: Int { engine.shares.count }

    /// The number of streams that listen, and of requests that ask their clients for something.
    package var listenerCount: Int { engine.listeners.count }
    package var askingCount: Int { engine.continuations.count }

    /// The clients here whose requests other nodes answer, and those that are at other nodes.
    package var relayedClientCount: Int { engine.relays.clientCount }
    package var relayOriginCount: Int { engine.relays.origins(at: nil).count }

    /// What is kept of a session's events in this process.
    package func log(of session: ServerSession) -> EventLog? { engine.sessions.log(of: session) }

    /// The connections that carry a session's streams.
    package func connections(of session: ServerSession) -> [ServerConnection] {
        engine.carriers(of: session)
    }

    package func openCalls(of session: ServerSession) -> [CallKey] {
        session.ledger.entries.openCalls
    }

    package func openRequests(of session: ServerSession) -> Int {
        session.ledger.entries.openRequests
    }

    /// The number of a session's answers that a fence holds.
    package func heldAnswers(of session: ServerSession) -> Int { session.held.requests.count }
}
