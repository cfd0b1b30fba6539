import Link

/// The table of sessions: lookup by key or by Mcp-Session-Id, a maximum number, idle time-outs.
package struct SessionTable<Entry: AnyObject>: ~Copyable {
    private var entries: SlotTable<SessionKey, Entry>
    private var keys = TokenTable<SessionID, SessionKey>()
    private var deadlines: DeadlineBoard
    private let capacity: Int
    private let timeouts: [Int64]

    private static var initializing: Int { 0 }
    private static var idle: Int { 1 }
    /// Idle sessions that were never used.
    private static var unused: Int { 2 }

    /// Means never: a session that never expires is still sorted by its idle time.
    private static var forever: Int64 { 1 << 50 }

    /// Times are in milliseconds; nil means never.
    package init(
        capacity: Int, keysAfter serial: UInt64 = 0, initializeTimeout: Int64?, idleTimeout: Int64?
    ) {
        entries = SlotTable(after: serial)
        self.capacity = min(capacity, SlotTable<SessionKey, Entry>.capacity)
        let idle = idleTimeout ?? SessionTable.forever
        timeouts = [initializeTimeout ?? SessionTable.forever, idle, idle]
        // An [Int64] does not become an [Int64?] by itself in Embedded Swift.
        deadlines = DeadlineBoard(timeouts: timeouts.map { Optional($0) })
    }

    package var count: Int { entries.count }
    package var isFull: Bool { entries.count >= capacity }
    package var all: [Entry] { entries.elements }
    package var numbers: [UInt64] { entries.numbers }

    /// When the next session expires; nil for never.
    @inline(__always)
    package var nextDeadline: Instant? {
        deadlines.next.flatMap { $0.milliseconds < SessionTable.forever ? $0 : nil }
    }

    package subscript(key: SessionKey) -> Entry? { entries[key] }

    /// The number of slots, including free ones.
    package var slotCount: Int { entries.slotCount }

    /// The session at an index; nil if the slot is free.
    package subscript(index index: Int) -> Entry? { entries[index: index] }

    package func key(for id: SessionID) -> SessionKey? { keys[id] }

    /// Adds a session; nil if the table is full.
    package mutating func insert(_ id: SessionID, _ make: (SessionKey) -> Entry) -> Entry? {
        guard !isFull else { return nil }
        var added: SessionKey?
        let entry = entries.insert { key in
            added = key
            return make(key)
        }
        if let added { keys.set(id, added) }
        return entry
    }

    package mutating func remove(_ key: SessionKey, _ id: SessionID) {
        deadlines.disarm(key.index)
        entries.remove(key)
        keys.remove(id)
    }

    /// Starts the idle time-out of a session without open requests and streams (S-207). One that is
    /// not `isUsed` may be closed to make room for another.
    package mutating func becameQuiet(
        _ key: SessionKey, isReady: Bool, isUsed: Bool, at now: Instant
    ) {
        let list =
            !isReady
            ? SessionTable.initializing : isUsed ? SessionTable.idle : SessionTable.unused
        deadlines.arm(key.index, list, at: now)
    }

    /// Stops the idle time-out: a request or a stream of the session is open.
    package mutating func becameBusy(_ key: SessionKey) {
        deadlines.disarm(key.index)
    }

    /// Since when a session has had neither an open request nor a stream; nil if it has one.
    package func quietSince(_ key: SessionKey) -> Instant? { deadlines.start(of: key.index) }

    /// Returns one expired session, which the caller must remove from the table.
    package mutating func popExpired(at now: Instant) -> Entry? {
        let latest = Instant(milliseconds: SessionTable.forever - 1)
        return deadlines.popDue(at: min(now, latest)).flatMap { entries[index: $0.index] }
    }

    package var heapBytes: Int { entries.heapBytes + keys.heapBytes + deadlines.heapBytes }

    /// The session that has been idle for longest, of the unused ones for which `isWanted` is true.
    /// Nil if there is none.
    package func idlest(_ isWanted: (Entry) -> Bool) -> Entry? {
        var idlest: (entry: Entry, since: Int64)?
        for list in [SessionTable.initializing, SessionTable.unused] {
            deadlines.forEach(in: list) { index, deadline in
                guard let entry = entries[index: index], isWanted(entry) else { return true }
                let since = deadline.milliseconds - timeouts[list]
                if since < idlest?.since ?? .max { idlest = (entry, since) }
                return false
            }
        }
        return idlest?.entry
    }
}
