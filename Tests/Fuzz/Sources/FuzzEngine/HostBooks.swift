import Engine
import Fuzzing
import Link
import Replay
import Session
import Wire

/// What a host's stores have been told, which must be what can be told.
struct HostBooks {
    private struct Stream {
        let session: SessionID
        var messages: [StoredEvent] = []
        var hasEnded = false
        var record: ByteBuffer?
    }

    /// Something to be found: the events after a cursor, or the session.
    struct Search {
        let load: LoadKey
        let cursor: EventID?
        let session: SessionID
    }

    /// All that is kept, in the order in which it came.
    private var orders: [StoreOrder] = []
    private var streams: [StreamToken: Stream] = [:]
    private var sessions: [SessionID: ByteBuffer] = [:]
    private var lastLoad: UInt64 = 0
    /// Whether nothing was lost with a process, and the engine was told the truth.
    private var isWhole = true
    /// What has been asked for and not been answered.
    var searches: [Search] = []

    /// Whether nothing is kept but what belongs to a session that is.
    var isEmpty: Bool {
        !isWhole || streams.values.allSatisfy { sessions[$0.session] != nil }
    }

    mutating func note(_ order: StoreOrder) {
        switch order {
        case .begin(let token, let record, let session):
            require(streams[token] == nil, "a stream begins twice")
            streams[token] = Stream(session: session, record: record)
        case .keep(let event, let session):
            var stream = streams[event.id.stream] ?? Stream(session: session)
            require(stream.session == session, "a stream changes its session")
            let last = stream.messages.last?.id.sequence ?? 0
            require(
                !isWhole || !stream.hasEnded && event.id.sequence == last + 1,
                "an event out of its turn")
            stream.messages.append(event)
            streams[event.id.stream] = stream
        case .end(let token, let session):
            require(!isWhole || streams[token]?.hasEnded != true, "a stream ends twice")
            streams[token, default: Stream(session: session)].hasEnded = true
        case .load(let load, let cursor, let session): search(load, cursor, session)
        case .forget(let session):
            streams = streams.filter { $0.value.session != session }
        case .keepSession(let session, let record):
            require(
                SessionRecord(record.bytes, depthMax: 8) != nil, "a record that cannot be read")
            sessions[session] = record
        case .touchSession(let session):
            require(!isWhole || sessions[session] != nil, "touched what is not kept")
        case .findSession(let load, let session): search(load, nil, session)
        case .forgetSession(let session): sessions[session] = nil
        case .releaseSession, .send: require(false, "an order for nodes that there are not")
        }
        orders.append(order)
    }

    private mutating func search(_ load: LoadKey, _ cursor: EventID?, _ session: SessionID) {
        require(load.rawValue == lastLoad + 1, "a load is not the next one")
        lastLoad = load.rawValue
        searches.append(Search(load: load, cursor: cursor, session: session))
    }

    /// The engine is told something else.
    mutating func lie() { isWhole = false }

    /// The process ends, and the last orders are lost. The next one's loads come after a number.
    mutating func restart(losing count: Int, hasSessions: Bool, loadsAfter last: UInt64) {
        let kept = hasSessions ? orders.dropLast(count) : []
        let wasWhole = isWhole && (count == 0 || !hasSessions)
        self = HostBooks()
        isWhole = false
        for order in kept {
            switch order {
            case .load, .findSession: break
            case .keep(let event, let session):
                // The engine that is gone counts where its copy waits.
                let copy = ByteBuffer(copying: event.message.bytes)
                note(.keep(StoredEvent(id: event.id, message: copy), of: session))
            default: note(order)
            }
        }
        isWhole = wasWhole
        lastLoad = last
    }

    /// What follows a cursor; nil if it names nothing that is known.
    func find(_ search: Search) -> (messages: [ByteBuffer], state: LoadedState)? {
        guard let cursor = search.cursor, let stream = streams[cursor.stream],
            stream.session == search.session,
            !isWhole || cursor.sequence <= stream.messages.last?.id.sequence ?? 0
        else { return nil }
        let found = stream.messages.filter { $0.id.sequence > cursor.sequence }
        return (
            found.map { $0.message }, stream.hasEnded ? .ended : .open(record: stream.record)
        )
    }

    func record(_ search: Search) -> ByteBuffer? { sessions[search.session] }
}
