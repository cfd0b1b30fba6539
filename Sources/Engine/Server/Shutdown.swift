import Link

/// How far a server is on its way to its end.
struct Shutdown {
    private enum Phase {
        case open
        /// Takes nothing new, and closes at the deadline, or when nothing is open, but not before.
        case draining(notBefore: Instant, until: Instant)
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
        if case .draining(_, let deadline) = phase { deadline } else { nil }
    }

    /// When a drain ends if nothing is open.
    var earliest: Instant? {
        guard case .draining(let earliest, let deadline) = phase else { return nil }
        return min(earliest, deadline)
    }

    /// Begins to drain, or brings the deadline forward. Returns false if it is closing.
    mutating func drain(notBefore earliest: Instant, until deadline: Instant) -> Bool {
        guard !isClosing else { return false }
        phase = .draining(
            notBefore: min(self.earliest ?? earliest, earliest),
            until: min(self.deadline ?? deadline, deadline))
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
