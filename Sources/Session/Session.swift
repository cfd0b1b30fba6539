import MCP

/// The state machine of one session. It contains no stream and no message.
package struct Session: Sendable {
    private enum Phase: Sendable {
        /// The host has not answered `initialize`; the client does not have the session's id yet.
        case initializing
        /// The client has the session's id but has not sent `notifications/initialized`.
        case awaitingInitialized(Revision)
        case ready(Revision)
        case ended
    }

    private var phase = Phase.initializing

    package init() {}

    /// Whether clients can find the session by its id (S-202).
    package var isLive: Bool {
        switch phase {
        case .awaitingInitialized, .ready: true
        case .initializing, .ended: false
        }
    }

    /// Whether the host has yet to accept `initialize`.
    package var mayInitialize: Bool {
        if case .initializing = phase { true } else { false }
    }

    package var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    /// Whether the client has sent `notifications/initialized`, so that the server may call it
    /// (S-213).
    package var isReady: Bool {
        if case .ready = phase { true } else { false }
    }

    /// The negotiated revision; nil before `initialize` has succeeded.
    package var revision: Revision? {
        switch phase {
        case .awaitingInitialized(let revision), .ready(let revision): revision
        case .initializing, .ended: nil
        }
    }

    /// The host accepted `initialize`: clients can now find the session.
    package mutating func initializeSucceeded(_ revision: Revision) {
        guard case .initializing = phase else { return }
        phase = .awaitingInitialized(revision)
    }

    /// `notifications/initialized` arrived. A second one changes nothing.
    package mutating func initializedArrived() {
        guard case .awaitingInitialized(let revision) = phase else { return }
        phase = .ready(revision)
    }

    package mutating func end() {
        phase = .ended
    }
}
