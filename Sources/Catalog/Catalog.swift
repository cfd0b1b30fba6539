import Engine
import Link
import MCP
import Session
import Wire

/// How a catalog reaches the host.
package struct Hooks {
    /// Calls a tool, reads a resource, or gets a prompt.
    package var call: (Entry, HostEvent, Target, Arguments) -> Void
    package var cancelled: (Entry, RequestKey) -> Void
    package var list: (Entry, HostEvent, Listing, ByteBuffer?) -> Void
    package var complete:
        (Entry, HostEvent, Listing, _ argument: ByteBuffer, _ typed: ByteBuffer) -> Void
    /// Whether a client may see an entry, by its name.
    package var isVisible: (_ function: UInt, _ user: UInt, Entry, HostEvent) -> Bool
    /// Passes a client's answer to a function of the host.
    package var answer: (_ function: UInt, _ user: UInt, HostEvent) -> Void
    /// Tells clients of a change.
    package var publish: (Change) -> Void
    package var mintCall: () -> CallKey

    package init(
        call: @escaping (Entry, HostEvent, Target, Arguments) -> Void,
        cancelled: @escaping (Entry, RequestKey) -> Void,
        list: @escaping (Entry, HostEvent, Listing, ByteBuffer?) -> Void,
        complete: @escaping (Entry, HostEvent, Listing, ByteBuffer, ByteBuffer) -> Void,
        isVisible: @escaping (UInt, UInt, Entry, HostEvent) -> Bool,
        answer: @escaping (UInt, UInt, HostEvent) -> Void,
        publish: @escaping (Change) -> Void, mintCall: @escaping () -> CallKey
    ) {
        self.call = call
        self.cancelled = cancelled
        self.list = list
        self.complete = complete
        self.isVisible = isVisible
        self.answer = answer
        self.publish = publish
        self.mintCall = mintCall
    }
}

/// What a request is about.
package struct Target {
    package let name: UnsafeRawBufferPointer
    /// The arguments as they were sent, or empty.
    package let arguments: UnsafeRawBufferPointer

    package init(name: UnsafeRawBufferPointer, arguments: UnsafeRawBufferPointer) {
        self.name = name
        self.arguments = arguments
    }
}

/// The options of a catalog.
package struct CatalogBounds {
    package var page = 250
    package var entries = 10_000
    /// How long clients may keep a list, in milliseconds, and whether caches may share it.
    package var ttl: UInt32 = 0
    package var isPublic = false
    /// The host's function that says who may see what, and its pointer.
    package var visible: UInt = 0
    package var user: UInt = 0

    package init() {}
}

/// The tools, resources and prompts of a server: a host that stands between the engine's events and
/// the program. It answers what is about them, and leaves everything else.
///
/// Belongs to the loop's thread. It calls the program only while the engine is at rest, and holds
/// what it needs afterwards: the program may call any function meanwhile.
package final class Catalog {
    let engine: ServerEngine
    let hooks: Hooks
    var bounds = CatalogBounds()
    private var sections = [Section](repeating: Section(), count: Kind.count)
    /// The first page of each list, for sessions and for modern clients, while it is known.
    private var pages = [ByteBuffer?](repeating: nil, count: 2 * Kind.count)
    private var serial: UInt64 = 0
    /// What the server was last said to offer.
    private var offered: UInt32 = 0

    /// Requests that something has to be remembered of, and questions to clients.
    var requests = OpenTable()
    var questions = OpenTable()
    var arguments = Arguments()
    var complaint = Complaint()

    package init(_ engine: ServerEngine, _ hooks: Hooks) {
        self.engine = engine
        self.hooks = hooks
    }

    // MARK: Events

    /// Answers an event that is about what it holds; false if it is not.
    package func take(_ event: HostEvent) -> Bool {
        switch event.kind {
        case .request:
            guard let key = event.request else { return false }
            return answer(event, key)
        case .cancelled:
            guard let key = event.request, let open = requests.remove(key.rawValue),
                let entry = open.entry, entry.callbacks.cancelled != 0
            else { return false }
            hooks.cancelled(entry, key)
            return true
        case .response:
            guard let call = event.call, let open = questions.remove(call.rawValue) else {
                return false
            }
            hooks.answer(open.answer.function, open.answer.user, event)
            return true
        default: return false
        }
    }

    private func answer(_ event: HostEvent, _ key: RequestKey) -> Bool {
        let method = event.method
        func isFor(_ name: StaticString) -> Bool { method.equals(name.rawBytes) }
        if isFor(Method.callTool) { return isServed(.tool) && call(event, key) }
        if isFor("tools/list") { return list(.tool, event, key) }
        if isFor(Method.readResource) { return isServed(.resource) && read(event, key) }
        if isFor("resources/list") { return list(.resource, event, key) }
        if isFor("resources/templates/list") { return list(.template, event, key) }
        if isFor(Method.getPrompt) { return isServed(.prompt) && get(event, key) }
        if isFor("prompts/list") { return list(.prompt, event, key) }
        if isFor("completion/complete") { return complete(event, key) }
        if isFor(Method.setLogLevel) { return setLogLevel(event, key) }
        return false
    }

    private func setLogLevel(_ event: HostEvent, _ key: RequestKey) -> Bool {
        guard offered != 0, event.revision?.era == .legacy else { return false }
        let value = JSONValue(trusted: event.params)["level"]
        guard let level = value.flatMap({ LogSeverity($0) }) else {
            fail(
                key, .invalidParams,
                """
                logging/setLevel needs a level: debug, info, notice, warning, error, critical, \
                alert or emergency
                """)
            return true
        }
        if let session = event.session { engine.setLogLevel(level, of: session) }
        respond(key, ("{}" as StaticString).rawBytes)
        return true
    }

    // MARK: What it holds

    subscript(kind: Kind) -> Section { sections[Int(kind.rawValue)] }

    /// Resources and templates are served together.
    private func isServed(_ kind: Kind) -> Bool {
        self[kind].isUsed || kind == .resource && self[.template].isUsed
            || kind == .template && self[.resource].isUsed
    }

    func isVisible(_ entry: Entry, _ event: HostEvent) -> Bool {
        bounds.visible == 0 || hooks.isVisible(bounds.visible, bounds.user, entry, event)
    }

    /// Adds an entry; `block` are its callbacks, and then what it has besides its definition.
    func add(
        _ kind: Kind, _ definition: UnsafeRawBufferPointer, _ callbacks: Callbacks,
        _ extra: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        let section = Int(kind.rawValue)
        guard let entry = Entry(kind, definition, callbacks, extra: extra) else {
            throw .invalidMessage
        }
        let name = entry.name.bytes
        guard self[kind].entries.count < bounds.entries || self[kind][name] != nil else {
            throw .limit
        }
        serial += 1
        let old = sections[section].add(entry, serial: serial)
        offer(entry)
        changed(kind, hasHeaders: entry.hasHeaders || old?.hasHeaders == true)
        withExtendedLifetime(old) {}
    }

    func remove(_ kind: Kind, _ name: UnsafeRawBufferPointer) -> Bool {
        guard let old = sections[Int(kind.rawValue)].remove(name) else { return false }
        changed(kind, hasHeaders: old.hasHeaders)
        withExtendedLifetime(old) {}
        return true
    }

    /// Lets go of everything, when the server has ended. What frees the entries may call anything,
    /// so all is empty by then.
    package func clear() {
        var sections = [Section](repeating: Section(), count: Kind.count)
        var requests = OpenTable()
        swap(&self.sections, &sections)
        swap(&self.requests, &requests)
        questions = OpenTable()
        withExtendedLifetime((sections, requests)) {}
    }

    func set(_ bounds: CatalogBounds) {
        self.bounds = bounds
        for index in 0..<pages.count { pages[index] = nil }
    }

    private func changed(_ kind: Kind, hasHeaders: Bool) {
        forgetPages(of: kind)
        // Templates have resources that are listed.
        if kind == .template { forgetPages(of: .resource) }
        if hasHeaders { setTools() }
        switch kind {
        case .tool: hooks.publish(.tools)
        case .prompt: hooks.publish(.prompts)
        case .resource, .template: hooks.publish(.resources)
        }
    }

    private func forgetPages(of kind: Kind) {
        pages[2 * Int(kind.rawValue)] = nil
        pages[2 * Int(kind.rawValue) + 1] = nil
    }

    private func setTools() {
        let list = ByteBuffer()
        for entry in self[.tool].entries where entry.hasHeaders {
            list.put(list.isEmpty ? "[" : ",")
            list.append(entry.definition)
        }
        list.put(list.isEmpty ? "[]" : "]")
        try? engine.setTools(list.bytes)
    }

    /// Says what the server can do, if an entry adds to that.
    private func offer(_ entry: Entry) {
        var offer = offered
        switch entry.kind {
        case .tool: offer |= 1
        case .resource, .template: offer |= 2
        case .prompt: offer |= 4
        }
        if entry.canComplete { offer |= 8 }
        guard offer != offered else { return }
        offered = offer
        let hasSessions = !engine.options.isStateless
        if offer & 2 != 0, hasSessions { engine.keepSubscriptions() }
        let sessions = capabilities(offer, tellsChanges: hasSessions)
        let modern = capabilities(offer, tellsChanges: true)
        engine.offer(sessions.bytes, modern: modern.bytes)
    }

    private func capabilities(_ offer: UInt32, tellsChanges: Bool) -> ByteBuffer {
        let output = ByteBuffer()
        output.put("{\"logging\":{}")
        let names: [StaticString] = ["tools", "resources", "prompts", "completions"]
        for (index, name) in names.enumerated() where offer & 1 << UInt32(index) != 0 {
            output.put(",\"")
            output.put(name)
            output.put("\":{")
            if tellsChanges, index < 3 { output.put("\"listChanged\":true") }
            if tellsChanges, index == 1 { output.put(",\"subscribe\":true") }
            output.put("}")
        }
        output.put("}")
        return output
    }

    /// How many requests and questions it remembers.
    package var remembered: Int { requests.count + questions.count }

    // MARK: Lists

    private func list(_ kind: Kind, _ event: HostEvent, _ key: RequestKey) -> Bool {
        guard isServed(kind) else { return false }
        let isModern = event.revision?.era == .modern
        let place = 2 * Int(kind.rawValue) + (isModern ? 1 : 0)
        var cursor = JSONValue.find(("/cursor" as StaticString).rawBytes, in: event.params)
        if cursor?.isNull == true { cursor = nil }
        if cursor == nil, let page = pages[place] {
            respond(key, page.bytes)
            return true
        }
        var page = Page(catalog: self, kind: kind, event: event)
        guard page.begin(cursor) else {
            fail(key, .invalidParams, "The cursor is not valid")
            return true
        }
        let output = ByteBuffer()
        output.put("{")
        if isModern {
            output.put("\"ttlMs\":")
            output.append(decimal: UInt64(bounds.ttl))
            let isPublic = bounds.isPublic && bounds.visible == 0
            output.put(",\"cacheScope\":\"")
            output.put(isPublic ? "public\"," : "private\",")
        }
        page.compose(output)
        output.put("}")
        if cursor == nil, page.isSame { pages[place] = output }
        respond(key, output.bytes)
        return true
    }

    // MARK: Answers

    func respond(_ key: RequestKey, _ result: UnsafeRawBufferPointer) {
        try? engine.respond(key, result)
    }

    func fail(
        _ key: RequestKey, _ code: ErrorCode, _ message: StaticString, _ detail: JSONValue? = nil
    ) {
        let text = ByteBuffer(copying: message.rawBytes)
        if let name = detail?.name {
            let decoded = ByteBuffer()
            decoded.append(decoding: name)
            text.append(excerpt: decoded.bytes, atMost: 256)
        }
        try? engine.fail(
            key, code: code.rawValue, message: text.bytes, data: .init(start: nil, count: 0))
    }
}
