/// Drops the oldest events: those beyond a limit, and those that are too old.
struct Trimmer {
    private let database: Database
    private let terms: Terms
    private let now: Int64

    /// The most that is dropped in one transaction: orders wait meanwhile.
    private static let trimmedMax = 5_000
    private static let expiredMax = 500
    private static let expiredSessionsMax = 20

    init(_ database: Database, _ terms: Terms, at now: Int64) {
        self.database = database
        self.terms = terms
        self.now = now
    }

    /// Drops the oldest messages of a session that has too many.
    func trim(_ session: inout SessionRow) throws(SQLiteFault) {
        guard !terms.hasRoom(events: session.events, bytes: session.bytes) else { return }
        let oldest = database[.oldestEvents]
        defer { oldest.reset() }
        oldest.bind(1, session.id)
        var last: Int64?
        while !terms.hasRoom(events: session.events, bytes: session.bytes), try oldest.next() {
            try noteLoss(oldest, of: session.id)
            session.events &-= 1
            session.bytes &-= oldest.int(4)
            last = oldest.int(0)
        }
        guard let last else { return }
        let events = database[.removeOldestEvents]
        events.bind(1, session.id)
        events.bind(2, last)
        try events.run()
    }

    /// Drops the oldest messages of all, if they are too many; the rest next time.
    func trim(_ bytes: inout Int64) throws(SQLiteFault) {
        guard terms.totalBytesMax > 0 else { return }
        var events = 0
        while bytes > terms.totalBytesMax, events < Trimmer.trimmedMax, try dropOldest(&bytes) {
            events += 1
        }
    }

    /// Drops what is too old. Returns whether there is more of it.
    func expire(_ bytes: inout Int64) throws(SQLiteFault) -> Bool {
        var events = 0
        if let time = terms.lastExpired(at: now) {
            while events < Trimmer.expiredMax, try dropOldest(&bytes, upTo: time) { events += 1 }
            let ended = database[.removeEndedStreams]
            ended.bind(1, time)
            try ended.run()
        }
        var sessions = 0
        while sessions < Trimmer.expiredSessionsMax,
            var session = try SessionRow(dueIn: database, at: now)
        {
            sessions += 1
            if session.isKept || session.events == 0 {
                bytes &-= session.bytes
                try session.remove(from: database)
            } else {
                session.deadline = terms.unkept(at: now)
                try session.write(to: database)
            }
        }
        return events == Trimmer.expiredMax || sessions == Trimmer.expiredSessionsMax
    }

    /// When something will be too old.
    func nextExpiry() throws(SQLiteFault) -> Int64 {
        let sessions = database[.nextDeadline]
        defer { sessions.reset() }
        // The least of nothing is NULL, which is no number.
        let deadline = try sessions.next() && !sessions.isNull(0) ? sessions.int(0) : Terms.never
        let oldest = database[.oldestEvent]
        defer { oldest.reset() }
        guard try oldest.next() else { return deadline }
        return min(deadline, terms.deadline(terms.eventMs, at: oldest.int(6)))
    }

    /// Drops the oldest message of all; false if there is none, or none as old as `time`.
    private func dropOldest(_ bytes: inout Int64, upTo time: Int64 = Terms.never)
        throws(SQLiteFault) -> Bool
    {
        let oldest = database[.oldestEvent]
        defer { oldest.reset() }
        guard try oldest.next(), oldest.int(6) <= time else { return false }
        let session = oldest.int(5)
        try noteLoss(oldest, of: session)
        let event = database[.removeEvent]
        event.bind(1, oldest.int(0))
        try event.run()
        bytes &-= oldest.int(4)
        let discount = database[.discount]
        discount.bind(1, session)
        discount.bind(2, oldest.int(4))
        try discount.run()
        return true
    }

    /// The message that a row names is dropped. That it is missing is noted, as there may be none
    /// after it that would show it; but not of a stream that has ended, as it is then unknown.
    private func noteLoss(_ row: Statement, of session: Int64) throws(SQLiteFault) {
        let stream = StreamRow(session: session, name: row.bytes(1))
        if row.int(3) == 0 {
            try stream.lose(row.number(2), in: database, at: now)
        } else if row.number(2) > 1 {
            try stream.remove(from: database)
        }
    }
}
