import Engine
import Link
import Replay
import Session
import Wire

/// A host's event store: it stores events and answers loads, at once or later. A forgetful one
/// returns a part, or nothing, or does not answer. A lying one returns anything.
final class HostStore {
    private struct Kept {
        let session: SessionID
        var messages: [ByteBuffer] = []
        var hasEnded = false
        /// What the engine wants to know of it later.
        var record: ByteBuffer?
    }

    private struct Found {
        var messages: [ByteBuffer]
        var hasEnded: Bool
        var record: ByteBuffer?

        var state: LoadedState { hasEnded ? .ended : .open(record: record) }
    }

    private unowned let simulation: Simulation
    private var streams: [StreamToken: Kept] = [:]
    /// Bytes of all messages that it has ever stored or made up, kept or not.
    private(set) var bytesTotal = 0

    init(_ simulation: Simulation) {
        self.simulation = simulation
    }

    private func number(_ bound: Int) -> Int { simulation.random.number(bound) }

    /// Whether nothing is stored any more.
    var isEmpty: Bool { streams.isEmpty }

    // MARK: Orders

    func told(_ order: StoreOrder) {
        if !simulation.profile.hasHostStore {
            simulation.violate(.misconduct, "an order for a store that there is not")
        }
        switch order {
        case .begin(let stream, let record, let session):
            if streams[stream] != nil { simulation.violate(.misconduct, "a stream begins twice") }
            streams[stream] = Kept(session: session, record: record)
        case .keepSession, .touchSession, .findSession, .forgetSession:
            simulation.violate(.misconduct, "an order for a session store that there is not")
        case .keep(let event, let session): keep(event, session)
        case .end(let stream, let session):
            streams[stream, default: Kept(session: session)].hasEnded = true
        case .load(let load, let cursor, let session): look(load, cursor, session)
        case .forget(let session): streams = streams.filter { $0.value.session != session }
        }
    }

    private func keep(_ event: StoredEvent, _ session: SessionID) {
        var kept = streams[event.id.stream] ?? Kept(session: session)
        if kept.session != session { simulation.violate(.leak, "a stream changes its session") }
        if kept.hasEnded || event.id.sequence != kept.messages.count + 1 {
            simulation.violate(.misconduct, "the store is told of \(event.id) at the wrong time")
        }
        kept.messages.append(event.message)
        streams[event.id.stream] = kept
        bytesTotal += event.message.count
    }

    // MARK: Answers

    private func look(_ load: LoadKey, _ cursor: EventID, _ session: SessionID) {
        let found = find(cursor, session)
        let isForgetful = simulation.profile.mayForget && simulation.isBusy
        simulation.note("store ← load \(load.rawValue)")
        if simulation.profile.storeLies, simulation.isBusy { return lie(load, found) }
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
        (0..<40).map { number in
            Array("{\"jsonrpc\":\"2.0\",\"method\":\"lie \(number)\"}".utf8).withUnsafeBytes {
                ByteBuffer(copying: $0)
            }
        }
    }

    private func later(_ act: @escaping () -> Void) {
        let isForgetful = simulation.profile.mayForget && simulation.isBusy
        let pause = [1, 20, 200, isForgetful ? 5_000 : 800][number(4)]
        simulation.after(Int64(pause), act)
    }

    /// The events after a cursor; nil if the cursor is unknown.
    private func find(_ cursor: EventID, _ session: SessionID) -> Found? {
        guard let kept = streams[cursor.stream], kept.session == session,
            cursor.sequence <= kept.messages.count
        else { return nil }
        return Found(
            messages: Array(kept.messages[Int(cursor.sequence)...]), hasEnded: kept.hasEnded,
            record: kept.record)
    }

    private func answer(_ load: LoadKey, _ found: Found?) {
        simulation.note(
            "store → \(found.map { "\($0.messages.count)" } ?? "none") for load \(load.rawValue)")
        // If the client is gone, the load has ended, and this fails.
        try? simulation.engine.loaded(load, found?.messages, found?.state ?? .ended)
        simulation.driver.pump()
    }
}
