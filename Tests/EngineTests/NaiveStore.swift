import Engine
import Link
import Replay
import Session
import Wire

/// A host's stores, which store everything.
struct NaiveStore {
    private var events: [StoredEvent] = []
    private var ended: Set<StreamToken> = []
    private var begun: [StreamToken: ByteBuffer] = [:]
    private var loads: [LoadKey: EventID] = [:]
    private var sessions: [SessionID: ByteBuffer] = [:]
    private var lookups: [LoadKey: SessionID] = [:]

    mutating func perform(_ order: StoreOrder) {
        switch order {
        case .keep(let event, _): events.append(event)
        case .end(let stream, _): ended.insert(stream)
        case .load(let load, let cursor, _): loads[load] = cursor
        case .begin(let stream, let record, _): begun[stream] = record
        case .forget, .touchSession, .releaseSession, .send: break
        case .keepSession(let session, let record): sessions[session] = record
        case .findSession(let load, let session): lookups[load] = session
        case .forgetSession(let session): sessions[session] = nil
        }
    }

    /// The record of the session that was looked up; nil if there is none.
    func record(_ load: LoadKey) -> ByteBuffer? { lookups[load].flatMap { sessions[$0] } }

    func find(_ load: LoadKey) -> (messages: [ByteBuffer], state: LoadedState) {
        guard let cursor = loads[load] else { return ([], .ended) }
        let found = events.filter {
            $0.id.stream == cursor.stream && $0.id.sequence > cursor.sequence
        }
        let isEnd = ended.contains(cursor.stream)
        return (found.map { $0.message }, isEnd ? .ended : .open(record: begun[cursor.stream]))
    }
}
