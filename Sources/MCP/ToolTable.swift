import Wire

/// The tools of a host that annotate some of their arguments, by name.
package struct ToolTable {
    private struct Entry {
        let name: ByteBuffer
        let headers: ToolHeaders
    }

    /// In the order of their names.
    private var entries: [Entry] = []

    /// Reads an array of tools, as `tools/list` has it; nil if it is none, or not each of them has
    /// a name. Of two tools with the same name the second counts.
    ///
    /// Calls `invalid` with the name of each tool whose annotations are not followed, and why.
    package init?(
        tools: JSONValue, _ invalid: (UnsafeRawBufferPointer, ToolSchemaFault) -> Void
    ) {
        guard tools.isArray else { return nil }
        for tool in tools.elements {
            guard let name = tool["name"]?.string else { return nil }
            defer { withExtendedLifetime(name) {} }
            let (place, isKnown) = place(of: name.bytes)
            if isKnown { entries.remove(at: place) }
            guard let schema = tool["inputSchema"] else { continue }
            do throws(ToolSchemaFault) {
                if let headers = try ToolHeaders(schema: schema) {
                    name.trim(sparing: 0)
                    entries.insert(Entry(name: name, headers: headers), at: place)
                }
            } catch {
                invalid(name.bytes, error)
            }
        }
    }

    /// How many tools have annotated arguments.
    package var count: Int { entries.count }

    /// The annotated arguments of a tool, by its decoded name; nil if it has none.
    @_optimize(speed)
    package subscript(name: UnsafeRawBufferPointer) -> ToolHeaders? {
        let (place, isKnown) = place(of: name)
        return isKnown ? entries[place].headers : nil
    }

    /// The memory that it takes, without its own fields.
    package var heldBytes: Int {
        entries.reduce(HeapBlock.size(of: entries)) { sum, entry in
            sum + entry.name.heldBytes + entry.headers.heldBytes
        }
    }

    /// Where a tool is, or would be.
    @_optimize(speed)
    private func place(of name: UnsafeRawBufferPointer) -> (Int, isKnown: Bool) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            let candidate = entries[middle].name
            if withExtendedLifetime(candidate, { candidate.bytes.isBefore(name) }) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < entries.count else { return (low, false) }
        let candidate = entries[low].name
        return (low, withExtendedLifetime(candidate) { candidate.bytes.equals(name) })
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes are before others in a table: shorter ones first.
    fileprivate func isBefore(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return count < other.count }
        for index in 0..<count where self[index] != other[index] {
            return self[index] < other[index]
        }
        return false
    }
}
