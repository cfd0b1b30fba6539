import Catalog
import Engine
import Link
import MCP
import Session
import Testing
import Wire

/// A catalog on an engine without sockets, and a client that asks it.
final class Desk {
    let engine: ServerEngine
    private(set) var catalog: Catalog?
    /// What a call does; without it the texts of its arguments are the answer.
    var onCall: ((RequestKey, Target, Arguments) -> Void)?
    var isVisible: (Entry) -> Bool = { _ in true }
    /// What list and completion callbacks add.
    var offers: [String] = []
    var cancelled: [String] = []
    var published: [Change] = []
    /// The events that were not the catalog's.
    var delivered: [HostEvent.Kind] = []
    var open: [RequestKey] = []
    private(set) var answers: [(UInt, CallerFault?)] = []
    /// Whether events wait in the engine for the next `drain`.
    var holdsEvents = false
    /// The connection of the last request that has no answer.
    private var waiting: ServerConnection?
    private var session: [String] = []
    private var connections = 0
    private var calls: UInt64 = 100

    init(isStateless: Bool = false, capabilities: String? = nil) {
        var options = ServerOptions()
        options.responseMode = .json
        options.isStateless = isStateless
        let info = ByteBuffer(#"{"name":"desk","version":"1"}"#)
        let capabilitiesText = ByteBuffer(capabilities ?? "{}")
        options.greeting = Greeting(
            serverInfo: info.bytes, capabilities: capabilitiesText.bytes,
            instructions: .init(start: nil, count: 0))
        options.greeting?.isOpen = capabilities == nil
        var last: UInt64 = 0
        engine = ServerEngine(options) {
            last += 1
            return last
        }
        let hooks = Hooks(
            call: { [unowned self] in called($0, $1, $2, $3) },
            cancelled: { [unowned self] entry, _ in cancelled.append(String(entry.name)) },
            list: { [unowned self] _, _, listing, after in add(to: listing, after: after) },
            complete: { [unowned self] _, _, listing, _, _ in add(to: listing, after: nil) },
            isVisible: { [unowned self] _, _, entry, _ in isVisible(entry) },
            answer: { [unowned self] function, _, event in
                answers.append((function, event.fault))
            },
            publish: { [unowned self] in published.append($0) },
            mintCall: { [unowned self] in
                calls += 1
                return CallKey(rawValue: calls)
            })
        catalog = Catalog(engine, hooks)
    }

    private func add(to listing: Listing, after: ByteBuffer?) {
        let last = after.flatMap { offers.firstIndex(of: String($0)) }
        let start = last.map { $0 + 1 } ?? 0
        for offer in offers[start...] {
            let text = ByteBuffer(offer)
            guard withExtendedLifetime(text, { listing.add(text.bytes) }) else { return }
        }
    }

    private func called(
        _ entry: Entry, _ event: HostEvent, _ target: Target, _ arguments: Arguments
    ) {
        guard let key = event.request else { return }
        open.append(key)
        if let onCall { return onCall(key, target, arguments) }
        let texts = arguments.values.map { shown($0, in: arguments.texts) }
        try? reply(key, texts.joined(separator: "|"))
    }

    /// An argument as text: the kinds of its value that are set.
    func shown(_ value: Argument, in texts: ByteBuffer) -> String {
        var parts = [value.isGiven ? "given" : "not"]
        if let start = value.text {
            let bytes = texts[start..<start + value.textCount]
            #expect(texts[start + value.textCount..<start + value.textCount + 1].first == 0)
            parts.append("'\(String(decoding: bytes, as: UTF8.self))'")
        }
        if value.integer != 0 { parts.append("\(value.integer)") }
        if value.number != 0 { parts.append("\(value.number)") }
        if value.isTrue { parts.append("true") }
        return parts.joined(separator: " ")
    }

    // MARK: The program

    func perform(
        _ work: UInt32, _ key: RequestKey? = nil, _ first: String = "", _ second: [UInt8] = [],
        wasQueued: Bool = false
    ) throws(CallerFault) {
        let text = ByteBuffer(first)
        let block = ByteBuffer()
        block.append(second)
        defer { withExtendedLifetime((text, block)) {} }
        try catalog?.perform(
            work, key?.rawValue ?? 0, text.bytes, block.bytes, wasQueued: wasQueued)
        drain()
    }

    func add(
        _ kind: Kind, _ definition: String, call: UInt = 1, cancelled: UInt = 0, list: UInt = 0,
        complete: UInt = 0, extra: String? = nil, owner: Owner? = nil,
        wasQueued: Bool = false
    ) throws(CallerFault) {
        var callbacks = Callbacks()
        callbacks.hasExtra = extra != nil
        if let owner {
            callbacks.user = UInt(bitPattern: Unmanaged.passUnretained(owner).toOpaque())
            callbacks.free = { pointer in
                pointer.map { Unmanaged<Owner>.fromOpaque($0).takeUnretainedValue().free() }
            }
        }
        callbacks.call = call
        callbacks.cancelled = cancelled
        callbacks.list = list
        callbacks.complete = complete
        let block = withUnsafeBytes(of: callbacks) { Array($0) }
        try perform(
            Work.add(kind), nil, definition, block + Array((extra ?? "").utf8), wasQueued: wasQueued
        )
    }

    /// Adds a tool with these parameters, as a program declares them.
    func add(tool: String, _ parameters: [Parameter]) throws(CallerFault) {
        var object = ObjectText()
        let name = ByteBuffer(tool)
        object.text("name", name.bytes)
        object.schema("inputSchema", parameters)
        object.end()
        try add(.tool, String(object.output))
    }

    func set(_ change: (inout CatalogBounds) -> Void) throws(CallerFault) {
        var bounds = CatalogBounds()
        change(&bounds)
        try perform(Work.set, nil, "", withUnsafeBytes(of: bounds) { Array($0) })
    }

    func reply(_ key: RequestKey, _ text: String) throws(CallerFault) {
        let result = ByteBuffer(#"{"content":[{"type":"text","text":"#)
        result.append(Array(quoted(text).utf8))
        result.append("}]}")
        try perform(Work.reply, key, String(result))
    }

    // MARK: The client

    /// The events that wait are handed to the catalog, or kept.
    func drain() {
        while !holdsEvents, let effect = engine.nextEffect() {
            guard case .deliver(let event) = effect else { continue }
            if catalog?.take(event) != true {
                delivered.append(event.kind)
                if let key = event.request { open.append(key) }
            }
        }
    }

    @discardableResult
    func post(_ body: String, _ fields: [String], reads: Bool = true) -> String {
        connections += 1
        guard let driver = UnsafeMutableRawPointer(bitPattern: connections),
            let connection = engine.connectionOpened(driver: driver)
        else { return "" }
        let head =
            [
                "POST /mcp HTTP/1.1", "Host: localhost", "Content-Type: application/json",
                "Accept: application/json, text/event-stream",
                "Content-Length: \(body.utf8.count)",
            ] + fields
        let text = head.joined(separator: "\r\n") + "\r\n\r\n" + body
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        drain()
        guard reads, let output = engine.takeOutput(of: connection) else {
            waiting = connection
            return ""
        }
        var answer = ""
        output.forEachPiece { answer += String(decoding: $0, as: UTF8.self) }
        engine.sent(output.count, on: connection)
        if !answer.contains("Mcp-Session-Id") { engine.connectionLost(connection) }
        return answer
    }

    /// The client of the last request that has no answer goes.
    func leave() {
        if let waiting { engine.connectionLost(waiting) }
        waiting = nil
        drain()
    }

    /// Opens a session, and returns the result of `initialize`.
    @discardableResult
    func open(_ revision: String = "2025-11-25") -> String {
        session = []
        let answer = post(
            #"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"#
                + "\"\(revision)\""
                + #","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
            [])
        let lines = answer.split(separator: "\r\n").map(String.init)
        session = lines.filter { $0.hasPrefix("Mcp-Session-Id: ") }
        post(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, session)
        return body(answer)
    }

    /// The response to a request of a session.
    func ask(_ method: String, _ params: String = "{}", id: Int = 7) -> String {
        let request = #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"#
        return strip(body(post(request, session)))
    }

    /// Ends a request as a program may that does not use the catalog for it.
    func end(_ key: RequestKey) throws(CallerFault) {
        try engine.respond(key, ("{}" as StaticString).rawBytes)
        drain()
    }

    func cancel(_ id: Int) {
        let params = #"{"requestId":\#(id)}"#
        post(
            #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":\#(params)}"#, session)
    }

    /// The response to a modern request; `members` are those of its params.
    func askModern(_ method: String, _ members: String = "", name: String? = nil) -> String {
        let meta =
            #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#
            + #""io.modelcontextprotocol/clientCapabilities":{}}"#
        let params = members.isEmpty ? "{\(meta)}" : "{\(members),\(meta)}"
        let request = #"{"jsonrpc":"2.0","id":7,"method":"\#(method)","params":\#(params)}"#
        var fields = ["MCP-Protocol-Version: 2026-07-28", "Mcp-Method: \(method)"]
        if let name { fields.append("Mcp-Name: \(name)") }
        return strip(body(post(request, fields)))
    }

    private func body(_ answer: String) -> String {
        answer.firstRange(of: "\r\n\r\n").map { String(answer[$0.upperBound...]) } ?? answer
    }

    /// What every response has is left out.
    private func strip(_ response: String) -> String {
        let start = #"{"jsonrpc":"2.0","id":7,"#
        return response.hasPrefix(start) ? "{" + response.dropFirst(start.count) : response
    }
}

/// What a program has for an entry, until it is freed.
final class Owner {
    var onFree: () -> Void = {}
    private(set) var frees = 0

    func free() {
        frees += 1
        onFree()
    }
}

extension String {
    init(_ buffer: ByteBuffer) {
        self = String(decoding: buffer.bytes, as: UTF8.self)
    }
}

extension ByteBuffer {
    convenience init(_ text: String) {
        self.init()
        append(Array(text.utf8))
    }
}

/// A text as JSON.
func quoted(_ text: String) -> String {
    let bytes = ByteBuffer(text)
    let output = ByteBuffer()
    withExtendedLifetime(bytes) { output.append(jsonString: bytes.bytes) }
    return String(output)
}
