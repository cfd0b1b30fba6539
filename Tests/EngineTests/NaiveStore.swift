import Link
import Replay
import Session
import Wire

/// A host's store that stores everything.
struct NaiveStore {
    private var events: [StoredEvent] = []
    private var ended: Set<StreamToken> = []
    private var loads: [LoadKey: EventID] = [:]

    mutating func perform(_ order: StoreOrder) {
        switch order {
        case .keep(let event, _): events.append(event)
        case .end(let stream, _): ended.insert(stream)
        case .load(let load, let cursor, _): loads[load] = cursor
        case .forget: break
        }
    }

    func find(_ load: LoadKey) -> (messages: [ByteBuffer], hasEnded: Bool) {
        guard let cursor = loads[load] else { return ([], false) }
        let found = events.filter {
            $0.id.stream == cursor.stream && $0.id.sequence > cursor.sequence
        }
        return (found.map { $0.message }, ended.contains(cursor.stream))
    }
}
