/// A row of `sessions`, without the record. The file may have been changed: what it says is counted
/// with operators that do not trap.
struct SessionRow: Equatable {
    let id: Int64
    var deadline: Int64
    var events: Int64
    var bytes: Int64
    /// Whether it has a record; otherwise it is known only by its events.
    var isKept: Bool

    /// The session of that name; nil if there is none.
    init?(_ database: Database, _ name: UnsafeRawBufferPointer) throws(SQLiteFault) {
        let statement = database[.findSession]
        defer { statement.reset() }
        statement.bind(1, name)
        guard try statement.next() else { return nil }
        self.init(statement)
    }

    /// The session whose deadline is the first, if that has come.
    init?(dueIn database: Database, at now: Int64) throws(SQLiteFault) {
        let statement = database[.dueSession]
        defer { statement.reset() }
        statement.bind(1, now)
        guard try statement.next() else { return nil }
        self.init(statement)
    }

    init(adding name: UnsafeRawBufferPointer, to database: Database, until deadline: Int64)
        throws(SQLiteFault)
    {
        let statement = database[.addSession]
        statement.bind(1, name)
        statement.bind(2, deadline)
        try statement.run()
        id = database.lastRow
        self.deadline = deadline
        events = 0
        bytes = 0
        isKept = false
    }

    private init(_ statement: Statement) {
        id = statement.int(0)
        deadline = statement.int(1)
        events = statement.int(2)
        bytes = statement.int(3)
        isKept = statement.int(4) != 0
    }

    func write(to database: Database) throws(SQLiteFault) {
        let statement = database[.updateSession]
        statement.bind(1, id)
        statement.bind(2, deadline)
        statement.bind(3, events)
        statement.bind(4, bytes)
        try statement.run()
    }

    /// Whether nothing is known of it.
    func isEmpty(in database: Database) throws(SQLiteFault) -> Bool {
        guard !isKept, events == 0 else { return false }
        let hasStreams = try hasStreams(in: database)
        return !hasStreams
    }

    /// Whether a stream of it has a row.
    func hasStreams(in database: Database) throws(SQLiteFault) -> Bool {
        let statement = database[.anyStream]
        defer { statement.reset() }
        statement.bind(1, id)
        return try statement.next()
    }

    mutating func removeEvents(from database: Database) throws(SQLiteFault) {
        for query in [Query.removeEvents, .removeStreams] {
            let statement = database[query]
            statement.bind(1, id)
            try statement.run()
        }
        events = 0
        bytes = 0
    }

    /// Removes it with everything that belongs to it.
    mutating func remove(from database: Database) throws(SQLiteFault) {
        try removeEvents(from: database)
        let statement = database[.removeSession]
        statement.bind(1, id)
        try statement.run()
    }
}

/// The row that a stream has in `streams`, or could have.
struct StreamRow {
    let session: Int64
    let name: UnsafeRawBufferPointer

    /// It is open, and for a request that `record` describes.
    func add(_ record: UnsafeRawBufferPointer, to database: Database, at now: Int64)
        throws(SQLiteFault)
    {
        let statement = bound(database[.addStream])
        statement.bind(3, now)
        statement.bind(4, record)
        try statement.run()
    }

    /// Its messages up to `number` are gone.
    func lose(_ number: UInt64, in database: Database, at now: Int64) throws(SQLiteFault) {
        let statement = bound(database[.loseMessage])
        statement.bind(3, number)
        statement.bind(4, now)
        try statement.run()
    }

    /// It has ended. Its last message says so; this row only if there is none. Of a stream of which
    /// nothing is known it would say too much: that there never was a message.
    func end(in database: Database, at now: Int64) throws(SQLiteFault) {
        let row = bound(database[.findStream])
        defer { row.reset() }
        let lost: UInt64? = try row.next() ? row.number(0) : nil
        let last = bound(database[.lastEvent])
        defer { last.reset() }
        if try last.next(), last.number(1) > lost ?? 0 {
            let end = database[.endEvent]
            end.bind(1, last.int(0))
            try end.run()
            if lost != nil { try remove(from: database) }
        } else if lost != nil {
            let end = bound(database[.endStream])
            end.bind(3, now)
            try end.run()
        }
    }

    func remove(from database: Database) throws(SQLiteFault) {
        try bound(database[.removeStream]).run()
    }

    /// A statement whose first two values are the stream.
    func bound(_ statement: Statement) -> Statement {
        statement.bind(1, session)
        statement.bind(2, name)
        return statement
    }
}
