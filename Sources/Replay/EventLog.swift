import Session
import Wire

/// What a session's streams have sent and may have to send again, within bounds.
///
/// A log belongs to one session: an id of another session's finds nothing here (S-503). It answers
/// everything after a cursor or says that it cannot; never a part.
package final class EventLog {
    /// What is known of a stream.
    private struct Entry {
        /// The number of the last event that is gone, and of the last there was.
        var lastGone: UInt64 = 0
        var last: UInt64 = 0
        /// How many events are kept.
        var count: Int32 = 0
        /// Whether no event will follow.
        var hasEnded = false
    }

    private let events = EventBlock()
    private var streams = TokenTable<StreamToken, Entry>()

    package init() {}

    package var count: Int { events.count }
    package var byteCount: Int { events.byteCount }

    /// When the oldest event was made.
    package var oldest: Instant? { events.oldest }

    /// Begins to keep a stream.
    package func begin(_ stream: StreamToken) {
        streams.set(stream, Entry())
    }

    /// Keeps an event of a stream that has begun. Events come in the order of their numbers.
    package func append(_ event: StoredEvent, at now: Instant) {
        var isKnown = false
        streams.update(event.id.stream) { entry in
            entry.last = event.id.sequence
            entry.count += 1
            isKnown = true
        }
        if isKnown { events.append(event, at: now) }
    }

    /// Notes that no event will follow. The stream is known as long as one of its events is kept.
    package func end(_ stream: StreamToken) {
        update(stream) { $0.hasEnded = true }
    }

    /// What the stream has sent after `cursor`.
    package func events(after cursor: EventID) -> EventStore.Answer {
        guard let entry = streams[cursor.stream], cursor.sequence >= entry.lastGone,
            cursor.sequence <= entry.last
        else { return .gap }
        return .all(events.events(after: cursor), hasEnded: entry.hasEnded)
    }

    /// Drops the oldest events until the rest is within bounds; says how many bytes went.
    package func trim(countMax: Int, bytesMax: Int, before limit: Instant) -> Int {
        let before = byteCount
        while let oldest, count > countMax || byteCount > bytesMax || oldest <= limit {
            let id = events.removeFirst()
            update(id.stream) { entry in
                entry.lastGone = id.sequence
                entry.count -= 1
            }
        }
        events.shrink()
        return before - byteCount
    }

    /// Notes something about a stream, and forgets it once nothing of it is kept or will come.
    private func update(_ stream: StreamToken, _ change: (inout Entry) -> Void) {
        var isOver = false
        streams.update(stream) { entry in
            change(&entry)
            isOver = entry.hasEnded && entry.count == 0
        }
        if isOver { streams.remove(stream) }
    }
}
