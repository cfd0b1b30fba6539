import Engine
import MCP
import Session
import Wire

/// Requests for one tool, resource or prompt.
extension Catalog {
    func call(_ event: HostEvent, _ key: RequestKey) -> Bool {
        let (name, given) = nameAndArguments(event)
        guard let name, name.isString else {
            fail(key, .invalidParams, "tools/call needs a name, a string")
            return true
        }
        guard let tool = find(.tool, name, event) else {
            fail(key, .invalidParams, "Unknown tool: ", name)
            return true
        }
        guard let given = check(given, tool, event, key) else { return true }
        if tool.callbacks.cancelled != 0 || tool.output != nil { _ = remember(key, tool, nil) }
        guard tool.callbacks.call != 0 else {
            event.becomeCall(of: tool.name)
            return false
        }
        hooks.call(tool, event, Target(name: tool.name.bytes, arguments: given.text), arguments)
        return true
    }

    func get(_ event: HostEvent, _ key: RequestKey) -> Bool {
        let (name, given) = nameAndArguments(event)
        guard let name, name.isString else {
            fail(key, .invalidParams, "prompts/get needs a name, a string")
            return true
        }
        guard let prompt = find(.prompt, name, event) else {
            fail(key, .invalidParams, "Unknown prompt: ", name)
            return true
        }
        guard prompt.callbacks.call != 0 else { return false }
        guard let given = check(given, prompt, event, key) else { return true }
        hooks.call(prompt, event, Target(name: prompt.name.bytes, arguments: given.text), arguments)
        return true
    }

    func read(_ event: HostEvent, _ key: RequestKey) -> Bool {
        let value = JSONValue.find(("/uri" as StaticString).rawBytes, in: event.params)
        guard let uri = value?.string else {
            fail(key, .invalidParams, "resources/read needs a uri, a string")
            return true
        }
        guard let entry = find(uri, event) else {
            try? failNotFound(key, event.revision, uri)
            return true
        }
        guard entry.callbacks.call != 0 || entry.extra != nil else { return false }
        guard remember(key, entry, uri) else {
            fail(key, .internalError, "Too many resources are being read")
            return true
        }
        if let text = entry.extra {
            let result = ByteBuffer()
            result.put("{\"content\":[{\"type\":\"text\",\"text\":")
            result.append(jsonString: text.bytes)
            result.put("}]}")
            try? reply(key, result.bytes, areMessages: false)
        } else {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            // The host may answer and then read the URI.
            withExtendedLifetime(uri) {
                hooks.call(entry, event, Target(name: uri.bytes, arguments: nothing), arguments)
            }
        }
        return true
    }

    func complete(_ event: HostEvent, _ key: RequestKey) -> Bool {
        guard self[.prompt].isUsed || self[.template].isUsed else { return false }
        let params = JSONValue(trusted: event.params)
        let ref = params["ref"]
        let type = ref?["type"]
        let isPrompt = type?.means(("ref/prompt" as StaticString).rawBytes) == true
        guard isPrompt || type?.means(("ref/resource" as StaticString).rawBytes) == true else {
            fail(
                key, .invalidParams,
                "completion/complete needs a ref of the type ref/prompt or ref/resource")
            return true
        }
        let kind: Kind = isPrompt ? .prompt : .template
        guard self[kind].isUsed else { return false }
        guard let name = isPrompt ? ref?["name"] : ref?["uri"], name.isString else {
            fail(
                key, .invalidParams,
                isPrompt
                    ? "A ref of the type ref/prompt needs a name, a string"
                    : "A ref of the type ref/resource needs a uri, a string")
            return true
        }
        guard let argument = params["argument"]?["name"]?.plainText,
            let typed = params["argument"]?["value"]?.plainText
        else {
            fail(
                key, .invalidParams,
                "completion/complete needs an argument with a name and a value, both strings")
            return true
        }
        guard let entry = find(kind, name, event) else {
            fail(
                key, .invalidParams,
                isPrompt ? "Unknown prompt: " : "Unknown resource template: ", name)
            return true
        }
        let listing = Listing(typed: typed)
        for property in entry.input?.properties ?? [] where property.name.means(argument.bytes) {
            for choice in property.schema.choices {
                guard let text = choice.string, listing.add(text.bytes) else { break }
            }
        }
        if entry.callbacks.complete != 0 {
            hooks.complete(entry, event, listing, argument, typed)
        }
        let output = ByteBuffer()
        output.put("{\"completion\":{\"values\":[")
        output.append(listing.output)
        output.put("],\"hasMore\":")
        output.put(listing.isFull ? "true" : "false")
        if !listing.isFull {
            output.put(",\"total\":")
            output.append(decimal: Int64(listing.count))
        }
        output.put("}}")
        respond(key, output.bytes)
        return true
    }

    // MARK: Parts of the above

    @_optimize(speed)
    private func nameAndArguments(_ event: HostEvent) -> (JSONValue?, JSONValue?) {
        var name: JSONValue?
        var given: JSONValue?
        JSONValue.forEachMember(of: event.params) { member, value in
            if member.means("name") { name = value }
            if member.means("arguments") { given = value }
        }
        return (name, given)
    }

    /// The entry of a name, a JSON string, if the client may see it.
    private func find(_ kind: Kind, _ name: JSONValue, _ event: HostEvent) -> Entry? {
        guard let name = name.name else { return nil }
        let decoded = name.decoded
        let found = withExtendedLifetime(decoded) { self[kind][decoded?.bytes ?? name.text] }
        guard let found, isVisible(found, event) else { return nil }
        return found
    }

    /// The resource of a URI, or else the first template that fits it, with the variables read.
    private func find(_ uri: ByteBuffer, _ event: HostEvent) -> Entry? {
        if let entry = self[.resource][uri.bytes], isVisible(entry, event) {
            arguments.begin(0)
            return entry
        }
        for entry in self[.template].entries {
            guard let template = entry.template, arguments.read(uri.bytes, template) else {
                continue
            }
            if isVisible(entry, event) { return entry }
        }
        return nil
    }

    /// Checks and reads the arguments of a tool or a prompt, and returns them; nil if the client
    /// has been told what is wrong.
    private func check(
        _ given: JSONValue?, _ entry: Entry, _ event: HostEvent, _ key: RequestKey
    ) -> JSONValue? {
        let given = given ?? JSONValue(trusted: ("{}" as StaticString).rawBytes)
        complaint.begin()
        if !given.isObject {
            complaint.tellNoObject()
        } else if let schema = entry.input {
            arguments.read(given, schema, &complaint)
        } else {
            arguments.begin(0)
        }
        guard !complaint.isEmpty else { return given }
        if entry.kind == .tool, (event.revision ?? .assumed).hasArgumentFaultsInResults {
            try? fail(key, toolSaying: complaint.text.bytes)
        } else {
            try? engine.fail(
                key, code: ErrorCode.invalidParams.rawValue, message: complaint.text.bytes,
                data: .init(start: nil, count: 0))
        }
        return nil
    }

    private func remember(_ key: RequestKey, _ entry: Entry, _ uri: ByteBuffer?) -> Bool {
        uri?.trim()
        let row = Open(key.rawValue, entry, uri: uri)
        if requests.needsSweep(for: row) { sweep() }
        return requests.add(row)
    }

    /// Forgets the requests that the host has ended without the catalog, but none whose end waits
    /// to be told.
    private func sweep() {
        let gone = requests.sweep(keeping: engine.untoldEnds) {
            engine.isOpen(RequestKey(rawValue: $0))
        }
        withExtendedLifetime(gone) {}
    }

    func failNotFound(
        _ key: RequestKey, _ revision: Revision?, _ uri: ByteBuffer?
    ) throws(CallerFault) {
        let data = ByteBuffer()
        if let uri {
            data.put("{\"uri\":")
            data.append(jsonString: uri.bytes)
            data.put("}")
        }
        let message: StaticString = "Resource not found"
        let isModern = revision?.era == .modern
        try engine.fail(
            key, code: isModern ? ErrorCode.invalidParams.rawValue : Catalog.resourceNotFound,
            message: message.rawBytes, data: data.bytes)
    }

    /// The code of sessions for a resource that there is not.
    private static var resourceNotFound: Int32 { -32002 }
}
