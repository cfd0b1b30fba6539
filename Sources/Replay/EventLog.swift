import Session
import Wire

/// What a session's streams have sent and may have to send again, within bounds.
///
/// A log belongs to one session: an id of another session's finds nothing here (S-503). It answers
/// everything after a cursor or says that it cannot; never a part.
package struct EventLog {
    private struct Record {
        let event: StoredEvent
        let time: Instant
    }

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

    /// All records, the oldest first; those before `first` are gone.
    private var records: [Record] = []
    private var first = 0
    private var streams = TokenTable<StreamToken, Entry>()
    package private(set) var byteCount = 0

    package init() {}

    package var count: Int { records.count - first }

    /// When the oldest record was made.
    package var oldest: Instant? { count > 0 ? records[first].time : nil }

    /// Begins to keep a stream.
    package mutating func begin(_ stream: StreamToken) {
        streams.set(stream, Entry())
    }

    /// Keeps an event of a stream that has begun. Events come in the order of their numbers.
    package mutating func append(_ event: StoredEvent, at now: Instant) {
        var isKnown = false
        streams.update(event.id.stream) { entry in
            entry.last = event.id.sequence
            entry.count += 1
            isKnown = true
        }
        guard isKnown else { return }
        records.append(Record(event: event, time: now))
        byteCount += event.message.count
    }

    /// Notes that no event will follow. The stream is known as long as one of its events is kept.
    package mutating func end(_ stream: StreamToken) {
        update(stream) { $0.hasEnded = true }
    }

    /// What the stream has sent after `cursor`.
    package func events(after cursor: EventID) -> EventStore.Answer {
        guard let entry = streams[cursor.stream], cursor.sequence >= entry.lastGone,
            cursor.sequence <= entry.last
        else { return .gap }
        var events: [StoredEvent] = []
        for record in records[first...] {
            let id = record.event.id
            if id.stream == cursor.stream, id.sequence > cursor.sequence {
                events.append(record.event)
            }
        }
        return .all(events, hasEnded: entry.hasEnded)
    }

    /// Drops the oldest events until the rest is within bounds; says how many bytes went.
    package mutating func trim(countMax: Int, bytesMax: Int, before limit: Instant) -> Int {
        let before = byteCount
        while count > 0,
            count > countMax || byteCount > bytesMax || records[first].time <= limit
        {
            dropFirst()
        }
        if first == records.count {
            records = []
            first = 0
        } else if first > 32, first > records.count / 2 {
            records.removeFirst(first)
            first = 0
        }
        return before - byteCount
    }

    private mutating func dropFirst() {
        let event = records[first].event
        first += 1
        byteCount -= event.message.count
        update(event.id.stream) { entry in
            entry.lastGone = event.id.sequence
            entry.count -= 1
        }
    }

    /// Notes something about a stream, and forgets it once nothing of it is kept or will come.
    private mutating func update(_ stream: StreamToken, _ change: (inout Entry) -> Void) {
        var isOver = false
        streams.update(stream) { entry in
            change(&entry)
            isOver = entry.hasEnded && entry.count == 0
        }
        if isOver { streams.remove(stream) }
    }
}
