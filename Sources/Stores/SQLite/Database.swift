import CLibc
import CSQLite
import StoreShared
import Synchronization

/// A connection to the database, used by one thread at a time.
final class Database {
    /// Where the file is, whatever directory the host changes to. Ends with a NUL.
    let path: [CChar]
    /// Whether a damaged file was set aside since this was last set to false.
    var hasSetAside = false

    /// When it was written last, by its own time, before it was opened.
    private(set) var lastTime: Int64 = 0

    private let isSync: Bool
    private let mustStop: MustStop
    private var connection: OpaquePointer?
    private var statements: [Statement] = []
    /// Which file it is: it may be removed, and another one put in its place.
    private var device: dev_t = 0
    private var inode: ino_t = 0
    /// When a file was set aside.
    private var lastDamage: Int64?

    /// How long it waits for another process, in milliseconds.
    private static let busyMs: Int32 = 1_000
    private static let openMs: Int64 = 3_000
    private static let damagePauseMs: Int64 = 60_000
    /// The most memory for pages, in KiB: what is written often fits into it.
    private static let cacheSizeMax: StaticString = "PRAGMA cache_size = -8192"
    /// How long the write-ahead log grows before its pages go where they belong, in pages of 4 KiB.
    /// A page that is written often goes there once. Where answers wait for that, it is 1,000.
    private static let checkpointPages: StaticString = "PRAGMA wal_autocheckpoint = 4000"
    /// What of the write-ahead log is kept on disk after a checkpoint.
    private static let logSizeMax: StaticString = "PRAGMA journal_size_limit = 33554432"

    /// `path` ends with a NUL.
    init(_ path: [CChar], isSync: Bool, mustStop: MustStop) {
        self.path = path
        self.isSync = isSync
        self.mustStop = mustStop
    }

    deinit { close() }

    // MARK: Opening

    /// The path of the file, created if there is none, as any directory has it.
    static func resolve(_ location: UnsafePointer<CChar>) throws(OpenFault) -> [CChar] {
        try createFile(location)
        guard let resolved = realpath(location, nil) else { throw .system(last_error()) }
        defer { free(resolved) }
        return Array(UnsafeBufferPointer(start: resolved, count: strlen(resolved) + 1))
    }

    var isOpen: Bool { connection != nil }

    /// Opens the database, and creates it if there is none. One that is damaged is set aside.
    func open() throws(OpenFault) {
        let end = MonotonicClock.now + Database.openMs
        while true {
            do {
                return try connect()
            } catch {
                close()
                guard case .database(let fault) = error else { throw error }
                if fault.isDamage { return try setAside() }
                guard fault.isLock, MonotonicClock.now < end else { throw error }
            }
            // Another process creates it: for some locks SQLite does not wait.
            usleep(10_000)
        }
    }

    func close() {
        for statement in statements { statement.finalize() }
        statements = []
        if hasMoved { leaveLogAlone() }
        sqlite3_close_v2(connection)
        connection = nil
    }

    /// Renames the files of the database, and begins a new one; but not one after the other, when
    /// it is the disk that is damaged.
    func setAside() throws(OpenFault) {
        let now = MonotonicClock.now
        if let lastDamage, now - lastDamage < Database.damagePauseMs {
            throw .database(SQLiteFault(code: SQLITE_CORRUPT))
        }
        lastDamage = now
        close()
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        for suffix in ["", "-wal", "-shm"] as [StaticString] {
            var (old, new) = (Text(), Text())
            old.append(path)
            old.append(suffix)
            new.append(path)
            new.append(".damaged-")
            new.append(Int64(time.tv_sec))
            new.append(suffix)
            var result: Int32 = 0
            old.withCString { old in new.withCString { result = rename(old, $0) } }
            if result != 0, last_error() != ENOENT { throw .system(last_error()) }
        }
        hasSetAside = true
        do {
            try connect()
        } catch {
            close()
            throw error
        }
    }

    /// Whether the file was removed, or another one put in its place.
    var hasMoved: Bool {
        var file = stat()
        return isOpen
            && (stat(path, &file) != 0 || file.st_ino != inode || file.st_dev != device)
    }

    /// The log that is beside the path belongs to another file: closing must not remove it.
    private func leaveLogAlone() {
        var one: Int32 = 1
        sqlite3_file_control(connection, "main", SQLITE_FCNTL_PERSIST_WAL, &one)
    }

    /// It holds session ids, so only its owner may read it. SQLite gives its other files the same
    /// mode.
    private static func createFile(_ path: UnsafePointer<CChar>) throws(OpenFault) {
        let fault = create_private_file(path)
        guard fault == 0 || fault == EEXIST else { throw .system(fault) }
        var file = stat()
        if stat(path, &file) == 0, Int32(file.st_mode) & S_IFMT == S_IFDIR { throw .isDirectory }
    }

    private func connect() throws(OpenFault) {
        try Database.createFile(path)
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
        try check(sqlite3_open_v2(path, &connection, flags, nil))
        sqlite3_extended_result_codes(connection, 1)
        sqlite3_busy_timeout(connection, Database.busyMs)
        stopOnDemand()
        // At one instant: another process may be creating it.
        try execute("BEGIN")
        let isNew = try identify()
        try execute("COMMIT")
        if sqlite3_db_readonly(connection, "main") != 0 { throw .isReadOnly }
        guard try number("PRAGMA journal_mode = WAL", isText: "wal") != 0 else {
            throw .hasNoWriteAheadLog
        }
        try execute(isSync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
        try execute("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF")
        try execute(Database.cacheSizeMax)
        try execute(Database.logSizeMax)
        if !isSync { try execute(Database.checkpointPages) }
        if isNew { try create() }
        try prepareAll()
        try readTotals()
        var file = stat()
        if stat(path, &file) != 0 { throw .system(last_error()) }
        device = file.st_dev
        inode = file.st_ino
    }

    /// Whether the database is new. Throws if it is somebody else's, which is not changed.
    private func identify() throws(OpenFault) -> Bool {
        let application = try number("PRAGMA application_id")
        let version = try number("PRAGMA user_version")
        if application == Schema.application {
            if version != Schema.version { throw .hasVersion(version) }
            return false
        }
        let tables = try number("SELECT count(*) FROM sqlite_master")
        if application != 0 || version != 0 || tables != 0 { throw .isForeign }
        return true
    }

    /// Another process may do the same at the same time.
    private func create() throws(OpenFault) {
        try execute("BEGIN IMMEDIATE")
        if try identify() { try execute(Schema.creation) }
        try execute("COMMIT")
    }

    private func prepareAll() throws(OpenFault) {
        for query in Query.allCases {
            var handle: OpaquePointer?
            let text = query.text
            let code = text.withUTF8Buffer { text in
                text.withMemoryRebound(to: CChar.self) { text in
                    sqlite3_prepare_v3(
                        connection, text.baseAddress, Int32(text.count),
                        UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
                }
            }
            // The text is right, so the tables are wrong.
            if code == SQLITE_ERROR { throw .database(SQLiteFault(code: SQLITE_CORRUPT)) }
            try check(code)
            guard let handle else { throw .database(SQLiteFault(code: SQLITE_NOMEM)) }
            statements.append(Statement(handle))
        }
    }

    private func readTotals() throws(OpenFault) {
        let totals = self[.readTotals]
        defer { totals.reset() }
        do {
            lastTime = try totals.next() ? totals.int(1) : 0
        } catch {
            throw .database(error)
        }
    }

    /// The number in the first row that a statement gives; with `isText` whether it is that text.
    private func number(_ text: StaticString, isText wanted: StaticString? = nil)
        throws(OpenFault) -> Int64
    {
        var handle: OpaquePointer?
        try check(sqlite3_prepare_v2(connection, text.start, -1, &handle, nil))
        defer { sqlite3_finalize(handle) }
        let code = sqlite3_step(handle)
        if code != SQLITE_ROW { throw .database(SQLiteFault(code: code)) }
        guard let wanted else { return sqlite3_column_int64(handle, 0) }
        let isEqual = sqlite3_stricmp(
            UnsafeRawPointer(sqlite3_column_text(handle, 0))?.assumingMemoryBound(to: CChar.self),
            wanted.start)
        return isEqual == 0 ? 1 : 0
    }

    private func execute(_ text: StaticString) throws(OpenFault) {
        try check(sqlite3_exec(connection, text.start, nil, nil, nil))
    }

    private func check(_ code: Int32) throws(OpenFault) {
        if code != SQLITE_OK { throw .database(SQLiteFault(code: code)) }
    }

    private func stopOnDemand() {
        let mustStop = Unmanaged.passUnretained(mustStop).toOpaque()
        sqlite3_progress_handler(
            connection, 1_000,
            { context in
                guard let context else { return 0 }
                let mustStop = Unmanaged<MustStop>.fromOpaque(context).takeUnretainedValue()
                return mustStop.isSet ? 1 : 0
            }, mustStop)
    }

    // MARK: Using it

    subscript(_ query: Query) -> Statement { statements[query.rawValue] }

    var isInTransaction: Bool { sqlite3_get_autocommit(connection) == 0 }

    /// The number of the row that was added last.
    var lastRow: Int64 { sqlite3_last_insert_rowid(connection) }

    func empty() throws(SQLiteFault) {
        try SQLiteFault.check(sqlite3_exec(connection, Schema.emptying.start, nil, nil, nil))
    }

    func rollBack() {
        guard isOpen, isInTransaction else { return }
        sqlite3_exec(connection, "ROLLBACK", nil, nil, nil)
    }
}

/// Ends what a connection does, from another thread: its next step fails.
final class MustStop {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }
}

extension StaticString {
    /// The text as a C string.
    var start: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
