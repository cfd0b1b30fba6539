import CLibc
import CStore
import CStreamableHTTP
import StoreShared

/// The thread that writes, with the database's only connection.
///
/// Everything that waits is written in one transaction. If that fails, it is tried again, and
/// questions fail meanwhile: what is asked for may be among that which is not written.
final class Writer {
    private let queue: OrderQueue
    private let database: Database
    private let terms: Terms
    private let answers: Answers
    private let functions: shttp_store_answers
    private var clock = StoreClock(notBefore: 0)

    private var batch = OrderBatch()
    /// The orders of the batch since the last question.
    private var orders: [Order] = []
    /// The server of the orders; nil before the first one.
    private var server: OpaquePointer?
    /// The serial of the last order that was given when the queue was last emptied.
    private var serial: UInt64 = 0
    /// What `kept` has told.
    private var keptSerial: UInt64 = 0
    /// What is stored is no longer trusted.
    private var mustEmpty = false
    private var isClosing = false
    private var trouble = Trouble()
    private var lines = LogLimit()
    private var nextLook: Int64 = 0
    private var nextExpiry: Int64 = 0

    /// The file is looked at this often, and what is too old is removed this often at most.
    private static let pauseMs: Int64 = 1_000
    /// What is too old is looked for this often at least: another process may write, too.
    private static let idleMs: Int64 = 60_000
    /// Room for so many orders is kept between two batches.
    private static let idleOrders = 8_192

    /// A transaction that has failed.
    private struct Trouble {
        private(set) var isThere = false
        /// When it is tried again.
        private(set) var time: Int64 = 0
        private var delay: Int64 = 0

        /// Another try has failed.
        mutating func goOn(at now: Int64) {
            isThere = true
            delay = min(max(50, delay * 2), 1_000)
            time = now + delay
        }
    }

    init(
        _ queue: OrderQueue, _ database: Database, _ terms: Terms, _ functions: shttp_store_answers
    ) {
        self.queue = queue
        self.database = database
        self.terms = terms
        self.functions = functions
        answers = Answers(functions, database, terms)
    }

    /// Opens the database, before it runs.
    func open() throws(OpenFault) {
        try database.open()
        clock = StoreClock(notBefore: database.lastTime)
    }

    /// Runs until the queue closes and all is written, or `mustStop` is set.
    func run(_ mustStop: MustStop) {
        repeat {
            let time = trouble.isThere ? trouble.time : nextExpiry
            let news = queue.take(&batch, waitingUntil: time, isPatient: trouble.isThere)
            note(news)
            let now = MonotonicClock.now
            if trouble.isThere, now < trouble.time, !isClosing {
                failQuestions()
                batch.removeDone()
                continue
            }
            work(at: now)
            if isClosing, trouble.isThere { usleep(50_000) }
        } while !isClosing || trouble.isThere && !mustStop.isSet
        if !batch.isEmpty {
            log(.warning, "The store is closed before it could write everything:", about: .end)
        }
        database.close()
        queue.end()
    }

    private func note(_ news: OrderQueue.News) {
        isClosing = news.isClosing
        serial = news.serial
        if server == nil { batch.forEach { server = $0.server } }
        if news.lostMessages > 0 {
            var count = Text()
            count.append(Int64(news.lostMessages))
            log(
                .warning, "The store writes too slowly; messages are dropped:", about: .loss,
                detail: count)
        }
        if news.hasGivenUp {
            failQuestions()
            batch.removeAll()
            mustEmpty = true
            log(
                .warning, "The store could not write for too long; it gives up all that it has:",
                about: .givingUp)
        }
    }

    private func work(at now: Int64) {
        do {
            guard try isReady(at: now) else { return }
            let hasOrders = !batch.isEmpty
            try write()
            if hasOrders { nextExpiry = min(nextExpiry, now + Writer.pauseMs) }
            if now >= nextExpiry { try expire(at: now) }
            if trouble.isThere { log(.notice, "The store works again:", about: .recovery) }
            trouble = Trouble()
        } catch {
            fail(error, at: now)
        }
    }

    // MARK: The file

    /// Opens the database, if it is not open or has gone. Returns false if that fails.
    private func isReady(at now: Int64) throws(SQLiteFault) -> Bool {
        if now >= nextLook {
            nextLook = now + Writer.pauseMs
            if database.hasMoved {
                log(.warning, "The store's file is gone; it begins a new one:", about: .absence)
                database.close()
            }
        }
        if !database.isOpen {
            do { try database.open() } catch { return fail(error, at: now) }
        }
        if database.hasSetAside, server != nil {
            database.hasSetAside = false
            log(
                .warning, "The store's file was damaged; it was renamed, and a new one begun:",
                about: .damage)
        }
        return true
    }

    private func fail(_ fault: OpenFault, at now: Int64) -> Bool {
        failQuestions()
        trouble.goOn(at: now)
        log(
            .warning, "The store cannot open its file; it tries again:", about: .writing,
            detail: fault.text(database.path))
        return false
    }

    private func fail(_ fault: SQLiteFault, at now: Int64) {
        database.rollBack()
        orders.removeAll()
        failQuestions()
        trouble.goOn(at: now)
        var reason = pathText
        reason.append(": ")
        reason.append(fault.text)
        log(
            .warning, "The store cannot write; it tries again:", about: .writing, detail: reason)
        if fault.isDamage {
            do { try database.setAside() } catch { _ = fail(error, at: now) }
        } else if !fault.leavesConnection {
            database.close()
        }
    }

    // MARK: Orders

    private func failQuestions() {
        batch.forEach { if $0.kind.isQuestion { answers.fail($0) } }
    }

    private func write() throws(SQLiteFault) {
        var tables: TableWriter?
        if mustEmpty {
            var new = try TableWriter(database, terms, at: clock.now)
            try new.empty()
            tables = new
        }
        try batch.forEach { order throws(SQLiteFault) in
            switch order.kind {
            case .done: return
            case .findSession, .load:
                try write(orders: &tables)
                if tables == nil { tellKept(upTo: order.serial) }
                try answer(order, isReading: tables == nil)
            default: orders.append(order)
            }
        }
        try write(orders: &tables)
        try tables?.commit()
        tellKept(upTo: serial)
        mustEmpty = false
        batch.removeAll()
    }

    private func tellKept(upTo serial: UInt64) {
        guard terms.isSync, serial > keptSerial else { return }
        keptSerial = serial
        functions.kept(server, serial)
    }

    /// Writes the orders up to a question. In a store that says what it has kept, an answer is not
    /// to say more.
    private func write(orders tables: inout TableWriter?) throws(SQLiteFault) {
        guard !orders.isEmpty else { return }
        var writer: TableWriter
        if let begun = tables {
            writer = begun
        } else {
            writer = try TableWriter(database, terms, at: clock.now)
        }
        try writer.write(&orders)
        if terms.isSync {
            try writer.commit()
            mustEmpty = false
            for order in orders { order.markDone() }
        }
        tables = terms.isSync ? nil : writer
        orders.removeAll(keepingCapacity: orders.count <= Writer.idleOrders)
    }

    private func answer(_ question: Order, isReading: Bool) throws(SQLiteFault) {
        if isReading { try database[.beginReading].run() }
        try answers.answer(question, at: clock.now, isLast: isClosing)
        if isReading { try database[.commit].run() }
    }

    // MARK: Age

    private func expire(at now: Int64) throws(SQLiteFault) {
        let today = clock.now
        let due = try Trimmer(database, terms, at: today).nextExpiry()
        if due > today {
            nextExpiry = now + min(max(due &- today, Writer.pauseMs), Writer.idleMs)
            return
        }
        var tables = try TableWriter(database, terms, at: today)
        let isMore = try tables.expire()
        try tables.commit()
        nextExpiry = isMore ? now : now + Writer.pauseMs
    }

    // MARK: The log

    private var pathText: Text {
        var text = Text()
        text.append(database.path)
        return text
    }

    /// The detail is the file's name, if there is no other.
    private func log(
        _ level: LogLimit.Level, _ text: StaticString, about topic: LogLimit.Topic,
        detail: Text? = nil
    ) {
        guard let server, lines.allows(topic, at: MonotonicClock.now) else { return }
        var line = Text()
        line.append(text)
        line.append(" ")
        line.append(detail ?? pathText)
        line.withCString { functions.log(server, level.value, $0) }
    }
}
