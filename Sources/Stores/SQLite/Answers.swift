import CLibc
import CStore
import CStreamableHTTP
import StoreShared

/// The functions that answer questions, and what they are given.
struct Answers {
    private let functions: shttp_store_answers
    private let database: Database
    private let terms: Terms

    /// How often an answer is tried, and how many milliseconds lie between: the server may have too
    /// much to do to take it.
    private static let triesMax = 100
    private static let pauseMs: UInt32 = 10

    init(_ functions: shttp_store_answers, _ database: Database, _ terms: Terms) {
        self.functions = functions
        self.database = database
        self.terms = terms
    }

    func fail(_ question: Order) {
        _ = functions.load_fail(question.server, question.load)
        question.markDone()
    }

    /// Answers from what the database has now; `isLast`: without patience.
    func answer(_ question: Order, at now: Int64, isLast: Bool) throws(SQLiteFault) {
        if question.kind == .findSession {
            try find(question, at: now, isLast: isLast)
        } else {
            try load(question, isLast: isLast)
        }
        question.markDone()
    }

    private func give(_ question: Order, isLast: Bool, _ give: () -> shttp_status) {
        var status = give()
        var tries = isLast ? Answers.triesMax : 1
        while status == SHTTP_ERR_LIMIT, tries < Answers.triesMax {
            usleep(Answers.pauseMs * 1_000)
            status = give()
            tries += 1
        }
        // Not what the library wrote: the file was changed.
        if status == SHTTP_ERR_INVALID_MESSAGE || status == SHTTP_ERR_TOO_DEEP { fail(question) }
    }

    // MARK: Sessions

    private func find(_ question: Order, at now: Int64, isLast: Bool) throws(SQLiteFault) {
        let row = database[.readRecord]
        defer { row.reset() }
        row.bind(1, question.session)
        let isKept = try row.next() && row.int(1) > now
        let record = shttp_bytes(isKept ? row.bytes(0) : UnsafeRawBufferPointer.none)
        give(question, isLast: isLast) {
            functions.find_finish(question.server, question.load, record)
        }
    }

    // MARK: Streams

    /// Messages that were read, one after the other.
    private struct Messages: ~Copyable {
        private(set) var bytes: UnsafeMutableRawPointer?
        private var capacity = 0
        private(set) var size = 0
        private(set) var ends: [Int] = []

        init() {}

        deinit { free(bytes) }

        mutating func append(_ message: UnsafeRawBufferPointer) {
            if size + message.count > capacity {
                capacity = max(size + message.count, capacity * 2)
                bytes = realloc(bytes, capacity)
            }
            if let bytes, let start = message.baseAddress {
                memcpy(bytes + size, start, message.count)
            }
            size += message.count
            ends.append(size)
        }

        borrowing func all() -> [shttp_bytes] {
            var start = 0
            var all: [shttp_bytes] = []
            all.reserveCapacity(ends.count)
            for end in ends {
                all.append(
                    shttp_bytes(
                        UnsafeRawBufferPointer(start: bytes.map { $0 + start }, count: end - start))
                )
                start = end
            }
            return all
        }
    }

    /// Fails if a message is missing: the client would not notice.
    private func load(_ question: Order, isLast: Bool) throws(SQLiteFault) {
        guard let session = try SessionRow(database, question.session) else {
            return fail(question)
        }
        let stream = StreamRow(session: session.id, name: question.stream)
        let row = stream.bound(database[.findStream])
        defer { row.reset() }
        let hasRow = try row.next()
        var hasEnded = hasRow && row.int(1) != 0
        let lost = hasRow ? row.number(0) : 0

        var messages = Messages()
        var number = question.number
        let rows = stream.bound(database[.events])
        defer { rows.reset() }
        rows.bind(3, number)
        while try rows.next() {
            if rows.int(1) != 0 { hasEnded = true }
            guard rows.number(0) > number else { continue }
            let message = rows.bytes(2)
            guard rows.number(0) == number + 1, fits(messages.size + message.count) else {
                return fail(question)
            }
            number += 1
            messages.append(message)
        }
        if messages.ends.isEmpty {
            let last = stream.bound(database[.lastEvent])
            defer { last.reset() }
            if try last.next() {
                if last.int(2) != 0 { hasEnded = true }
            } else if !hasRow {
                return fail(question)
            }
        }
        guard lost <= number else { return fail(question) }
        let all = messages.all()
        let record = shttp_bytes(hasRow ? row.bytes(2) : UnsafeRawBufferPointer.none)
        give(question, isLast: isLast) {
            all.withUnsafeBufferPointer { all in
                hasEnded
                    ? functions.load_finish(
                        question.server, question.load, all.baseAddress, all.count, 1)
                    : functions.load_finish_open(
                        question.server, question.load, all.baseAddress, all.count, record)
            }
        }
    }

    private func fits(_ size: Int) -> Bool {
        terms.sessionBytesMax == 0 || size <= terms.sessionBytesMax
    }
}
