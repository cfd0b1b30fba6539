import Wire

/// What a catalog has to remember of an open request, or of a question to a client.
struct Open {
    let key: UInt64
    let entry: Entry?
    /// What is read.
    var uri: ByteBuffer?
    /// The host's function for the answer, and its pointer.
    var answer: (function: UInt, user: UInt) = (0, 0)
}

/// A table of them, in the order of their keys.
struct OpenTable {
    private var rows: [Open] = []
    /// With more than this, rows whose requests are gone are looked for.
    private var sweepAt = OpenTable.sweepMin

    private static var sweepMin: Int { 64 }

    var count: Int { rows.count }

    /// Adds a row; `isOpen` says which of the others are still needed, for a host may end a request
    /// without this table.
    mutating func add(_ row: Open, while isOpen: (UInt64) -> Bool) {
        if rows.count >= sweepAt {
            rows.removeAll { !isOpen($0.key) }
            sweepAt = max(OpenTable.sweepMin, 2 * rows.count)
        }
        rows.insert(row, at: place(of: row.key))
    }

    mutating func remove(_ key: UInt64) -> Open? {
        let place = place(of: key)
        guard place < rows.count, rows[place].key == key else { return nil }
        return rows.remove(at: place)
    }

    subscript(key: UInt64) -> Open? {
        let place = place(of: key)
        return place < rows.count && rows[place].key == key ? rows[place] : nil
    }

    private func place(of key: UInt64) -> Int {
        var low = 0
        var high = rows.count
        while low < high {
            let middle = (low + high) / 2
            if rows[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
