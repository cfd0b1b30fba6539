import Engine
import Wire

/// One page of a list.
struct Page {
    let catalog: Catalog
    let kind: Kind
    let event: HostEvent
    /// What the last page ended with: nothing before it is shown.
    private var after: UInt64 = 0
    /// The template whose resources come next, and the last of them; nil for the entries.
    private var template: UInt64?
    private var last: ByteBuffer?
    private var hasLists = false
    /// Whether the host decides who sees what. It may change that while it is asked.
    private let isFiltered: Bool

    init(catalog: Catalog, kind: Kind, event: HostEvent) {
        self.catalog = catalog
        self.kind = kind
        self.event = event
        isFiltered = catalog.bounds.visible != 0
    }

    /// Whether the first page is the same for everybody until something changes.
    var isSame: Bool { !isFiltered && !hasLists }

    /// Reads a cursor, if there is one: `r12` or, among the resources of a template, `t12:last`.
    mutating func begin(_ cursor: JSONValue?) -> Bool {
        guard let cursor else { return true }
        guard let text = cursor.string else { return false }
        return withExtendedLifetime(text) {
            let (head, tail) = text.bytes.cut(at: UInt8(ascii: ":"))
            let isEntry = head.first == UInt8(ascii: "r")
            guard isEntry || head.first == UInt8(ascii: "t") && kind == .resource,
                head.count < 20, let number = JSONValue(trusted: head.dropBytes(1)).integer,
                number >= 0
            else { return false }
            if isEntry {
                after = UInt64(number)
            } else {
                template = UInt64(number)
                last = tail.map { ByteBuffer(copying: $0) }
            }
            return true
        }
    }

    /// Appends the page's members.
    mutating func compose(_ output: ByteBuffer) {
        let names: [StaticString] = ["tools", "resources", "prompts", "resourceTemplates"]
        output.put("\"")
        output.put(names[Int(kind.rawValue)])
        output.put("\":[")
        var next: ByteBuffer?
        var count = 0
        if template == nil {
            for entry in catalog[kind].entries
            where entry.serial > after && catalog.isVisible(entry, event) {
                guard count < catalog.bounds.page else {
                    next = Page.cursor("r", after)
                    break
                }
                if count > 0 { output.put(",") }
                output.append(entry.definition)
                count += 1
                after = entry.serial
            }
        }
        if kind == .resource, next == nil { next = listTemplates(output, count) }
        output.put("]")
        guard let next else { return }
        output.put(",\"nextCursor\":")
        output.append(jsonString: next.bytes)
    }

    /// Lists the resources of templates; returns the next page's cursor if there is one.
    private mutating func listTemplates(_ output: ByteBuffer, _ listed: Int) -> ByteBuffer? {
        var count = listed
        for entry in catalog[.template].entries where entry.callbacks.list != 0 {
            hasLists = true
            guard entry.serial >= template ?? 0, catalog.isVisible(entry, event) else { continue }
            let after = entry.serial == template ? last : nil
            let listing = Listing(of: entry, room: catalog.bounds.page - count)
            catalog.hooks.list(entry, event, listing, after)
            if listing.count > 0 {
                if count > 0 { output.put(",") }
                output.append(listing.output)
                count += listing.count
            }
            guard listing.isFull else { continue }
            let cursor = Page.cursor("t", entry.serial)
            if listing.count > 0 || after != nil {
                cursor.put(":")
                cursor.append(listing.count > 0 ? listing.last : after ?? listing.last)
            }
            return cursor
        }
        return nil
    }

    private static func cursor(_ kind: StaticString, _ serial: UInt64) -> ByteBuffer {
        let cursor = ByteBuffer(copying: kind.rawBytes)
        cursor.append(decimal: serial)
        return cursor
    }
}
