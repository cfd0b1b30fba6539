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
    private let lifetime: Int64
    /// By the places of their sessions.
    private var logs: [EventLog?] = []
    private var logCount = 0
    /// When a session's oldest event becomes too old, or earlier; without an age still about who
    /// has the oldest.
    private var deadlines: DeadlineBoard
    private var bytesKept = 0

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        lifetime = bounds.age ?? 1 << 50
        deadlines = DeadlineBoard(timeouts: [lifetime])
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
        keep(in: log, of: session.index, at: now) { log.append(event, at: now) }
    }

    package override func keep(
        whole stream: StreamToken, _ message: ByteBuffer, of session: SessionKey, at now: Instant
    ) {
        guard let log = log(of: session) else { return }
        keep(in: log, of: session.index, at: now) {
            log.append(whole: stream, message, at: now)
        }
    }

    private func keep(in log: EventLog, of place: Int, at now: Instant, _ append: () -> Void) {
        bytesKept -= log.byteCount
        append()
        bytesKept += log.byteCount
        trim(place, log, countMax: bounds.events)
        while bytesKept > bounds.totalBytes, let place = deadlines.first(in: 0),
            let log = logs[place], let oldest = log.oldest
        {
            if deadlines.next == oldest.advanced(byMilliseconds: lifetime) {
                trim(place, log, countMax: 0)
            } else {
                // What it was noted for is gone. Another session's oldest may be older.
                deadlines.arm(place, 0, at: oldest)
            }
        }
    }

    package override func end(_ stream: StreamToken, of session: SessionKey) {
        log(of: session)?.end(stream)
    }

    package override func load(
        after cursor: EventID, of session: SessionKey, at now: Instant
    ) -> Answer {
        guard let log = log(of: session) else { return .gap }
        trim(session.index, log, countMax: bounds.events, at: now)
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
            guard let log = logs[due.index] else { continue }
            trim(due.index, log, countMax: bounds.events, at: now)
        }
    }

    /// What is kept for a session.
    package func log(of session: SessionKey) -> EventLog? {
        session.index < logs.count ? logs[session.index] : nil
    }

    /// Drops what is too much and, if the time is told, what is too old. The deadline of what is
    /// left may be too early.
    private func trim(_ place: Int, _ log: EventLog, countMax: Int, at now: Instant? = nil) {
        var limit: Instant?
        if let now, let age = bounds.age { limit = now.advanced(byMilliseconds: -age) }
        bytesKept -= log.trim(countMax: countMax, bytesMax: bounds.bytes, before: limit)
        guard log.count > 0 else { return deadlines.disarm(place) }
        if !deadlines.isArmed(place), let oldest = log.oldest {
            deadlines.arm(place, 0, at: oldest)
        }
    }
}
