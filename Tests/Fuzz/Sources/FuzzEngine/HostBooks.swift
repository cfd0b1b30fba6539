import Engine
import Fuzzing
import Link
import Replay
import Session
import Wire

/// What a host's store has been told, which must be what can be told.
struct HostBooks {
    private struct Stream {
        let session: SessionID
        var messages: [ByteBuffer] = []
        var hasEnded = false
    }

    /// Something to be found.
    struct Search {
        let load: LoadKey
        let cursor: EventID
        let session: SessionID
    }

    private var streams: [StreamToken: Stream] = [:]
    private var lastLoad: UInt64 = 0
    /// What has been asked for and not been answered.
    var searches: [Search] = []

    var isEmpty: Bool { streams.isEmpty }

    mutating func note(_ order: StoreOrder) {
        switch order {
        case .keep(let event, let session):
            var stream = streams[event.id.stream] ?? Stream(session: session)
            require(stream.session == session, "a stream changes its session")
            require(
                !stream.hasEnded && event.id.sequence == stream.messages.count + 1,
                "an event out of its turn")
            stream.messages.append(event.message)
            streams[event.id.stream] = stream
        case .end(let token, let session):
            require(streams[token]?.hasEnded != true, "a stream ends twice")
            streams[token, default: Stream(session: session)].hasEnded = true
        case .load(let load, let cursor, let session):
            require(load.rawValue == lastLoad + 1, "a load is not the next one")
            lastLoad = load.rawValue
            searches.append(Search(load: load, cursor: cursor, session: session))
        case .forget(let session):
            streams = streams.filter { $0.value.session != session }
        }
    }

    /// What follows a cursor; nil if it names nothing that is known.
    func find(_ search: Search) -> (messages: [ByteBuffer], hasEnded: Bool)? {
        guard let stream = streams[search.cursor.stream], stream.session == search.session,
            search.cursor.sequence <= stream.messages.count
        else { return nil }
        let found = stream.messages[Int(search.cursor.sequence)...]
        return (Array(found), stream.hasEnded)
    }
}
