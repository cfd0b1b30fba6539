import Wire

/// What a catalog has to remember of an open request, or of a question to a client.
final class Open {
    let key: UInt64
    let entry: Entry?
    /// What is read.
    let uri: ByteBuffer?
    /// The host's function for the answer, and its pointer.
    let answer: (function: UInt, user: UInt)

    init(_ key: UInt64, _ entry: Entry, uri: ByteBuffer?) {
        self.key = key
        self.entry = entry
        self.uri = uri
        answer = (0, 0)
    }

    init(_ key: UInt64, answer: (function: UInt, user: UInt)) {
        self.key = key
        self.answer = answer
        entry = nil
        uri = nil
    }
}

/// A table of them, in the order of their keys.
struct OpenTable {
    private var rows: [Open] = []
    /// With so many, rows whose requests are gone are looked for.
    private var sweepAt = OpenTable.sweepMin

    private static var sweepMin: Int { 64 }
    /// The most bytes of all URIs.
    static var uriBytesMax: Int { 4 << 20 }

    private var uriBytes = 0
    var count: Int { rows.count }

    /// Whether rows should be swept before this one is added.
    func needsSweep(for row: Open) -> Bool { rows.count >= sweepAt || !hasRoom(for: row) }

    private func hasRoom(for row: Open) -> Bool {
        uriBytes + (row.uri?.count ?? 0) <= OpenTable.uriBytesMax
    }

    /// Removes the rows that are not needed any more, and returns them: the host is called when the
    /// last owner of an entry lets go of it, and may then use this table. `kept`, in order, stay.
    mutating func sweep(keeping kept: [UInt64], while isOpen: (UInt64) -> Bool) -> [Open] {
        var gone: [Open] = []
        var left: [Open] = []
        var next = 0
        for row in rows {
            while next < kept.count, kept[next] < row.key { next += 1 }
            let isKept = next < kept.count && kept[next] == row.key
            if isKept || isOpen(row.key) { left.append(row) } else { gone.append(row) }
        }
        rows = left
        sweepAt = max(OpenTable.sweepMin, 2 * rows.count)
        uriBytes = rows.reduce(0) { $0 + ($1.uri?.count ?? 0) }
        return gone
    }

    /// Adds a row; false if there is no room for its URI.
    mutating func add(_ row: Open) -> Bool {
        guard hasRoom(for: row) else { return false }
        uriBytes += row.uri?.count ?? 0
        rows.insert(row, at: place(of: row.key))
        return true
    }

    mutating func remove(_ key: UInt64) -> Open? {
        let place = place(of: key)
        guard place < rows.count, rows[place].key == key else { return nil }
        let row = rows.remove(at: place)
        uriBytes -= row.uri?.count ?? 0
        return row
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
