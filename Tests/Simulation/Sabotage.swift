import Seeds

/// A fault injected between the network and the clients, to show that the checker finds it.
package struct Sabotage {
    package enum Kind: String, CaseIterable, Sendable {
        /// One event is lost.
        case loss
        /// One event arrives twice.
        case duplication
        /// Two events of a stream are swapped.
        case reordering
        /// One event arrives at another client.
        case leak
    }

    private let kind: Kind?
    /// The number of messages that still pass unchanged.
    private var countdown: Int
    private var held: (item: ResponseReader.Item, end: ClientEnd)?

    init(_ kind: Kind?, _ random: inout SeededRandom) {
        self.kind = kind
        countdown = 5 + random.number(20)
    }

    /// Delivers an item to its client, or injects the fault. Answers are not touched: a client
    /// would notice a missing one by itself.
    mutating func pass(
        _ item: ResponseReader.Item, on end: ClientEnd,
        to deliver: (ResponseReader.Item, ClientEnd) -> Void
    ) {
        if let held {
            self.held = nil
            let isNext = held.end === end && Sabotage.isMessage(item)
            let both = isNext ? [(item, end), held] : [held, (item, end)]
            if isNext { countdown = .max }
            return both.forEach { deliver($0.0, $0.1) }
        }
        guard let kind, Sabotage.isMessage(item) else { return deliver(item, end) }
        countdown -= 1
        guard countdown <= 0 else { return deliver(item, end) }
        switch kind {
        case .loss: break
        case .duplication:
            deliver(item, end)
            deliver(item, end)
        case .reordering:
            held = (item, end)
            return
        case .leak:
            guard let other = end.client.simulation.readerBeside(end.client) else {
                return deliver(item, end)
            }
            deliver(item, other)
        }
        countdown = .max
    }

    private static func isMessage(_ item: ResponseReader.Item) -> Bool {
        guard case .event(_, let data) = item else { return false }
        return Message(data)?.isAnswer == false
    }
}
