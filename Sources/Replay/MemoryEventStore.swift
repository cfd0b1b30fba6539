import Link
import Session
import Wire

/// An event store in memory: one `EventLog` per session, within limits.
package final class MemoryEventStore: EventStore {
    /// The limits of one session, of all sessions, and of the age in milliseconds (S-245). Bytes
    /// count memory.
    package struct Bounds {
        package var events = 1024
        package var bytes = 1 << 20
        package var totalBytes = 256 << 20
        /// The share of `totalBytes` for the sessions of one address, and of one principal.
        package var addressBytes = Int.max
        package var principalBytes = Int.max
        package var age: Int64? = 5 * 60_000

        package init() {}
    }

    private let bounds: Bounds
    private let lifetime: Int64
    /// Indexed by `SessionKey.index`.
    private var logs: [EventLog?] = []
    private var count = 0
    /// Per session, when its oldest event expires; may be too early. Without a maximum age, it only
    /// orders the sessions by their oldest event.
    private var deadlines: DeadlineBoard
    private var bytesKept = 0

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        lifetime = bounds.age ?? 1 << 50
        deadlines = DeadlineBoard(timeouts: [lifetime])
    }

    package override var byteCount: Int { bytesKept }

    package override func open(_ session: SessionIdentity, in shares: Shares) {
        let place = session.key.index
        while logs.count <= place { logs.append(nil) }
        logs[place] = EventLog(bytesMax: bounds.bytes, in: shares)
        count += 1
    }

    package override func begin(_ stream: StreamToken, of session: SessionIdentity) {
        log(of: session)?.begin(stream)
    }

    package override func keep(
        _ event: StoredEvent, of session: SessionIdentity, at now: Instant
    ) {
        guard let log = log(of: session) else { return }
        log.append(event, at: now)
        noteKept(log, session.key.index)
    }

    package override func keep(
        _ id: EventID, copying message: UnsafeRawBufferPointer, of session: SessionIdentity,
        at now: Instant
    ) {
        let place = session.key.index
        guard place < logs.count else { return }
        // The table keeps it: references to it are not counted.
        logs[place].map { Unmanaged.passUnretained($0) }?._withUnsafeGuaranteedRef { log in
            log.append(id, copying: message, at: now)
            noteKept(log, place)
        }
    }

    package override func keep(
        whole stream: StreamToken, _ message: ByteBuffer, of session: SessionIdentity,
        at now: Instant
    ) {
        guard let log = log(of: session) else { return }
        log.append(whole: stream, message, at: now)
        noteKept(log, session.key.index)
    }

    /// Enforces all limits after a session has stored an event.
    private func noteKept(_ log: EventLog, _ place: Int) {
        let isSettled = log.isSettled(countMax: bounds.events, bytesMax: bounds.bytes)
        if isSettled, deadlines.isArmed(place) { return }
        trim(place, log, countMax: bounds.events)
        guard bytesKept > min(bounds.addressBytes, bounds.principalBytes, bounds.totalBytes)
        else { return }
        if let address = log.shares.address {
            while address.replayBytes > bounds.addressBytes, dropOldest(of: address, place) {}
        }
        if let principal = log.shares.principal {
            while principal.replayBytes > bounds.principalBytes, dropOldest(of: principal, place) {}
        }
        while bytesKept > bounds.totalBytes, let place = deadlines.first(in: 0),
            let log = logs[place], let oldest = log.oldest
        {
            if deadlines.next == oldest.advanced(byMilliseconds: lifetime) {
                halve(place, log)
            } else {
                // The entry was outdated, so another session may have an older event.
                deadlines.arm(place, 0, at: oldest)
            }
        }
    }

    /// Drops the older half of a session's events: of the session in `share` with approximately the
    /// oldest event or, if none is found among the first 4,096, of `last`, which has just stored
    /// one. False if there is no event to drop.
    private func dropOldest(of share: Share, _ last: Int) -> Bool {
        var oldest = last
        deadlines.forEach(in: 0, atMost: 4_096) { place, _ in
            guard let log = logs[place], log.shares.include(share) else { return true }
            oldest = place
            return false
        }
        guard let log = logs[oldest], log.count > 0 else { return false }
        halve(oldest, log)
        return true
    }

    /// Drops the older half of a session's events, and frees their memory.
    private func halve(_ place: Int, _ log: EventLog) {
        log.trim(countMax: log.count / 2, bytesMax: .max, before: nil)
        log.compact()
        trim(place, log, countMax: bounds.events)
    }

    package override func end(_ stream: StreamToken, of session: SessionIdentity) {
        log(of: session)?.end(stream)
    }

    package override func load(
        after cursor: EventID, of session: SessionIdentity, at now: Instant
    ) -> Answer {
        guard let log = log(of: session) else { return .gap }
        trim(session.key.index, log, countMax: bounds.events, at: now)
        return log.events(after: cursor)
    }

    package override func forget(_ session: SessionIdentity) {
        guard let log = log(of: session) else { return }
        trim(session.key.index, log, countMax: 0)
        logs[session.key.index] = nil
        deadlines.disarm(session.key.index)
        count -= 1
        if count == 0 { logs = [] }
    }

    package override var nextDeadline: Instant? { deadlines.next }

    package override func deadlineReached(at now: Instant) {
        while let due = deadlines.popDue(at: now) {
            guard let log = logs[due.index] else { continue }
            trim(due.index, log, countMax: bounds.events, at: now)
        }
    }

    /// The log of a session.
    package override func log(of session: SessionIdentity) -> EventLog? {
        session.key.index < logs.count ? logs[session.key.index] : nil
    }

    /// Drops events beyond the limits and, if `now` is given, expired ones. The deadline of the
    /// remaining events may be too early.
    @inline(never)
    private func trim(_ place: Int, _ log: EventLog, countMax: Int, at now: Instant? = nil) {
        var limit: Instant?
        if let now, let age = bounds.age { limit = now.advanced(byMilliseconds: -age) }
        log.trim(countMax: countMax, bytesMax: bounds.bytes, before: limit)
        bytesKept += log.takeChange()
        let change = log.ownBytes - log.countedBytes
        if change != 0 {
            log.shares.forEach { $0.replayBytes += change }
            log.countedBytes += change
        }
        guard log.count > 0 else { return deadlines.disarm(place) }
        if !deadlines.isArmed(place), let oldest = log.oldest {
            deadlines.arm(place, 0, at: oldest)
        }
    }
}
