import Session
import Wire

/// A store in this process's memory: one `EventLog` for each session, within bounds.
package final class MemoryEventStore: EventStore {
    /// What may be kept: for one session, for all, and for how long in milliseconds (S-245).
    package struct Bounds {
        package var events = 1024
        package var bytes = 1 << 20
        package var totalBytes = 256 << 20
        package var age: Int64? = 5 * 60_000

        package init() {}
    }

    private let bounds: Bounds
    /// By the places of their sessions.
    private var logs: [EventLog?] = []
    private var logCount = 0
    /// When a session's oldest event becomes too old; without an age still who has the oldest.
    private var deadlines: DeadlineBoard
    private var bytesKept = 0

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        deadlines = DeadlineBoard(timeouts: [bounds.age ?? 1 << 50])
    }

    package override var byteCount: Int { bytesKept }

    package override func begin(_ stream: StreamToken, of session: SessionKey) {
        let place = session.index
        while logs.count <= place { logs.append(nil) }
        if logs[place] == nil {
            logs[place] = EventLog()
            logCount += 1
        }
        logs[place]?.begin(stream)
    }

    package override func keep(
        _ event: StoredEvent, of session: SessionKey, at now: Instant
    ) {
        guard hasLog(session.index) else { return }
        let before = logs[session.index]?.byteCount ?? 0
        logs[session.index]?.append(event, at: now)
        bytesKept += (logs[session.index]?.byteCount ?? 0) - before
        trim(session.index, countMax: bounds.events, at: now)
        while bytesKept > bounds.totalBytes, let oldest = deadlines.first(in: 0) {
            trim(oldest, countMax: 0, at: now)
        }
    }

    package override func end(_ stream: StreamToken, of session: SessionKey) {
        if hasLog(session.index) { logs[session.index]?.end(stream) }
    }

    package override func load(
        after cursor: EventID, of session: SessionKey, at now: Instant
    ) -> Answer {
        guard hasLog(session.index) else { return .gap }
        trim(session.index, countMax: bounds.events, at: now)
        return logs[session.index]?.events(after: cursor) ?? .gap
    }

    package override func forget(_ session: SessionKey) {
        guard hasLog(session.index) else { return }
        bytesKept -= logs[session.index]?.byteCount ?? 0
        logs[session.index] = nil
        deadlines.disarm(session.index)
        logCount -= 1
        if logCount == 0 { logs = [] }
    }

    package override var nextDeadline: Instant? { deadlines.next }

    package override func deadlineReached(at now: Instant) {
        while let due = deadlines.popDue(at: now) {
            trim(due.index, countMax: bounds.events, at: now)
        }
    }

    /// What is kept for a session, for tests.
    package func log(of session: SessionKey) -> EventLog? {
        hasLog(session.index) ? logs[session.index] : nil
    }

    private func hasLog(_ place: Int) -> Bool { place < logs.count && logs[place] != nil }

    /// Drops what is too much or too old.
    private func trim(_ place: Int, countMax: Int, at now: Instant) {
        let limit = bounds.age.map { now.advanced(byMilliseconds: -$0) }
        let freed = logs[place]?.trim(
            countMax: countMax, bytesMax: bounds.bytes,
            before: limit ?? Instant(milliseconds: .min))
        bytesKept -= freed ?? 0
        guard let oldest = logs[place]?.oldest else { return deadlines.disarm(place) }
        if freed != 0 || logs[place]?.count == 1 { deadlines.arm(place, 0, at: oldest) }
    }
}
