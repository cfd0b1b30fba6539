import Link
import Session
import Wire

/// The events that a session's streams have sent and may have to send again, within limits.
///
/// A log belongs to one session: an id of another session is not found here (S-503). It returns all
/// events after a cursor, or a gap; never only some of them.
package final class EventLog {
    /// The state of an open stream. For an ended stream, its events are enough.
    private struct Progress {
        /// The numbers of the last dropped event and of the last event.
        var lastGone: UInt64 = 0
        var last: UInt64 = 0
    }

    private var events: EventBlock
    private var open = TokenTable<StreamToken, Progress>()

    /// The shares that its memory counts in.
    let shares: Shares

    /// A log whose events will be trimmed to `bytesMax`.
    package init(
        bytesMax: Int = .max, in shares: Shares = Shares(address: nil, principal: nil)
    ) {
        events = EventBlock(bytesMax: bytesMax)
        self.shares = shares
    }

    package var count: Int { events.count }

    /// The memory of the events, and the same with unused capacity.
    package var byteCount: Int { events.byteCount }
    package var heldBytes: Int { events.heldBytes }
    /// The same without messages shared with other sessions' logs.
    package var ownBytes: Int { events.ownBytes }
    /// The heap memory of the events without messages stored as references, which are passed to
    /// `body`.
    package func heapBytes(_ body: (ByteBuffer) -> Void) -> Int { events.heapBytes(body) }
    /// Its other heap memory.
    package var ownHeapBytes: Int { HeapBlock.size(of: self) + open.heapBytes }

    /// The part of `ownBytes` that was counted in the shares.
    package var countedBytes = 0

    /// The change of the memory of all logs since the last call.
    package func takeChange() -> Int {
        defer { events.change = 0 }
        return events.change
    }

    /// The time of the oldest event.
    package var oldest: Instant? { events.oldest }

    /// Opens a stream.
    package func begin(_ stream: StreamToken) {
        open.set(stream, Progress())
    }

    /// Stores an event of an open stream. Events arrive in the order of their numbers.
    package func append(_ event: StoredEvent, at now: Instant) {
        guard advance(to: event.id) else { return }
        events.append(event.id, event.message, isShared: event.isShared, at: now)
    }

    /// The same for a short message, which is copied.
    package func append(_ id: EventID, copying message: UnsafeRawBufferPointer, at now: Instant) {
        guard advance(to: id) else { return }
        events.append(id, copying: message, at: now)
    }

    /// Notes the last event of a stream; false if the stream is not open.
    @inline(__always)
    private func advance(to id: EventID) -> Bool {
        var isOpen = false
        open.update(id.stream) { progress in
            progress.last = id.sequence
            isOpen = true
        }
        return isOpen
    }

    /// Stores the only event of a stream that has already ended.
    package func append(whole stream: StreamToken, _ message: ByteBuffer, at now: Instant) {
        events.append(EventID(stream: stream, sequence: 1), message, at: now)
    }

    /// Ends a stream. It can be found as long as one of its events is kept.
    package func end(_ stream: StreamToken) {
        open.remove(stream)
    }

    /// The events of the cursor's stream after `cursor`.
    package func events(after cursor: EventID) -> EventStore.Answer {
        let progress = open[cursor.stream]
        let kept = progress == nil ? events.range(of: cursor.stream) : nil
        guard let last = progress?.last ?? kept?.last,
            let lastGone = progress?.lastGone ?? kept.map({ $0.first - 1 }),
            cursor.sequence >= lastGone, cursor.sequence <= last
        else { return .gap }
        return .all(events.events(after: cursor), hasEnded: progress == nil)
    }

    /// Whether its events are within the limits, and their memory is what it was at the last
    /// `takeChange`.
    @inline(__always)
    func isSettled(countMax: Int, bytesMax: Int) -> Bool {
        count <= countMax && byteCount <= bytesMax && events.change == 0
    }

    /// Drops the oldest events until the rest is within the limits and, if `limit` is given, newer
    /// than it. Above `countMax` a sixteenth of it goes at once: that costs less than one by one.
    @inline(never)
    package func trim(countMax: Int, bytesMax: Int, before limit: Instant?) {
        var gone: EventID?
        if count > countMax {
            while count > countMax - countMax / 16 { dropOldest(after: &gone) }
        }
        while byteCount > bytesMax, count > 0 { dropOldest(after: &gone) }
        if let limit {
            while let oldest, oldest <= limit { dropOldest(after: &gone) }
        }
        if let gone { note(gone) }
        events.shrink()
    }

    /// Frees unused capacity.
    package func compact() { events.compact() }

    /// `gone` is the last event dropped before, of which its stream has not been told.
    @inline(never)
    private func dropOldest(after gone: inout EventID?) {
        let id = events.removeFirst()
        if let last = gone, last.stream != id.stream { note(last) }
        gone = id
    }

    private func note(_ gone: EventID) {
        open.update(gone.stream) { $0.lastGone = gone.sequence }
    }
}
