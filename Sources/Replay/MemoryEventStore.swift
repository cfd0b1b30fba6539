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

    private struct Keeping {
        let log: EventLog
        let shares: Shares
    }

    private let bounds: Bounds
    private let lifetime: Int64
    /// Indexed by `SessionKey.index`.
    private var keepings: [Keeping?] = []
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
        while keepings.count <= place { keepings.append(nil) }
        keepings[place] = Keeping(log: EventLog(bytesMax: bounds.bytes), shares: shares)
        count += 1
    }

    package override func begin(_ stream: StreamToken, of session: SessionIdentity) {
        log(of: session)?.begin(stream)
    }

    package override func keep(
        _ event: StoredEvent, of session: SessionIdentity, at now: Instant
    ) {
        guard let keeping = keeping(of: session) else { return }
        keeping.log.append(event, at: now)
        noteKept(keeping, session.key.index)
    }

    package override func keep(
        whole stream: StreamToken, _ message: ByteBuffer, of session: SessionIdentity,
        at now: Instant
    ) {
        guard let keeping = keeping(of: session) else { return }
        keeping.log.append(whole: stream, message, at: now)
        noteKept(keeping, session.key.index)
    }

    /// Enforces all limits after a session has stored an event.
    private func noteKept(_ keeping: Keeping, _ place: Int) {
        trim(place, keeping, countMax: bounds.events)
        guard bytesKept > min(bounds.addressBytes, bounds.principalBytes, bounds.totalBytes)
        else { return }
        if let address = keeping.shares.address {
            while address.replayBytes > bounds.addressBytes, dropOldest(of: address, place) {}
        }
        if let principal = keeping.shares.principal {
            while principal.replayBytes > bounds.principalBytes, dropOldest(of: principal, place) {}
        }
        while bytesKept > bounds.totalBytes, let place = deadlines.first(in: 0),
            let keeping = keepings[place], let oldest = keeping.log.oldest
        {
            if deadlines.next == oldest.advanced(byMilliseconds: lifetime) {
                halve(place, keeping)
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
            guard let keeping = keepings[place], keeping.shares.include(share) else { return true }
            oldest = place
            return false
        }
        guard let keeping = keepings[oldest], keeping.log.count > 0 else { return false }
        halve(oldest, keeping)
        return true
    }

    /// Drops the older half of a session's events, and frees their memory.
    private func halve(_ place: Int, _ keeping: Keeping) {
        keeping.log.trim(countMax: keeping.log.count / 2, bytesMax: .max, before: nil)
        keeping.log.compact()
        trim(place, keeping, countMax: bounds.events)
    }

    package override func end(_ stream: StreamToken, of session: SessionIdentity) {
        log(of: session)?.end(stream)
    }

    package override func load(
        after cursor: EventID, of session: SessionIdentity, at now: Instant
    ) -> Answer {
        guard let keeping = keeping(of: session) else { return .gap }
        trim(session.key.index, keeping, countMax: bounds.events, at: now)
        return keeping.log.events(after: cursor)
    }

    package override func forget(_ session: SessionIdentity) {
        guard let keeping = keeping(of: session) else { return }
        trim(session.key.index, keeping, countMax: 0)
        keepings[session.key.index] = nil
        deadlines.disarm(session.key.index)
        count -= 1
        if count == 0 { keepings = [] }
    }

    package override var nextDeadline: Instant? { deadlines.next }

    package override func deadlineReached(at now: Instant) {
        while let due = deadlines.popDue(at: now) {
            guard let keeping = keepings[due.index] else { continue }
            trim(due.index, keeping, countMax: bounds.events, at: now)
        }
    }

    /// The log of a session.
    package override func log(of session: SessionIdentity) -> EventLog? {
        keeping(of: session)?.log
    }

    private func keeping(of session: SessionIdentity) -> Keeping? {
        session.key.index < keepings.count ? keepings[session.key.index] : nil
    }

    /// Drops events beyond the limits and, if `now` is given, expired ones. The deadline of the
    /// remaining events may be too early.
    private func trim(_ place: Int, _ keeping: Keeping, countMax: Int, at now: Instant? = nil) {
        var limit: Instant?
        if let now, let age = bounds.age { limit = now.advanced(byMilliseconds: -age) }
        keeping.log.trim(countMax: countMax, bytesMax: bounds.bytes, before: limit)
        bytesKept += keeping.log.takeChange()
        let own = keeping.log.ownBytes
        keeping.shares.forEach { $0.replayBytes += own - keeping.log.countedBytes }
        keeping.log.countedBytes = own
        guard keeping.log.count > 0 else { return deadlines.disarm(place) }
        if !deadlines.isArmed(place), let oldest = keeping.log.oldest {
            deadlines.arm(place, 0, at: oldest)
        }
    }
}
