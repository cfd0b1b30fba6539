/// The sessions there are: found by key or by wire id, bounded in number, ended when long quiet.
package struct SessionTable<Entry: AnyObject> {
    private var entries = SlotTable<SessionKey, Entry>()
    private var keys = TokenTable<SessionID, SessionKey>()
    private var deadlines: DeadlineBoard
    private let capacity: Int

    private static var initializing: Int { 0 }
    private static var idle: Int { 1 }

    /// Times are milliseconds; nil is for ever.
    package init(capacity: Int, initializeTimeout: Int64?, idleTimeout: Int64?) {
        self.capacity = min(capacity, SlotTable<SessionKey, Entry>.capacity)
        deadlines = DeadlineBoard(timeouts: [initializeTimeout, idleTimeout])
    }

    package var count: Int { entries.count }
    package var all: [Entry] { entries.elements }
    package var nextDeadline: Instant? { deadlines.next }

    package subscript(key: SessionKey) -> Entry? { entries[key] }

    /// How many places there are, some of them free.
    package var placeCount: Int { entries.placeCount }

    /// The session at a place; nil if the place is free.
    package subscript(index index: Int) -> Entry? { entries[index: index] }

    package func key(for id: SessionID) -> SessionKey? { keys[id] }

    /// Adds a session; nil if there are as many as there may be.
    package mutating func insert(_ id: SessionID, _ make: (SessionKey) -> Entry) -> Entry? {
        guard entries.count < capacity else { return nil }
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

    /// Notes that nothing of the session is under way: its time to live begins (S-207).
    package mutating func becameQuiet(_ key: SessionKey, isReady: Bool, at now: Instant) {
        let list = isReady ? SessionTable.idle : SessionTable.initializing
        deadlines.arm(key.index, list, at: now)
    }

    /// Notes that a request or a stream of the session is open.
    package mutating func becameBusy(_ key: SessionKey) {
        deadlines.disarm(key.index)
    }

    /// One session whose time is up; it leaves the table when the caller removes it.
    package mutating func popExpired(at now: Instant) -> Entry? {
        deadlines.popDue(at: now).flatMap { entries[index: $0.index] }
    }
}
