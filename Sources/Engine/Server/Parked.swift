import Link
import Replay
import Session
import Wire

/// Exchanges that wait for somebody else's word: the host's verdict on a request, or what a store
/// returns for a stream that a client resumes or for the session of a request.
///
/// Each has a key under which the word comes, and its connection's timer bounds the wait.
struct Parked: ~Copyable {
    private var verdicts: SlotTable<AuthorizationKey, ServerConnection>
    private var loads: [LoadKey: ServerConnection] = [:]

    init(keysAfter serial: UInt64) {
        verdicts = SlotTable(after: serial)
    }

    var verdictCount: Int { verdicts.count }
    var loadCount: Int { loads.count }

    // MARK: Verdicts

    /// Parks a connection until the host's verdict; nil if too many wait.
    mutating func parkForVerdict(_ connection: ServerConnection) -> AuthorizationKey? {
        var key: AuthorizationKey?
        _ = verdicts.insert { added in
            key = added
            return connection
        }
        return key
    }

    /// Takes out the connection that waits for a verdict.
    @discardableResult
    mutating func take(_ key: AuthorizationKey) -> ServerConnection? { verdicts.remove(key) }

    subscript(key: AuthorizationKey) -> ServerConnection? { verdicts[key] }

    var waitingForVerdict: [ServerConnection] { verdicts.elements }

    // MARK: Loads

    /// Parks a connection until the store returns what its client has missed. Meanwhile events
    /// wait in the connection's backlog.
    mutating func park(_ connection: ServerConnection, for resumption: Resumption) {
        loads[resumption.load] = connection
        connection.outbox.hold()
        connection.setResumption(resumption)
    }

    /// Parks a connection until the store has looked up its session.
    mutating func park(_ connection: ServerConnection, for lookup: LoadKey) {
        loads[lookup] = connection
    }

    /// A load or a look-up is over.
    mutating func end(_ load: LoadKey) {
        loads[load] = nil
    }

    /// Those that wait for the store, the first ones first.
    var waitingForStore: [ServerConnection] {
        var keys = loads.keys.map { $0.rawValue }
        SystemSort.sort(&keys)
        return keys.compactMap { loads[LoadKey(rawValue: $0)] }
    }

    /// The connection that waits for a load.
    subscript(load: LoadKey) -> ServerConnection? { loads[load] }

    /// A connection goes on to wait for events of an earlier stream.
    mutating func park(_ connection: ServerConnection, for load: LoadKey, after cursor: EventID) {
        guard let resumption = connection.resumption else { return }
        loads[resumption.load] = nil
        loads[load] = connection
        resumption.goOn(load, after: cursor)
    }

    /// The wait for the store is over.
    mutating func endLoad(of connection: ServerConnection) {
        guard let resumption = connection.resumption else { return }
        end(resumption.load)
        connection.outbox.release()
        connection.setResumption(nil)
    }
}

/// A client that resumes a stream, until the store has returned what was sent meanwhile.
final class Resumption {
    private(set) var load: LoadKey
    private(set) var cursor: EventID
    let session: ServerSession
    /// The last event that the store was given; nil if the stream had ended before.
    let last: UInt64?
    /// Whether it is a session's primary stream.
    let isPrimary: Bool
    /// What the stream ended with meanwhile; nil if it goes on.
    private(set) var end: ByteBuffer?
    /// Where the session's primary streams in earlier processes are still to be read from, the last
    /// one at the end.
    private var earlier: [EventID] = []
    /// Whether the stream is one of these: how many events it has had is not known.
    private(set) var isEarlier = false
    /// Whether events of a later stream were found.
    private(set) var hasFound = false

    init(
        _ load: LoadKey, after cursor: EventID, upTo last: UInt64?, isPrimary: Bool,
        of session: ServerSession
    ) {
        self.load = load
        self.cursor = cursor
        self.last = last
        self.isPrimary = isPrimary
        self.session = session
    }

    /// A primary stream that goes back to those of earlier processes. They are loaded from the last
    /// one to the first, because each comes before what waits.
    init(
        _ load: LoadKey, after cursor: EventID, of session: ServerSession, upTo last: UInt64,
        from earlier: [EventID]
    ) {
        self.load = load
        self.cursor = cursor
        self.session = session
        self.last = last
        self.earlier = earlier
        isPrimary = true
        isEarlier = cursor.stream != session.primary.token
    }

    /// Where to load from next; nil if nothing is left.
    func nextCursor() -> EventID? { earlier.popLast() }

    fileprivate func goOn(_ load: LoadKey, after cursor: EventID) {
        self.load = load
        self.cursor = cursor
        isEarlier = true
        hasFound = true
    }

    /// The stream ends, with what `last` writes.
    func end(_ last: (ByteBuffer) -> Void) {
        let end = ByteBuffer()
        last(end)
        self.end = end
    }
}

extension Resumption {
    /// The events that were found and that the client has missed. What the stream has sent since
    /// the load began is in the backlog, in the store or not.
    func events(_ found: [ByteBuffer]) -> [StoredEvent] {
        let missed = isEarlier ? nil : last.map { Int($0 - cursor.sequence) }
        return found.prefix(missed ?? found.count).enumerated().map { index, message in
            let sequence = cursor.sequence + UInt64(index) + 1
            return StoredEvent(
                id: EventID(stream: cursor.stream, sequence: sequence), message: message)
        }
    }
}

/// How a stream that was loaded from the host's store goes on.
package enum LoadedState {
    case ended
    /// It has not ended. The record says which request it is for, if the store has one.
    case open(record: ByteBuffer?)

    var isEnd: Bool {
        if case .ended = self { true } else { false }
    }

    /// The id of the request that has not been answered.
    func request(_ limits: Limits) -> RequestID? {
        guard case .open(let record?) = self else { return nil }
        return StreamRecord.id(record.bytes, limits: limits)
    }
}

#if !hasFeature(Embedded)
    extension Parked {
        mutating func sabotage(_ load: LoadKey) { loads[load] = nil }
    }
#endif
