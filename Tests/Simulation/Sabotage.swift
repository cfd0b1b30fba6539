import Engine
import Link
import Replay
import Seeds
import Session

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
        /// A listener is told of a change that it has not asked for.
        case filter
        /// The host gets the answer to a question twice, or never learns that a client that it has
        /// asked does not come back.
        case parking
        /// Objects of the engine do not agree any more.
        case invariant
        /// The session store does not find a session that it has.
        case amnesia
        /// A session that was resumed is used by another principal.
        case impostor
        /// The store does not keep that a stream has ended with its request's process.
        case interruption
        /// A stream begins with the numbers of one of an earlier process.
        case numbering
        /// A request that one node passes on to another arrives twice.
        case echo
        /// The store gives a session to a node although another one has it.
        case twins
        /// A part of a response gets lost between two nodes.
        case hole

        /// Whether it needs several nodes; nil if the seed decides.
        var needsNodes: Bool {
            switch self {
            case .echo, .twins, .hole: true
            default: false
            }
        }

        /// Whether it needs a process that ends, and authorization.
        var needsRestarts: Bool {
            switch self {
            case .amnesia, .impostor, .interruption, .numbering: true
            case .loss, .duplication, .reordering, .leak, .filter, .parking, .invariant, .echo,
                .twins, .hole:
                false
            }
        }
    }

    private let kind: Kind?
    /// The number of messages, or steps, that still pass unchanged.
    private var countdown: Int
    /// The streams whose end the store has not kept.
    private var spoiled: Set<StreamToken> = []
    private var held: (item: ResponseReader.Item, end: any LinkEnd)?
    private var echo: Echo?
    /// The responses between nodes that have begun.
    private var begun: Set<[UInt8]> = []
    /// What is to be broken inside of the engine.
    private var invariant: Invariant?
    /// What is broken there, and how.
    private(set) var broken: (invariant: Invariant, how: String)?

    init(_ kind: Kind?, _ random: inout SeededRandom) {
        self.kind = kind
        countdown =
            kind == .parking
            ? 1 + random.number(5) : 5 + random.number(kind == .invariant ? 200 : 20)
    }

    /// Delivers an item to its client, or injects the fault. Answers are not touched: a client
    /// would notice a missing one by itself.
    mutating func pass(
        _ item: ResponseReader.Item, on end: any LinkEnd,
        to deliver: (ResponseReader.Item, any LinkEnd) -> Void
    ) {
        if let held {
            self.held = nil
            let isNext = held.end === end && Sabotage.isMessage(item)
            let both = isNext ? [(item, end), held] : [held, (item, end)]
            if isNext { countdown = .max }
            return both.forEach { deliver($0.0, $0.1) }
        }
        guard let kind, kind != .invariant, kind != .parking, !kind.needsRestarts, !kind.needsNodes,
            Sabotage.isMessage(item)
        else { return deliver(item, end) }
        countdown -= 1
        guard countdown <= 0 else { return deliver(item, end) }
        switch kind {
        case .loss, .invariant, .parking, .amnesia, .impostor, .interruption, .numbering, .echo,
            .twins, .hole:
            break
        case .filter:
            deliver(item, end)
            guard let extra = Sabotage.extra(for: end) else { return }
            deliver(extra, end)
        case .duplication:
            deliver(item, end)
            deliver(item, end)
        case .reordering:
            held = (item, end)
            return
        case .leak:
            guard let client = (end as? ClientEnd)?.client,
                !Sabotage.isForAll(item, client.simulation.ledger),
                let other = client.simulation.readerBeside(client)
            else { return deliver(item, end) }
            deliver(item, other)
        }
        countdown = .max
    }

    /// A change that a listener has not asked for, as if it had.
    private static func extra(for end: any LinkEnd) -> ResponseReader.Item? {
        guard let listen = (end as? ModernEnd)?.listen, let filter = listen.acknowledged,
            let (change, _) = Filter.Change.lists.first(where: { !filter.admits($0.0) })
        else { return nil }
        let text = """
            {"jsonrpc":"2.0","method":"\(change.method)",\
            "params":{"_meta":{"io.modelcontextprotocol/subscriptionId":\(listen.id)}}}
            """
        return .event(id: nil, data: Array(text.utf8))
    }

    /// Delivers an event to the host, or injects the fault.
    mutating func pass(
        _ event: HostEvent, _ isModern: Bool, to deliver: (HostEvent) -> Void
    ) {
        if kind == .impostor, event.kind == .request, event.session?.isResumed == true {
            event.principal = Principal(("mallory" as StaticString).rawBytes)
        }
        let isAnswer = event.kind == .response && event.fault == nil
        guard kind == .parking, isModern, isAnswer || event.kind == .cancelled, countdown < .max
        else { return deliver(event) }
        countdown -= 1
        guard countdown <= 0 else { return deliver(event) }
        countdown = .max
        guard isAnswer else { return }
        deliver(event)
        deliver(event)
    }

    /// Whether the session store is to say that there is no such session.
    mutating func deniesSession() -> Bool {
        defer { countdown = .max }
        return kind == .amnesia && countdown < .max
    }

    /// What the store keeps instead of what it is told; nil for nothing.
    mutating func spoil(_ order: StoreOrder, _ state: StoreState, _ process: Int) -> StoreOrder? {
        switch (kind, order) {
        case (.interruption, .keep(let event, _))
        where Message(Array(event.message.bytes))?.isInterruption == true:
            spoiled.insert(event.id.stream)
            return order
        case (.interruption, .end(let stream, _)) where spoiled.contains(stream): return nil
        case (.numbering, .keep(let event, let session))
        where process > 1 && event.id.sequence == 1 && state.streams[event.id.stream] == nil:
            guard let earlier = state.firstOpenStream(of: session) else { return order }
            let id = EventID(stream: earlier, sequence: 1)
            return .keep(StoredEvent(id: id, message: event.message), of: session)
        default: return order
        }
    }

    /// What arrives instead of a message between nodes.
    mutating func spoil(_ bytes: [UInt8], from: NodeID, to: NodeID) -> [[UInt8]] {
        guard kind == .echo || kind == .hole, countdown < .max else { return [bytes] }
        let key = Array(bytes.dropFirst().prefix(8))
        let isRequest = bytes.first == 1 && Sabotage.contains("tools/call", bytes)
        if kind == .echo, isRequest, echo == nil { echo = Echo(bytes, from, to, key) }
        if kind == .echo, let last = echo {
            // While the first one is open the second would find it.
            let isEnd = bytes.first == 6 || bytes.first == 7
            if isEnd, key == last.key, from == last.to { echo?.isOver = true }
            guard last.isOver, from == last.from, to == last.to else { return [bytes] }
            countdown = .max
            return [last.bytes, bytes]
        }
        guard kind == .hole, bytes.first == 5 else { return [bytes] }
        countdown -= 1
        // Something must follow, or nobody could tell that it is not only late.
        let isChunk = bytes.suffix(2) == [13, 10] && bytes.suffix(5) != [48, 13, 10, 13, 10]
        guard !begun.insert(key).inserted, countdown <= 0, isChunk, bytes.count > 60 else {
            return [bytes]
        }
        countdown = .max
        return [Array(bytes.dropLast(3))]
    }

    /// Whether the store is to give a session away that another node has.
    mutating func givesAway() -> Bool {
        guard kind == .twins, countdown < .max else { return false }
        countdown -= 1
        return countdown <= 0
    }

    private static func contains(_ word: StaticString, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { $0.contains(word.rawBytes) }
    }

    /// A request between nodes that comes a second time.
    private struct Echo {
        let bytes: [UInt8]
        let from: NodeID
        let to: NodeID
        let key: [UInt8]
        /// Whether the first one has its response.
        var isOver = false

        init(_ bytes: [UInt8], _ from: NodeID, _ to: NodeID, _ key: [UInt8]) {
            self.bytes = bytes
            self.from = from
            self.to = to
            self.key = key
        }
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

    /// Whether an event is a message for every session: at another client it is there twice.
    private static func isForAll(_ item: ResponseReader.Item, _ ledger: Ledger) -> Bool {
        guard case .event(_, let data) = item, let number = Message(data)?.number,
            ledger.promises.indices.contains(number)
        else { return false }
        return ledger.promises[number].owner == .everySession
    }

    private static func isMessage(_ item: ResponseReader.Item) -> Bool {
        guard case .event(_, let data) = item else { return false }
        guard let message = Message(data), !message.isAnswer else { return false }
        return message.filter == nil
    }
}
