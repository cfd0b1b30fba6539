import Wire

/// What a list of resources, or a completion, is collected in.
package final class Listing {
    /// Items, separated by commas.
    let output = ByteBuffer()
    /// The template whose resources are listed; nil for a completion.
    private let entry: Entry?
    /// What values of a completion begin with.
    private let typed: ByteBuffer?
    private var room: Int
    private(set) var count = 0
    /// Whether something has been left out for want of room.
    private(set) var isFull = false
    /// What was added last.
    let last = ByteBuffer()

    /// The most values of a completion (MCP, Completion).
    static var completionsMax: Int { 100 }

    /// For resources of a template.
    init(of entry: Entry, room: Int) {
        self.entry = entry
        self.room = room
        typed = nil
    }

    /// For a completion.
    init(typed: ByteBuffer) {
        entry = nil
        room = Listing.completionsMax
        self.typed = typed
    }

    /// Adds a value; false if nothing more is wanted.
    package func add(_ value: UnsafeRawBufferPointer) -> Bool {
        guard UTF8Text.isValid(value) else { return true }
        if let typed, !value.prefixBytes(typed.count).equals(typed.bytes) { return true }
        guard room > 0 else {
            isFull = true
            return false
        }
        room -= 1
        count += 1
        if output.count > 0 { output.put(",") }
        guard let entry else {
            output.append(jsonString: value)
            return true
        }
        let uri = entry.template?.expand(value) ?? ByteBuffer(copying: value)
        output.put("{\"uri\":")
        output.append(jsonString: uri.bytes)
        output.put(",\"name\":")
        output.append(jsonString: value)
        if let mimeType = entry.mimeType {
            output.put(",\"mimeType\":")
            output.append(mimeType.text)
        }
        output.put("}")
        last.removeAll()
        last.append(value)
        return true
    }
}
