import CSQLite

/// A prepared statement. Its values are bound, then it is run, or its rows are read one by one;
/// then it is reset, and may be used again.
struct Statement {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) {
        self.handle = handle
    }

    func finalize() { sqlite3_finalize(handle) }

    // MARK: Values

    func bind(_ index: Int32, _ number: Int64) { sqlite3_bind_int64(handle, index, number) }

    func bind(_ index: Int32, _ number: UInt64) { bind(index, Int64(clamping: number)) }

    /// The bytes must be valid until the statement is reset.
    func bind(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
        // A null pointer would be NULL.
        guard let start = bytes.baseAddress, bytes.count > 0 else {
            sqlite3_bind_zeroblob(handle, index, 0)
            return
        }
        sqlite3_bind_blob64(handle, index, start, UInt64(bytes.count), nil)
    }

    func bindNull(_ index: Int32) { sqlite3_bind_null(handle, index) }

    // MARK: Running

    /// Runs a statement whose rows nobody wants.
    func run() throws(SQLiteFault) {
        var code = sqlite3_step(handle)
        while code == SQLITE_ROW { code = sqlite3_step(handle) }
        reset()
        if code != SQLITE_DONE { throw SQLiteFault(code: code) }
    }

    /// Goes to the next row; false if there is none. The statement has to be reset, whatever comes.
    func next() throws(SQLiteFault) -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        throw SQLiteFault(code: code)
    }

    func reset() { sqlite3_reset(handle) }

    // MARK: The row

    func int(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    func number(_ column: Int32) -> UInt64 { UInt64(clamping: int(column)) }

    /// Valid until the statement goes on.
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(handle, column)
        return UnsafeRawBufferPointer(
            start: start, count: Int(sqlite3_column_bytes(handle, column)))
    }
}
