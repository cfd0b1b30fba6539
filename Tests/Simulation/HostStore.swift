import Engine
import Link
import Replay
import Session
import Wire

/// A host's event store and, in some runs, its session store: it keeps what it is told and answers
/// loads and look-ups, at once or later. What it was told last may be lost with the process. A
/// forgetful one returns a part, or nothing, or does not answer. A lying one returns anything.
class HostStore {
    struct Found {
        var messages: [ByteBuffer]
        var hasEnded: Bool
        var record: ByteBuffer?

        var state: LoadedState { hasEnded ? .ended : .open(record: record) }
    }

    unowned let simulation: Simulation
    /// What it has been told, and what of that survives the process.
    var state = StoreState()
    private var durable = StoreState()
    /// The orders between the two.
    private var recent: [(time: Int64, order: StoreOrder)] = []
    /// The sessions of which nothing may be told any more.
    var forgotten: Set<SessionID> = []
    /// What it has lost something of.
    var losses = Losses()
    /// Bytes of all messages that it has ever stored or made up, kept or not.
    private(set) var bytesTotal = 0

    init(_ simulation: Simulation) {
        self.simulation = simulation
    }

    private func number(_ bound: Int) -> Int { simulation.random.number(bound) }
    private var profile: Profile { simulation.profile }
    private var idle: Int64? { profile.options.sessionKept }

    // MARK: Orders

    func told(_ order: StoreOrder, by node: Node) {
        if !profile.hasHostStore, !profile.hasSessionStore {
            simulation.violate(.misconduct, "an order for a store that there is not")
        }
        switch order {
        case .load(let load, let cursor, let session): look(load, cursor, session)
        case .findSession(let load, let session): lookUp(load, session)
        default:
            let order = simulation.sabotage.spoil(order, state, node.process)
            if let order { keep(order) }
        }
    }

    private func keep(_ order: StoreOrder) {
        check(order)
        state.apply(order, at: simulation.now, idle: idle)
        recent.append((simulation.now, order))
        while let first = recent.first, first.time < simulation.now - profile.storeLag {
            recent.removeFirst()
            durable.apply(first.order, at: first.time, idle: idle)
        }
    }

    func check(_ order: StoreOrder) {
        if let session = order.changed, forgotten.contains(session) {
            simulation.violate(.misconduct, "the store is told of a session that has ended")
        }
        switch order {
        case .begin(let stream, _, _):
            if state.streams[stream] != nil {
                simulation.violate(.numbering, "a stream begins twice")
            }
        case .keep(let event, let session): check(event, session)
        case .forget(let session): if !profile.hasSessionStore { forgotten.insert(session) }
        case .forgetSession(let session): forgotten.insert(session)
        case .keepSession(let session, let record): check(record, of: session)
        case .touchSession(let session):
            if state.sessions[session] == nil {
                simulation.violate(.misconduct, "a session that is not kept is in use")
            }
        case .end, .load, .findSession, .releaseSession, .send: break
        }
    }

    private func check(_ event: StoredEvent, _ session: SessionID) {
        bytesTotal += event.message.count
        guard let stream = state.streams[event.id.stream] else { return }
        let number = event.id.sequence
        if stream.session != session { simulation.violate(.leak, "a stream changes its session") }
        if number <= stream.last {
            simulation.violate(.numbering, "number \(number) of a stream is given twice")
        }
        // The client may have events that were lost with a process.
        let isNext = number == stream.last + 1 || losses.streams.contains(event.id.stream)
        if stream.hasEnded || !isNext {
            simulation.violate(.misconduct, "the store is told of \(event.id) at the wrong time")
        }
    }

    private func check(_ text: ByteBuffer, of session: SessionID) {
        guard let record = SessionRecord(text.bytes, depthMax: 16) else {
            return simulation.violate(.misconduct, "a session's record cannot be read")
        }
        simulation.ledger.kept(HostStore.text(session), for: Host.name(record.principal))
    }

    static func text(_ session: SessionID) -> String {
        let text = session.text
        return withExtendedLifetime(text) { String(decoding: text.bytes, as: UTF8.self) }
    }

    // MARK: Answers

    private func look(_ load: LoadKey, _ cursor: EventID, _ session: SessionID) {
        let found = find(cursor, session)
        let isForgetful = profile.mayForget && simulation.isBusy
        simulation.note("store ← load \(load.rawValue)")
        if profile.storeLies, simulation.isBusy { return lie(load, found) }
        switch number(isForgetful ? 12 : 9) {
        case 0...3: answer(load, found)
        case 4...6: later { [self] in answer(load, found) }
        case 7, 8: later { [self] in answer(load, find(cursor, session)) }
        case 9: answer(load, nil)
        case 10:
            let part = found.map { Found(messages: $0.messages.dropLast(), hasEnded: false) }
            answer(load, part)
        default: break
        }
    }

    /// Answers with too much or too little, in another order, with another end, twice, late, or for
    /// another load.
    private func lie(_ load: LoadKey, _ truth: Found?) {
        var found = truth ?? Found(messages: [], hasEnded: false)
        if number(3) == 0 { found.hasEnded.toggle() }
        switch number(5) {
        case 0: found.messages.append(contentsOf: HostStore.lies.prefix(1 + number(40)))
        case 1: found.messages = Array(HostStore.lies.prefix(number(41)))
        case 2: found.messages.removeFirst(min(1, found.messages.count))
        case 3: found.messages.reverse()
        default: break
        }
        bytesTotal += found.messages.reduce(0) { $0 + $1.count }
        let pause = Int64([0, 0, 20, 2_000, 20_000][number(5)])
        for again in 0...number(3) {
            let key = number(6) == 0 ? LoadKey(rawValue: UInt64(number(50))) : load
            let isNone = number(8) == 0
            simulation.after(pause + Int64(again * number(20))) { [self] in
                answer(key, isNone ? nil : found)
            }
        }
    }

    private static var lies: [ByteBuffer] {
        (0..<40).map { buffer("{\"jsonrpc\":\"2.0\",\"method\":\"lie \($0)\"}") }
    }

    private static func buffer(_ text: String) -> ByteBuffer {
        Array(text.utf8).withUnsafeBytes { ByteBuffer(copying: $0) }
    }

    private func later(_ act: @escaping () -> Void) {
        let isForgetful = profile.mayForget && simulation.isBusy
        let pause = [1, 20, 200, isForgetful ? 5_000 : 800][number(4)]
        simulation.after(Int64(pause), act)
    }

    /// The events after a cursor; nil if the cursor is unknown. Those that the client has, and that
    /// were lost, are none.
    func find(_ cursor: EventID, _ session: SessionID) -> Found? {
        guard let stream = state.streams[cursor.stream], stream.session == session,
            cursor.sequence <= stream.last || losses.streams.contains(cursor.stream)
        else { return nil }
        let messages = stream.messages.filter { $0.number > cursor.sequence }
        return Found(
            messages: messages.map { ByteBuffer(copying: $0.text.bytes) },
            hasEnded: stream.hasEnded, record: stream.record)
    }

    private func answer(_ load: LoadKey, _ found: Found?) {
        simulation.note(
            "store → \(found.map { "\($0.messages.count)" } ?? "none") for load \(load.rawValue)")
        // If the client is gone, or the process, the load has ended, and this fails.
        try? simulation.nodes[0].engine.loaded(load, found?.messages, found?.state ?? .ended)
        simulation.nodes[0].driver.pump()
    }

    // MARK: Looking sessions up

    private func lookUp(_ load: LoadKey, _ session: SessionID) {
        simulation.note("store ← find \(load.rawValue)")
        if !profile.hasSessionStore {
            simulation.violate(.misconduct, "an order for a session store that there is not")
        }
        let found = record(of: session)
        if found != nil, simulation.sabotage.deniesSession() { return answer(load, record: nil) }
        if profile.storeLies, simulation.isBusy { return lie(load, record: found) }
        switch number(simulation.isBusy ? 12 : 9) {
        case 0...3: answer(load, record: found)
        case 4...6:
            later { [self] in answer(load, record: record(of: session) == nil ? nil : found) }
        case 7, 8: later { [self] in answer(load, record: record(of: session)) }
        case 9, 10: answer(load, nil)
        default: break
        }
    }

    /// What it has of a session, unless that has not been used for too long.
    private func record(of session: SessionID) -> ByteBuffer? {
        guard let kept = state.sessions[session] else { return nil }
        guard let deadline = kept.deadline, deadline <= simulation.now else { return kept.record }
        state.expire(session)
        durable.expire(session)
        recent.removeAll { $0.order.changed == session }
        simulation.ledger.expired(HostStore.text(session))
        return nil
    }

    /// Answers with the record of another session, with what is none, with a part, or twice.
    private func lie(_ load: LoadKey, record truth: ByteBuffer?) {
        var record = truth
        switch number(6) {
        case 0: record = HostStore.buffer("{\"revision\":\"2025-11-25\"}")
        case 1: record = HostStore.buffer("no record")
        case 2: record = anyRecord ?? record
        case 3: record = nil
        case 4:
            let first = number(1 << 20)
            let uris = (first..<first + 20).map { "\"u:\($0)\"" }.joined(separator: ",")
            record = HostStore.buffer(
                """
                {"revision":"2025-11-25","ready":true,"clientInfo":{},"capabilities":{},\
                "primaries":[\"\(String(repeating: "0", count: 32))\"],"subscriptions":[\(uris)]}
                """)
        default: break
        }
        let pause = Int64([0, 0, 20, 2_000, 20_000][number(5)])
        for again in 0...number(3) {
            let key = number(6) == 0 ? LoadKey(rawValue: UInt64(number(50))) : load
            simulation.after(pause + Int64(again * number(20))) { [self] in
                answer(key, record: record)
            }
        }
    }

    private var anyRecord: ByteBuffer? {
        state.sessions.min { HostStore.text($0.key) < HostStore.text($1.key) }?.value.record
    }

    private func answer(_ load: LoadKey, record: ByteBuffer?) {
        simulation.note("store → \(record == nil ? "nothing" : "found") for \(load.rawValue)")
        let text = record ?? ByteBuffer()
        withExtendedLifetime(text) { try? simulation.nodes[0].engine.found(load, text.bytes) }
        simulation.nodes[0].driver.pump()
    }

    // MARK: The end of a process

    /// What was lost with processes.
    struct Losses {
        var streams: Set<StreamToken> = []
        /// Those with events that are lost, or with a record.
        var sessions: Set<String> = []
    }

    /// Another process has begun.
    func processBegan(of node: Node) {}

    /// The process has ended: in order, or so that what it was told last may be lost. Only the end
    /// of the sequence is lost.
    func processEnded(of node: Node, inOrder: Bool) {
        let start = recent.firstIndex { $0.time >= simulation.now - profile.storeLag }
        let most = inOrder || profile.storeLag == 0 ? 0 : start.map { recent.count - $0 } ?? 0
        let lost = recent.suffix(most == 0 ? 0 : number(most + 1))
        for (time, order) in recent.dropLast(lost.count) {
            durable.apply(order, at: time, idle: idle)
        }
        for (_, order) in lost { lose(order) }
        if !lost.isEmpty { simulation.note("store   loses \(lost.count) orders") }
        recent = []
        state = durable
    }

    func lose(_ order: StoreOrder) {
        guard let session = order.changed else { return }
        forgotten.remove(session)
        losses.sessions.insert(HostStore.text(session))
        if let stream = order.stream { losses.streams.insert(stream) }
    }

    /// Whether events of a stream, which the id of one names, may be lost with a process.
    func hasLost(_ eventID: String?) -> Bool {
        guard let eventID, let id = Array(eventID.utf8).withUnsafeBytes({ EventIDCodec.read($0) })
        else { return false }
        return hasLost(id.stream)
    }

    func hasLost(_ stream: StreamToken) -> Bool { losses.streams.contains(stream) }

    // MARK: Questions

    func has(_ wireID: String) -> Bool {
        state.sessions.keys.contains { HostStore.text($0) == wireID }
    }

    /// The messages that are kept, with the sessions that they belong to.
    func forEachMessage(_ use: (_ wireID: String, _ message: Message) -> Void) {
        for stream in state.streams.values {
            let wireID = HostStore.text(stream.session)
            for message in stream.messages {
                Message(Array(message.text.bytes)).map { use(wireID, $0) }
            }
        }
    }

    /// Checks that a session in use does not expire.
    func checkKept(_ session: ServerSession) {
        guard session.state.isReady, let kept = state.sessions[session.id],
            let deadline = kept.deadline
        else { return }
        if deadline < simulation.now {
            simulation.violate(.budget, "the store may forget a session that is in use")
        }
    }

    /// What is left of sessions that have ended; nil if nothing is.
    var leftover: String? {
        guard profile.hasSessionStore else {
            return state.streams.isEmpty ? nil : "events in the store"
        }
        // What a lie has brought back expires by itself.
        guard !profile.storeLies else { return nil }
        if state.sessions.keys.contains(where: { forgotten.contains($0) }) {
            return "a session in the store"
        }
        let isLeft = state.streams.values.contains { stream in
            state.sessions[stream.session] == nil
                && !losses.sessions.contains(HostStore.text(stream.session))
        }
        return isLeft ? "events of no session in the store" : nil
    }
}
