import CSQLite

/// An error of SQLite, by its extended number.
struct SQLiteFault: Error {
    let code: Int32

    /// Throws if a result is an error.
    static func check(_ code: Int32) throws(SQLiteFault) {
        if code != SQLITE_OK { throw SQLiteFault(code: code) }
    }

    private var primary: Int32 { code & 0xFF }

    /// The file is no database, or its pages contradict each other.
    var isDamage: Bool { primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB }

    /// Another process has the lock.
    var isLock: Bool { primary == SQLITE_BUSY || primary == SQLITE_LOCKED }

    /// The connection is as good as before.
    var leavesConnection: Bool { isLock || primary == SQLITE_FULL }

    /// What SQLite says of it: static text.
    var text: UnsafePointer<CChar>? { sqlite3_errstr(code) }
}
