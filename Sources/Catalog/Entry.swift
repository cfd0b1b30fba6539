import Wire

/// What a catalog holds.
package enum Kind: UInt32, Sendable {
    case tool, resource, prompt
    /// A resource with variables in its URI.
    case template

    /// The kinds, as numbers of sections.
    static var count: Int { 4 }
}

/// The functions of the host for an entry, as the host knows them; 0 for none.
package struct Callbacks {
    package var call: UInt = 0
    package var cancelled: UInt = 0
    package var list: UInt = 0
    package var complete: UInt = 0
    package var user: UInt = 0
    package var free: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    /// Whether something follows, which may be empty: see `Entry.extra`.
    package var hasExtra = false

    package init() {}
}

/// A tool, a resource, a template or a prompt.
package final class Entry {
    package let kind: Kind
    /// The name, or the URI, or the template.
    package let name = ByteBuffer()
    package let callbacks: Callbacks
    /// As it stands in a list: a JSON object. What else is here points into it.
    let definition: ByteBuffer
    /// The text of a resource that is always the same, or the schema of a prompt's arguments.
    let extra: ByteBuffer?
    private(set) var input: Schema?
    private(set) var output: Schema?
    private(set) var mimeType: JSONValue?
    let template: Template?
    /// Where it stands among all: unique, and larger for what was added later.
    fileprivate(set) var serial: UInt64 = 0

    /// `definition` is a valid JSON object with a name. Nil for an invalid template.
    init?(
        _ kind: Kind, _ definition: UnsafeRawBufferPointer, _ callbacks: Callbacks,
        extra: UnsafeRawBufferPointer
    ) {
        self.kind = kind
        self.callbacks = callbacks
        self.definition = ByteBuffer(copying: definition)
        self.extra = callbacks.hasExtra ? ByteBuffer(copying: extra) : nil
        let key: StaticString =
            switch kind {
            case .tool, .prompt: "name"
            case .resource: "uri"
            case .template: "uriTemplate"
            }
        let name = self.name
        var input: Schema?
        var output: Schema?
        var mimeType: JSONValue?
        JSONValue.eachMember(of: self.definition.bytes) { member, value in
            if member.isNamed(key) {
                if let text = value.name { name.append(decoding: text) }
            } else if member.isNamed("inputSchema") {
                input = Schema(value)
            } else if member.isNamed("outputSchema") {
                output = Schema(value)
            } else if member.isNamed("mimeType") {
                mimeType = value
            }
        }
        if kind == .prompt, let extra = self.extra {
            input = JSONValue(extra.bytes, depthMax: .max).map { Schema($0) }
        }
        self.input = input
        self.output = output
        self.mimeType = mimeType
        template = kind == .template ? Template(name) : nil
        if kind == .template, template == nil { return nil }
    }

    /// One that was never added frees nothing: the host still has what is the host's.
    deinit {
        guard serial > 0 else { return }
        callbacks.free?(UnsafeMutableRawPointer(bitPattern: callbacks.user))
    }

    /// Whether a parameter is repeated in a header.
    var hasHeaders: Bool { kind == .tool && definition.bytes.index(of: "\"x-mcp-header\"") != nil }

    /// Whether it has suggestions for its arguments.
    var canComplete: Bool {
        switch kind {
        case .tool, .resource: false
        case .template: callbacks.complete != 0
        case .prompt:
            callbacks.complete != 0
                || input?.properties.contains { !$0.schema.choices.isEmpty } == true
        }
    }
}

/// All entries of one kind: in the order in which they were added, and by their names.
struct Section {
    private(set) var entries: [Entry] = []
    /// The same in the order of their names, shorter ones first.
    private var index: [Entry] = []
    /// Whether there has ever been one.
    private(set) var isUsed = false

    /// Adds an entry, and returns the one that it replaces.
    mutating func add(_ entry: Entry, serial: UInt64) -> Entry? {
        isUsed = true
        let (place, isKnown) = place(of: entry.name.bytes)
        guard isKnown else {
            entry.serial = serial
            entries.append(entry)
            index.insert(entry, at: place)
            return nil
        }
        let old = index[place]
        entry.serial = old.serial
        index[place] = entry
        if let place = entries.firstIndex(where: { $0 === old }) { entries[place] = entry }
        return old
    }

    mutating func remove(_ name: UnsafeRawBufferPointer) -> Entry? {
        let (place, isKnown) = place(of: name)
        guard isKnown else { return nil }
        let old = index.remove(at: place)
        entries.removeAll { $0 === old }
        return old
    }

    subscript(name: UnsafeRawBufferPointer) -> Entry? {
        let (place, isKnown) = place(of: name)
        return isKnown ? index[place] : nil
    }

    @_optimize(speed)
    private func place(of name: UnsafeRawBufferPointer) -> (Int, isKnown: Bool) {
        var low = 0
        var high = index.count
        while low < high {
            let middle = (low + high) / 2
            let order = Section.order(index[middle].name.bytes, name)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    private static func order(
        _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
    ) -> Int {
        if left.count != right.count { return left.count - right.count }
        for place in 0..<left.count where left[place] != right[place] {
            return Int(left[place]) - Int(right[place])
        }
        return 0
    }
}
