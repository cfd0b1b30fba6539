import Session
import Wire

/// What a session's streams have sent and may have to send again, within bounds.
///
/// A log belongs to one session: an id of another session's finds nothing here (S-503). It answers
/// everything after a cursor or says that it cannot; never a part.
package final class EventLog {
    /// What is known of a stream that goes on. Of one that has ended, its events tell all.
    private struct Progress {
        /// The number of the last event that is gone, and of the last there was.
        var lastGone: UInt64 = 0
        var last: UInt64 = 0
    }

    private var events: EventBlock
    private var open = TokenTable<StreamToken, Progress>()

    /// A log that is trimmed to `bytesMax`.
    package init(bytesMax: Int = .max) {
        events = EventBlock(bytesMax: bytesMax)
    }

    package var count: Int { events.count }

    /// The memory that the events take, and what they take with the room kept for others.
    package var byteCount: Int { events.byteCount }
    package var heldBytes: Int { events.heldBytes }
    /// The same without what other sessions' logs hold too.
    package var ownBytes: Int { events.ownBytes }
    /// What the events take on the heap, but for messages that are referred to: `body` is given
    /// those.
    package func heapBytes(_ body: (ByteBuffer) -> Void) -> Int { events.heapBytes(body) }
    /// What it takes besides.
    package var ownHeapBytes: Int { HeapBlock.size(of: self) + open.heapBytes }

    /// How much of that has been counted.
    package var countedBytes = 0

    /// By how much the memory of all logs has changed since it was asked last.
    package func takeChange() -> Int {
        defer { events.change = 0 }
        return events.change
    }

    /// When the oldest event was made.
    package var oldest: Instant? { events.oldest }

    /// Begins to keep a stream.
    package func begin(_ stream: StreamToken) {
        open.set(stream, Progress())
    }

    /// Keeps an event of a stream that has begun. Events come in the order of their numbers.
    package func append(_ event: StoredEvent, at now: Instant) {
        var isOpen = false
        open.update(event.id.stream) { progress in
            progress.last = event.id.sequence
            isOpen = true
        }
        guard isOpen else { return }
        events.append(event.id, event.message, isShared: event.isShared, at: now)
    }

    /// Keeps the only event of a stream, which begins and ends with it.
    package func append(whole stream: StreamToken, _ message: ByteBuffer, at now: Instant) {
        events.append(EventID(stream: stream, sequence: 1), message, at: now)
    }

    /// Notes that no event will follow. The stream is known as long as one of its events is kept.
    package func end(_ stream: StreamToken) {
        open.remove(stream)
    }

    /// What the stream has sent after `cursor`.
    package func events(after cursor: EventID) -> EventStore.Answer {
        let progress = open[cursor.stream]
        let kept = progress == nil ? events.range(of: cursor.stream) : nil
        guard let last = progress?.last ?? kept?.last,
            let lastGone = progress?.lastGone ?? kept.map({ $0.first - 1 }),
            cursor.sequence >= lastGone, cursor.sequence <= last
        else { return .gap }
        return .all(events.events(after: cursor), hasEnded: progress == nil)
    }

    /// Drops the oldest events until the rest is within bounds, and younger than `limit` if it is
    /// told.
    package func trim(countMax: Int, bytesMax: Int, before limit: Instant?) {
        while count > countMax || byteCount > bytesMax && count > 0 { dropOldest() }
        if let limit {
            while let oldest, oldest <= limit { dropOldest() }
        }
        events.shrink()
    }

    /// Gives back the room that the events do not take.
    package func compact() { events.compact() }

    private func dropOldest() {
        let id = events.removeFirst()
        open.update(id.stream) { $0.lastGone = id.sequence }
    }
}
