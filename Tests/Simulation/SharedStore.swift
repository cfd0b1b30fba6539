import Engine
import Link
import Replay
import Session
import Wire

/// A store that several nodes share. Each session has one owner, which alone may change it; a node
/// that finds one becomes its owner, unless that is another one that is alive.
final class SharedStore: HostStore {
    private(set) var lines: [StoreLine] = []
    private var owners: [SessionID: NodeID] = [:]
    /// Nodes that have ended, and the searches that wait until that is certain.
    private var dying: [NodeID: [(load: LoadKey, session: SessionID, line: StoreLine)]] = [:]
    private(set) var mail: Mail!

    override init(_ simulation: Simulation) {
        super.init(simulation)
        mail = Mail(self)
    }

    func line(of node: Node) -> StoreLine? { lines.first { $0.node === node } }
    func line(of id: NodeID) -> StoreLine? { lines.first { $0.id == id } }

    // MARK: Processes

    override func processBegan(of node: Node) {
        let line = StoreLine(node, simulation)
        lines.append(line)
        reach(line)
    }

    /// What has not been sent is lost.
    override func processEnded(of node: Node, inOrder: Bool) {
        guard let line = line(of: node) else { return }
        let rest = line.takeAll()
        let count =
            line.isAway ? 0 : inOrder ? rest.count : simulation.random.number(rest.count + 1)
        for entry in rest.prefix(count) { perform(entry, of: line) }
        for entry in rest.dropFirst(count) { lose(entry.order) }
        if count < rest.count { simulation.note("store   loses \(rest.count - count) orders") }
        line.close()
        lines.removeAll { $0 === line }
        dying[line.id] = []
        simulation.after([0, 300, 1_500][simulation.random.number(3)]) { [self] in
            isDead(line.id)
        }
    }

    /// The others learn that a node has ended, or that it seems so.
    private func isDead(_ id: NodeID) {
        for (load, session, line) in dying.removeValue(forKey: id) ?? [] where !line.isClosed {
            find(load, session, for: line)
        }
        for line in lines where line.id != id { tellGone(id, to: line) }
    }

    func tellGone(_ id: NodeID?, to line: StoreLine) {
        line.tell { engine in
            self.simulation.note("\(line.node.name) ← gone \(id?.low ?? 0)")
            engine.gone(id)
        }
    }

    /// A node that does nothing for so long seems to be dead.
    func seemsDead(_ node: Node) {
        guard let line = line(of: node), !line.seemsDead else { return }
        simulation.note("\(node.name) seems to be dead")
        line.seemsDead = true
        isDead(line.id)
    }

    func livesOn(_ node: Node) { line(of: node)?.seemsDead = false }

    // MARK: Reaching it

    func reach(_ line: StoreLine) {
        guard line.isAway else { return }
        simulation.note("\(line.node.name) reaches the store")
        line.isAway = false
        line.tell { $0.storeReached(true) }
        schedule(line)
    }

    /// The node cannot reach the store any more. What it has asked fails.
    func lose(_ line: StoreLine) {
        guard !line.isAway else { return }
        simulation.note("\(line.node.name) cannot reach the store")
        for order in line.questions { noteFailure(of: order) }
        let asked = line.breaks()
        let node = line.node
        node.run {
            guard !line.isClosed else { return }
            node.engine.gone(nil)
            node.engine.storeReached(false)
            for load in asked { try? node.engine.loaded(load, nil, .ended) }
            node.driver.pump()
        }
    }

    // MARK: Orders

    override func told(_ order: StoreOrder, by node: Node) {
        // A process that has not begun yet has nothing to say.
        guard let line = line(of: node) else { return }
        line.serial += 1
        switch order {
        case .load(let load, _, _), .findSession(let load, _):
            guard !line.isAway else {
                noteFailure(of: order)
                return node.after(0) {
                    if !line.isClosed { try? node.engine.loaded(load, nil, .ended) }
                    node.driver.pump()
                }
            }
            line.asks(load, order)
        case .send(_, let to?) where line.isAway:
            return node.after(0) {
                if !line.isClosed { node.engine.gone(to) }
                node.driver.pump()
            }
        case .forgetSession(let session): simulation.ledger.isForgetting(HostStore.text(session))
        default: break
        }
        line.append(order)
        schedule(line)
    }

    /// A client cannot be told what it has missed.
    private func noteFailure(of order: StoreOrder) {
        guard case .load(_, let cursor, let session) = order else { return }
        losses.sessions.insert(HostStore.text(session))
        losses.streams.insert(cursor.stream)
    }

    private func schedule(_ line: StoreLine) {
        line.schedule { [self] in
            while let entry = line.takeDue() { perform(entry, of: line) }
            line.tellKept()
            schedule(line)
        }
    }

    private func perform(_ entry: StoreLine.Entry, of line: StoreLine) {
        switch entry.order {
        case .load(let load, let cursor, let session): look(load, cursor, session, for: line)
        case .findSession(let load, let session): find(load, session, for: line)
        case .send(let message, let to): mail.send(Array(message.bytes), from: line, to: to)
        default: change(entry.order, of: line)
        }
        line.performed(entry)
    }

    private func change(_ order: StoreOrder, of line: StoreLine) {
        guard let session = order.changed ?? order.released else { return }
        let isKept = state.sessions[session] != nil
        if isKept, owners[session] != line.id {
            simulation.note("\(line.node.name) does not own what it changes")
            // Streams are one node's, whoever has the session.
            if order.stream == nil || isRepeated(order) {
                lose(order)
            } else {
                state.apply(order, at: simulation.now, idle: nil)
            }
            return tellLost(session, to: line)
        }
        if !isKept, forgotten.contains(session) {
            switch order {
            case .keepSession, .touchSession: tellLost(session, to: line)
            default: break
            }
            return
        }
        if isRepeated(order) { return }
        check(order)
        switch order {
        case .keepSession: owners[session] = line.id
        case .forgetSession:
            owners[session] = nil
            forgotten.insert(session)
            simulation.ledger.isForgotten(HostStore.text(session))
        case .releaseSession:
            owners[session] = nil
            return
        default: break
        }
        state.apply(order, at: simulation.now, idle: nil)
    }

    /// Whether the store knows what it is told: the first word counts, and none after the end.
    private func isRepeated(_ order: StoreOrder) -> Bool {
        switch order {
        case .begin(let stream, _, _): return state.streams[stream] != nil
        case .end(let stream, _): return state.streams[stream]?.hasEnded == true
        case .keep(let event, _):
            guard let stream = state.streams[event.id.stream],
                stream.hasEnded || event.id.sequence <= stream.last
            else { return false }
            checkRepeated(event, stream)
            return true
        default: return false
        }
    }

    /// A number that comes again brings what it brought before, unless a request was interrupted:
    /// its node may have gone on meanwhile.
    private func checkRepeated(_ event: StoredEvent, _ stream: StoreState.Stream) {
        guard let before = stream.messages.first(where: { $0.number == event.id.sequence }),
            Array(before.text.bytes) != Array(event.message.bytes),
            !losses.streams.contains(event.id.stream),
            ![before.text, event.message].contains(where: {
                Message(Array($0.bytes))?.isInterruption == true
            })
        else { return }
        simulation.violate(.numbering, "a number of a stream has two messages")
    }

    private func tellLost(_ session: SessionID, to line: StoreLine) {
        let text = HostStore.text(session)
        line.lost[text, default: 0] += 1
        line.tell(after: Int64([0, 0, 50, 300][simulation.random.number(4)])) { engine in
            line.lost[text, default: 1] -= 1
            self.simulation.note("\(line.node.name) ← lost \(self.simulation.names.session(text))")
            engine.lost(session)
        }
    }

    // MARK: Questions

    private func look(
        _ load: LoadKey, _ cursor: EventID, _ session: SessionID, for line: StoreLine
    ) {
        let found = find(cursor, session)
        line.answer(load) { engine in
            self.simulation.note("store → \(found?.messages.count ?? -1) for load \(load.rawValue)")
            try? engine.loaded(load, found?.messages, found?.state ?? .ended)
        }
    }

    private func find(_ load: LoadKey, _ session: SessionID, for line: StoreLine) {
        guard let record = state.sessions[session]?.record else {
            return line.answer(load) { try? $0.found(load, .init(start: nil, count: 0)) }
        }
        if let owner = owners[session], owner != line.id {
            if dying[owner] != nil {
                dying[owner]?.append((load, session, line))
                return
            }
            if let other = self.line(of: owner), !other.seemsDead,
                !simulation.sabotage.givesAway()
            {
                return line.answer(load) { engine in
                    self.simulation.note("\(line.node.name) ← elsewhere \(owner.low)")
                    try? engine.found(load, at: owner)
                }
            }
            if let other = self.line(of: owner), other.seemsDead { tellLost(session, to: other) }
        }
        owners[session] = line.id
        line.answer(load) { engine in
            self.simulation.note("\(line.node.name) ← found \(load.rawValue)")
            withExtendedLifetime(record) { try? engine.found(load, record.bytes) }
        }
    }

    // MARK: What the ledger asks

    func owns(_ wireID: String, _ node: Node) -> Bool {
        owners.contains { $0.value == node.id && HostStore.text($0.key) == wireID }
    }

    /// Messages that are kept, or will be: those that a session's owner has told it of.
    override func forEachMessage(_ use: (_ wireID: String, _ message: Message) -> Void) {
        super.forEachMessage(use)
        for line in lines {
            for case .keep(let event, let session) in line.orders where owners[session] == line.id {
                Message(Array(event.message.bytes)).map { use(HostStore.text(session), $0) }
            }
        }
    }

    /// The same of what it will refuse.
    override func hasLost(_ stream: StreamToken) -> Bool {
        super.hasLost(stream)
            || lines.contains { line in
                line.orders.contains { order in
                    order.stream == stream && order.changed.map { owners[$0] } != line.id
                }
            }
    }

    override func checkKept(_ session: ServerSession) {}
}

extension StoreOrder {
    var released: SessionID? {
        if case .releaseSession(let session) = self { session } else { nil }
    }
}
