import Link
import Session
import Testing

private final class Entry {
    let key: SessionKey
    let id: SessionID

    init(_ key: SessionKey, _ id: SessionID) {
        self.key = key
        self.id = id
    }
}

@Suite("SessionTable")
struct SessionTableTests {
    private static func table(
        capacity: Int = 100, initialize: Int64? = 10, idle: Int64? = 100
    ) -> SessionTable<Entry> {
        SessionTable(capacity: capacity, initializeTimeout: initialize, idleTimeout: idle)
    }

    private static func add(_ number: UInt64, to table: inout SessionTable<Entry>) -> Entry? {
        let id = SessionID(high: 0, low: number)
        return table.insert(id) { Entry($0, id) }
    }

    @Test("A session is found by its key and by its wire id, until it is removed")
    func lookup() throws {
        var table = Self.table()
        let first = try #require(Self.add(1, to: &table))
        let second = try #require(Self.add(2, to: &table))
        #expect(table[first.key] === first)
        #expect(table.key(for: second.id) == second.key)
        table.remove(first.key, first.id)
        #expect(table[first.key] == nil)
        #expect(table.key(for: first.id) == nil)
        #expect(table[second.key] === second)
        #expect(table.count == 1 && table.all.first === second)
    }

    @Test("There are no more than there may be, and a removed one makes room")
    func capacity() throws {  // S-207
        var table = Self.table(capacity: 2)
        let first = try #require(Self.add(1, to: &table))
        _ = try #require(Self.add(2, to: &table))
        #expect(Self.add(3, to: &table) == nil)
        #expect(table.key(for: SessionID(high: 0, low: 3)) == nil)
        table.remove(first.key, first.id)
        #expect(Self.add(4, to: &table) != nil)
    }

    @Test("Only a quiet session expires")
    func expiry() throws {  // S-207
        var table = Self.table()
        let entry = try #require(Self.add(1, to: &table))
        #expect(table.nextDeadline == nil)
        table.becameQuiet(entry.key, isReady: true, isUsed: true, at: Instant(milliseconds: 5))
        #expect(table.nextDeadline == Instant(milliseconds: 105))
        table.becameBusy(entry.key)
        #expect(table.nextDeadline == nil)
        #expect(table.popExpired(at: Instant(milliseconds: 1_000)) == nil)
        table.becameQuiet(entry.key, isReady: true, isUsed: true, at: Instant(milliseconds: 1_000))
        #expect(table.popExpired(at: Instant(milliseconds: 1_099)) == nil)
        #expect(table.popExpired(at: Instant(milliseconds: 1_100)) === entry)
        #expect(table.popExpired(at: Instant(milliseconds: 1_100)) == nil)
    }

    @Test("A session that is not ready has less time")
    func initializeTimeout() throws {
        var table = Self.table()
        let entry = try #require(Self.add(1, to: &table))
        table.becameQuiet(entry.key, isReady: false, isUsed: true, at: Instant(milliseconds: 0))
        #expect(table.nextDeadline == Instant(milliseconds: 10))
        table.becameQuiet(entry.key, isReady: true, isUsed: true, at: Instant(milliseconds: 5))
        #expect(table.nextDeadline == Instant(milliseconds: 105))
    }

    @Test("Sessions expire in the order in which they fell quiet")
    func order() throws {
        var table = Self.table()
        let entries = try (0..<4).map { number in
            try #require(Self.add(number, to: &table))
        }
        for (time, index) in [2, 0, 3, 1].enumerated() {
            table.becameQuiet(
                entries[index].key, isReady: true, isUsed: true,
                at: Instant(milliseconds: Int64(time)))
        }
        table.becameQuiet(entries[2].key, isReady: true, isUsed: true, at: Instant(milliseconds: 4))
        var expired: [Int] = []
        while let entry = table.popExpired(at: Instant(milliseconds: 200)) {
            expired.append(entries.firstIndex { $0 === entry } ?? -1)
            table.remove(entry.key, entry.id)
        }
        #expect(expired == [0, 3, 1, 2])
        #expect(table.count == 0)
    }

    @Test("A removed session does not expire, nor does its successor in its place")
    func removed() throws {
        var table = Self.table()
        let first = try #require(Self.add(1, to: &table))
        table.becameQuiet(first.key, isReady: true, isUsed: true, at: Instant(milliseconds: 0))
        table.remove(first.key, first.id)
        _ = try #require(Self.add(2, to: &table))
        #expect(table.nextDeadline == nil)
        #expect(table.popExpired(at: Instant(milliseconds: 1_000)) == nil)
    }

    @Test("The idlest session that nobody has used is found, whichever it waits for")
    func idlest() throws {
        var table = Self.table()
        let entries = try (0..<6).map { number in
            try #require(Self.add(number, to: &table))
        }
        /// 0 was used, 1 is busy, 3 has yet to be initialized.
        let states = [(true, true), nil, (true, false), (false, false), (true, false), nil]
        for (index, state) in states.enumerated() {
            guard let (isReady, isUsed) = state else { continue }
            table.becameQuiet(
                entries[index].key, isReady: isReady, isUsed: isUsed,
                at: Instant(milliseconds: Int64(100 - index)))
        }
        #expect(table.idlest { _ in true } === entries[4])
        #expect(table.idlest { $0 !== entries[4] } === entries[3])
        #expect(table.idlest { $0 === entries[2] } === entries[2])
        #expect(table.idlest { $0 === entries[0] } == nil)
        table.becameBusy(entries[4].key)
        #expect(table.idlest { _ in true } === entries[3])
    }

    @Test("Without a time-out nothing expires")
    func forEver() throws {
        var table = Self.table(initialize: nil, idle: nil)
        let entry = try #require(Self.add(1, to: &table))
        table.becameQuiet(entry.key, isReady: true, isUsed: true, at: Instant(milliseconds: 0))
        #expect(table.nextDeadline == nil)
        #expect(table.popExpired(at: Instant(milliseconds: .max)) == nil)
    }
}
