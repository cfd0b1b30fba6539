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
        guard let log = log(of: session) else { return }
        bytesKept -= log.byteCount
        log.append(event, at: now)
        bytesKept += log.byteCount
        trim(session.index, countMax: bounds.events, at: now)
        while bytesKept > bounds.totalBytes, let oldest = deadlines.first(in: 0) {
            trim(oldest, countMax: 0, at: now)
        }
    }

    package override func end(_ stream: StreamToken, of session: SessionKey) {
        log(of: session)?.end(stream)
    }

    package override func load(
        after cursor: EventID, of session: SessionKey, at now: Instant
    ) -> Answer {
        guard let log = log(of: session) else { return .gap }
        trim(session.index, countMax: bounds.events, at: now)
        return log.events(after: cursor)
    }

    package override func forget(_ session: SessionKey) {
        guard let log = log(of: session) else { return }
        bytesKept -= log.byteCount
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

    /// What is kept for a session.
    package func log(of session: SessionKey) -> EventLog? {
        session.index < logs.count ? logs[session.index] : nil
    }

    /// Drops what is too much or too old.
    private func trim(_ place: Int, countMax: Int, at now: Instant) {
        guard let log = logs[place] else { return }
        let limit = bounds.age.map { now.advanced(byMilliseconds: -$0) }
        let freed = log.trim(
            countMax: countMax, bytesMax: bounds.bytes,
            before: limit ?? Instant(milliseconds: .min))
        bytesKept -= freed
        guard let oldest = log.oldest else { return deadlines.disarm(place) }
        if freed != 0 || log.count == 1 { deadlines.arm(place, 0, at: oldest) }
    }
}
