import Link

/// How far a server is on its way to its end.
struct Shutdown {
    private enum Phase {
        case open
        /// Takes nothing new, and closes at the deadline.
        case draining(until: Instant)
        case closing
        case closed
    }

    private var phase = Phase.open

    /// Whether everything ends, or has.
    var isClosing: Bool {
        switch phase {
        case .open, .draining: false
        case .closing, .closed: true
        }
    }

    var isOpen: Bool {
        if case .open = phase { true } else { false }
    }

    /// When a drain ends at the latest.
    var deadline: Instant? {
        if case .draining(let deadline) = phase { deadline } else { nil }
    }

    /// Begins to drain, or brings the deadline forward. Returns false if it is closing.
    mutating func drain(until deadline: Instant) -> Bool {
        guard !isClosing else { return false }
        phase = .draining(until: min(self.deadline ?? deadline, deadline))
        return true
    }

    /// Begins to close; false if it has begun.
    mutating func close() -> Bool {
        guard !isClosing else { return false }
        phase = .closing
        return true
    }

    /// The last connection has gone. Returns true once.
    mutating func finish() -> Bool {
        guard case .closing = phase else { return false }
        phase = .closed
        return true
    }
}
