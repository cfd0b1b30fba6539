import Engine
import Seeds

/// A fault injected between the network and the clients, or into the engine, to show that the
/// checker finds it.
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
        /// Objects of the engine do not agree any more.
        case invariant
    }

    private let kind: Kind?
    /// The number of messages, or steps, that still pass unchanged.
    private var countdown: Int
    private var held: (item: ResponseReader.Item, end: ClientEnd)?
    /// What is to be broken inside of the engine.
    private var invariant: Invariant?
    /// What is broken there, and how.
    private(set) var broken: (invariant: Invariant, how: String)?

    init(_ kind: Kind?, _ random: inout SeededRandom) {
        self.kind = kind
        countdown = 5 + random.number(kind == .invariant ? 200 : 20)
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
        guard let kind, kind != .invariant, Sabotage.isMessage(item) else {
            return deliver(item, end)
        }
        countdown -= 1
        guard countdown <= 0 else { return deliver(item, end) }
        switch kind {
        case .loss, .invariant: break
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

    /// Breaks an invariant of the engine, as soon as there is something that can be broken so.
    mutating func act(on engine: ServerEngine, _ random: inout SeededRandom) {
        guard kind == .invariant, broken == nil else { return }
        countdown -= 1
        invariant = invariant ?? random.pick(Invariant.allCases)
        guard countdown <= 0, let invariant, let sabotage = random.pick(invariant.sabotages),
            sabotage.commit(on: engine)
        else { return }
        broken = (invariant, sabotage.description)
    }

    private static func isMessage(_ item: ResponseReader.Item) -> Bool {
        guard case .event(_, let data) = item else { return false }
        return Message(data)?.isAnswer == false
    }
}
