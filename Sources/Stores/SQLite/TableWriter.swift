import CStreamableHTTP

/// Writes orders into the tables, in one transaction.
///
/// Work that cancels itself out is not done: of a session's records only the last one is written,
/// and a stream that begins and ends among the same orders is only its messages.
struct TableWriter {
    private let database: Database
    private let trimmer: Trimmer
    private let terms: Terms
    /// The time of everything that is written.
    private let now: Int64
    /// The bytes of all messages.
    private var bytes: Int64
    /// Messages of a session that are not in the table yet.
    private var rows: [EventRow] = []

    /// Begins the transaction.
    init(_ database: Database, _ terms: Terms, at now: Int64) throws(SQLiteFault) {
        self.database = database
        self.terms = terms
        self.now = now
        trimmer = Trimmer(database, terms, at: now)
        try database[.begin].run()
        let totals = database[.readTotals]
        defer { totals.reset() }
        bytes = try totals.next() ? totals.int(0) : 0
    }

    /// Ends the transaction.
    mutating func commit() throws(SQLiteFault) {
        let totals = database[.writeTotals]
        totals.bind(1, bytes)
        totals.bind(2, now)
        try totals.run()
        try database[.commit].run()
    }

    mutating func empty() throws(SQLiteFault) {
        try database.empty()
        bytes = 0
    }

    /// Drops what is too old. Returns whether there is more of it.
    mutating func expire() throws(SQLiteFault) -> Bool { try trimmer.expire(&bytes) }

    /// Writes the orders between two questions. They are sorted for that.
    mutating func write(_ orders: inout [Order]) throws(SQLiteFault) {
        Order.sort(&orders)
        var start = 0
        while start < orders.count {
            var end = start + 1
            while end < orders.count, orders[start].isOfSession(orders[end]) { end += 1 }
            try write(session: orders[start..<end])
            start = end
        }
        try trimmer.trim(&bytes)
    }

    // MARK: One session

    /// What the orders for a session itself, and not for its streams, come to.
    private struct Change {
        var record: Order?
        var idle: UInt64?
        var forgetsSession = false
        /// Messages before it are not needed.
        var forgetsEvents: Order?
        /// Where the orders for streams start.
        var streamsStart: Int

        var forgetsAnything: Bool { forgetsSession || forgetsEvents != nil }

        init(_ orders: ArraySlice<Order>) {
            streamsStart = orders.startIndex
            for order in orders {
                switch order.kind {
                case .keepSession:
                    record = order
                    idle = order.idle
                case .touchSession: if record != nil || !forgetsSession { idle = order.idle }
                case .forgetSession:
                    record = nil
                    idle = nil
                    forgetsSession = true
                case .forgetEvents: forgetsEvents = order
                case .begin, .keep, .lose, .end, .findSession, .load, .done: return
                }
                streamsStart += 1
            }
        }
    }

    private mutating func write(session orders: ArraySlice<Order>) throws(SQLiteFault) {
        let change = Change(orders)
        var events = orders[change.streamsStart...]
        if let end = change.forgetsEvents { events = ArraySlice(events.filter(end.precedes)) }
        let name = orders[orders.startIndex].session
        var session: SessionRow
        if let known = try SessionRow(database, name) {
            session = known
        } else {
            guard change.record != nil || !events.isEmpty else { return }
            session = try SessionRow(adding: name, to: database, until: terms.unkept(at: now))
        }
        let before = session
        if change.forgetsEvents != nil { try session.removeEvents(from: database) }
        try write(events, of: &session)
        try trimmer.trim(&session)
        try keep(change, &session)
        bytes &+= session.bytes &- before.bytes
        if change.forgetsAnything, try session.isEmpty(in: database) {
            try session.remove(from: database)
        } else if session != before {
            try session.write(to: database)
        }
    }

    private func keep(_ change: Change, _ session: inout SessionRow) throws(SQLiteFault) {
        if change.record != nil || change.forgetsSession && session.isKept {
            let statement = database[.recordSession]
            statement.bind(1, session.id)
            if let record = change.record {
                statement.bind(2, record.text)
            } else {
                statement.bindNull(2)
                session.deadline = terms.unkept(at: now)
            }
            try statement.run()
            session.isKept = change.record != nil
        }
        if let idle = change.idle, session.isKept {
            session.deadline = terms.deadline(idle, at: now)
        }
    }

    // MARK: Its streams

    private mutating func write(_ orders: ArraySlice<Order>, of session: inout SessionRow)
        throws(SQLiteFault)
    {
        var start = orders.startIndex
        var hasStreams: Bool?
        while start < orders.endIndex {
            var end = start + 1
            while end < orders.endIndex, orders[start].isOfStream(orders[end]) { end += 1 }
            try write(stream: orders[start..<end], of: &session, &hasStreams)
            start = end
        }
        try addRows(to: session)
    }

    /// `hasStreams` is whether any stream of the session has a row; nil if nobody has asked yet.
    private mutating func write(
        stream orders: ArraySlice<Order>, of session: inout SessionRow, _ hasStreams: inout Bool?
    ) throws(SQLiteFault) {
        let stream = StreamRow(session: session.id, name: orders[orders.startIndex].stream)
        var record: UnsafeRawBufferPointer?
        var lost: UInt64 = 0
        var lastMessage: Order?
        var hasEnded = false
        for order in orders {
            switch order.kind {
            case .begin: record = order.text
            case .keep: lastMessage = order
            case .lose: lost = max(lost, order.number)
            case .end: hasEnded = true
            default: break
            }
        }
        if let last = lastMessage, lost > last.number { lastMessage = nil }
        var isClosed = false
        for order in orders where order.kind == .keep {
            let isLast = hasEnded && order == lastMessage
            rows.append(EventRow(stream: stream.name, order: order, isLast: isLast))
            session.events &+= 1
            session.bytes &+= Int64(order.text.count)
            isClosed = isLast
        }
        if isClosed {
            guard record == nil else { return }
            // It has a row if an earlier transaction began it; mostly none began any of these.
            if hasStreams == nil { hasStreams = try session.hasStreams(in: database) }
            if hasStreams == true { try stream.remove(from: database) }
            return
        }
        if let record { try stream.add(record, to: database, at: now) }
        if lost > 0 { try stream.lose(lost, in: database, at: now) }
        if hasEnded {
            try addRows(to: session)
            try stream.end(in: database, at: now)
        }
    }

    /// There may be a message of a row's number. The first one counts, which is found first.
    private mutating func addRows(to session: SessionRow) throws(SQLiteFault) {
        var index = 0
        while index < rows.count {
            let isMany = rows.count - index >= EventRow.addedTogether
            let statement = database[isMany ? .addEvents : .addEvent]
            let count = isMany ? EventRow.addedTogether : 1
            for place in 0..<count {
                rows[index + place].bind(to: statement, at: place, session, now)
            }
            try statement.run()
            index += count
        }
        rows.removeAll(keepingCapacity: true)
    }
}

/// A row of `events`.
private struct EventRow {
    let stream: UnsafeRawBufferPointer
    let order: Order
    let isLast: Bool

    /// How many `Query.addEvents` adds.
    static let addedTogether = 8
    private static let columns: Int32 = 6

    /// Binds the values of the row at a place of a statement.
    func bind(to statement: Statement, at place: Int, _ session: SessionRow, _ now: Int64) {
        let first = Int32(place) * EventRow.columns + 1
        statement.bind(first, session.id)
        statement.bind(first + 1, stream)
        statement.bind(first + 2, order.number)
        statement.bind(first + 3, Int64(isLast ? 1 : 0))
        statement.bind(first + 4, now)
        statement.bind(first + 5, order.text)
    }
}
