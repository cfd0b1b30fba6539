import Engine
import MCP
import Session
import Wire

/// What the program wants of a catalog. Each has a number, for queues of commands.
package enum Work {
    /// Adds an entry: its definition, and then its callbacks and what else it has.
    package static func add(_ kind: Kind) -> UInt32 { kind.rawValue }
    /// Removes an entry by its name.
    package static func remove(_ kind: Kind) -> UInt32 { 4 + kind.rawValue }
    /// Sets the bounds.
    package static var set: UInt32 { 8 }
    /// Answers with a result as of a tool; of messages, each with a role.
    package static var reply: UInt32 { 9 }
    package static var replyMessages: UInt32 { 10 }
    package static var replyStructured: UInt32 { 11 }
    /// Answers that something went wrong: the text.
    package static var fail: UInt32 { 12 }
    package static var failNotFound: UInt32 { 13 }
    /// Sends a log message: its params, and its level in one byte.
    package static var log: UInt32 { 14 }
    /// Asks the client: the params, and then the function for the answer and its pointer.
    package static var elicit: UInt32 { 16 }
    package static var sample: UInt32 { 17 }
    package static var listRoots: UInt32 { 18 }
}

extension Catalog {
    /// Does what the program wants, on the loop's thread. `key` is a request, or 0; a question that
    /// was queued fails to its own function.
    package func perform(
        _ work: UInt32, _ key: UInt64, _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer, wasQueued: Bool
    ) throws(CallerFault) {
        let request = RequestKey(rawValue: key)
        switch work {
        case 0..<4:
            let callbacks = second.loadUnaligned(as: Callbacks.self)
            let extra = second.dropBytes(MemoryLayout<Callbacks>.size)
            guard let kind = Kind(rawValue: work) else { return }
            do throws(CallerFault) {
                try add(kind, first, callbacks, extra)
            } catch {
                if wasQueued { Catalog.drop(work, second) }
                throw error
            }
        case 4..<8:
            guard let kind = Kind(rawValue: work - 4), remove(kind, first) else { throw .notFound }
        case Work.set: set(second.loadUnaligned(as: CatalogBounds.self))
        case Work.reply, Work.replyMessages:
            try reply(request, first, areMessages: work == Work.replyMessages)
        case Work.replyStructured: try replyStructured(request, first)
        case Work.fail: try fail(request, saying: first)
        case Work.failNotFound:
            guard engine.isOpen(request) else { throw .notFound }
            if engine.isOpen(request, of: Method.callTool) {
                return try fail(request, saying: ("Not found" as StaticString).rawBytes)
            }
            try end(request) { () throws(CallerFault) in
                try failNotFound(request, engine.revision(of: request), requests[key]?.uri)
            }
        case Work.log:
            guard let level = LogSeverity(rawValue: second.first ?? 0),
                engine.wants(level, request)
            else { return }
            try engine.notify(request, method: Method.message.rawBytes, params: first)
        default: try ask(work, request, first, second, wasQueued: wasQueued)
        }
    }

    /// Lets go of what the program wanted, and was told would be done.
    package static func drop(_ work: UInt32, _ second: UnsafeRawBufferPointer) {
        guard work < 4 else { return }
        let callbacks = second.loadUnaligned(as: Callbacks.self)
        callbacks.free?(UnsafeMutableRawPointer(bitPattern: callbacks.user))
    }

    private func ask(
        _ work: UInt32, _ request: RequestKey, _ params: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer, wasQueued: Bool
    ) throws(CallerFault) {
        let answer = second.loadUnaligned(as: (function: UInt, user: UInt).self)
        let method =
            work == Work.elicit
            ? Method.elicit : work == Work.sample ? Method.sample : Method.listRoots
        let call = hooks.mintCall()
        let hasFunction = answer.function != 0
        if hasFunction {
            _ = questions.add(Open(call.rawValue, answer: answer))
        }
        let user = UnsafeMutableRawPointer(bitPattern: answer.user)
        do throws(CallerFault) {
            try engine.call(call, request, method: method.rawBytes, params: params, data: user)
        } catch {
            if hasFunction { _ = questions.remove(call.rawValue) }
            guard wasQueued, hasFunction else { throw error }
            let event = HostEvent(.response)
            event.fault = error
            event.request = request
            event.callData = user
            hooks.answer(answer.function, answer.user, event)
        }
    }

    // MARK: Answers

    /// Answers with `{"content":[...]}`, which becomes what the request's method wants.
    func reply(
        _ key: RequestKey, _ result: UnsafeRawBufferPointer, areMessages: Bool
    ) throws(CallerFault) {
        if engine.isOpen(key, of: Method.callTool) {
            if areMessages { throw .invalidMessage }
            return try finish(key, result)
        }
        guard engine.isOpen(key) else { throw .notFound }
        let output = ByteBuffer(capacity: result.count + 64)
        var items: JSONValue?
        JSONValue.eachMember(of: result) { name, value in
            if name.isNamed("content") { items = value }
        }
        if engine.isOpen(key, of: Method.getPrompt) {
            output.put("{\"messages\":[")
            for (index, item) in (items?.elements ?? []).enumerated() {
                if index > 0 { output.put(",") }
                if item["role"] != nil {
                    output.append(item.text)
                } else {
                    output.put("{\"role\":\"user\",\"content\":")
                    output.append(item.text)
                    output.put("}")
                }
            }
        } else if engine.isOpen(key, of: Method.readResource), !areMessages {
            let open = requests[key.rawValue]
            output.put("{\"contents\":[")
            for (index, item) in (items?.elements ?? []).enumerated() {
                if index > 0 { output.put(",") }
                Catalog.append(item, as: open, to: output)
            }
        } else {
            throw .invalidMessage
        }
        output.put("]}")
        try finish(key, output.bytes)
    }

    /// Appends an item as the contents of a resource.
    private static func append(_ item: JSONValue, as open: Open?, to output: ByteBuffer) {
        let item = item["resource"] ?? item
        output.put("{\"uri\":")
        if let uri = item["uri"] {
            output.append(uri.text)
        } else {
            output.append(jsonString: open?.uri?.bytes ?? .init(start: nil, count: 0))
        }
        if let type = item["mimeType"] ?? open?.entry?.mimeType {
            output.put(",\"mimeType\":")
            output.append(type.text)
        }
        let blob = item["data"] ?? item["blob"]
        output.put(blob == nil ? ",\"text\":" : ",\"blob\":")
        output.append((blob ?? item["text"])?.text ?? ("\"\"" as StaticString).rawBytes)
        output.put("}")
    }

    private func replyStructured(
        _ key: RequestKey, _ result: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        guard engine.isOpen(key, of: Method.callTool) else {
            throw engine.isOpen(key) ? .invalidMessage : .notFound
        }
        if let tool = requests[key.rawValue]?.entry, let schema = tool.output {
            complaint.begin()
            JSONValue.eachMember(of: result) { name, value in
                if name.isNamed("structuredContent") { complaint.check(value, schema) }
            }
            guard complaint.isEmpty else {
                let text = ByteBuffer(copying: tool.name.bytes)
                text.put(": ")
                text.append(complaint.text)
                engine.reportMisfit(text.bytes)
                throw .invalidMessage
            }
        }
        try finish(key, result)
    }

    private func fail(
        _ key: RequestKey, saying text: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try end(key) { () throws(CallerFault) in
            if engine.isOpen(key, of: Method.callTool) {
                return try fail(key, toolSaying: text)
            }
            try engine.fail(
                key, code: ErrorCode.internalError.rawValue, message: text,
                data: .init(start: nil, count: 0))
        }
    }

    /// Answers the call of a tool with an error that the model sees.
    func fail(_ key: RequestKey, toolSaying text: UnsafeRawBufferPointer) throws(CallerFault) {
        let output = ByteBuffer(capacity: text.count + 64)
        output.put("{\"content\":[{\"type\":\"text\",\"text\":")
        output.append(jsonString: text)
        output.put("}],\"isError\":true}")
        try engine.respond(key, output.bytes)
    }

    private func finish(
        _ key: RequestKey, _ result: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try end(key) { () throws(CallerFault) in try engine.respond(key, result) }
    }

    /// Answers a request, and forgets it if it has ended, even if nobody gets the answer. What had
    /// ended before stays until its end is told.
    private func end(
        _ key: RequestKey, _ answer: () throws(CallerFault) -> Void
    ) throws(CallerFault) {
        guard requests.count > 0, engine.isOpen(key) else { return try answer() }
        defer {
            if !engine.isOpen(key) {
                let row = requests.remove(key.rawValue)
                withExtendedLifetime(row) {}
            }
        }
        try answer()
    }
}
