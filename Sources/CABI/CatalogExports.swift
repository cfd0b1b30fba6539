import CStreamableHTTP
import Catalog
import Engine
import Runtime
import Session
import Wire

/// Reads the struct of an entry, and adds the entry that `compose` describes.
private func add<Form>(
    _ server: OpaquePointer?, _ form: UnsafePointer<Form>?, empty: Form,
    _ compose: (Form, inout Addition) -> Bool
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let form, let form = read(form, empty: empty)
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    var addition = Addition()
    guard compose(form, &addition) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return addition.add(to: runtime)
}

/// An entry to be added.
private struct Addition {
    var kind = Kind.tool
    var object = ObjectText()
    var callbacks = Callbacks()
    /// The text of a resource that is always the same.
    var text: UnsafeRawBufferPointer?
    private var schema = ByteBuffer()

    /// Sets what the callbacks are passed, and what frees it.
    mutating func set(_ user: UnsafeMutableRawPointer?, _ free: shttp_user_data_free?) {
        callbacks.user = UInt(bitPattern: user)
        callbacks.free = free
    }

    mutating func add(to runtime: ServerRuntime) -> shttp_status {
        object.end()
        let block = ByteBuffer()
        callbacks.hasExtra = schema.count > 0 || text != nil
        withUnsafeBytes(of: callbacks) { block.append($0) }
        return status { () throws(CallerFault) in
            try runtime.messages.withOptionalValue(schema.bytes) { schema throws(CallerFault) in
                block.append(text ?? schema)
                try runtime.messages.withValue(object.output.bytes) { value throws(CallerFault) in
                    try runtime.run(Work.add(kind), 0, value, block.bytes)
                }
            }
        }
    }

    /// The schema by which the arguments of a prompt are checked.
    mutating func check(_ parameters: [Parameter]) {
        ObjectText.append(parameters, to: schema)
    }
}

/// Reads a table of parameters; nil if one of them is wrong.
private func parameters(_ table: UnsafePointer<shttp_param>?) -> [Parameter]? {
    var parameters: [Parameter] = []
    guard var row = table else { return [] }
    while let name = text(row.pointee.name) {
        let form = row.pointee
        guard name.count > 0, parameters.count < 1024, form.reserved == nil,
            let kind = Parameter.Kind(rawValue: form.type.rawValue), isObject(text(form.schema)),
            !form.min.isNaN, !form.max.isNaN
        else { return nil }
        let parameter = Parameter(name, kind)
        parameter.isRequired = form.required != 0
        parameter.description = text(form.description)
        parameter.minimum = form.min
        parameter.maximum = form.max
        parameter.choices = text(form.choices)
        parameter.fallback = text(form.fallback)
        parameter.header = text(form.header)
        parameter.schema = text(form.schema)
        parameters.append(parameter)
        row += 1
    }
    return parameters
}

/// Whether a JSON text, if there is one, can only be an object.
private func isObject(_ json: UnsafeRawBufferPointer?) -> Bool {
    guard let json else { return true }
    return json.first { $0 != 0x20 && ($0 < 0x09 || $0 > 0x0D) } == UInt8(ascii: "{")
}

private func word<Function>(_ function: Function?) -> UInt {
    unsafeBitCast(function, to: UInt.self)
}

@_cdecl("shttp_tool_add") @implementation
public func shttp_tool_add(
    _ server: OpaquePointer!, _ tool: UnsafePointer<shttp_tool>!
) -> shttp_status {
    add(server, tool, empty: shttp_tool()) { form, addition in
        guard let name = text(form.name), (1...128).contains(name.count),
            name.allSatisfy({
                $0.isDigit || (0x61...0x7A).contains($0.asciiLowercased) || $0 == 0x5F
                    || (0x2D...0x2F).contains($0)
            }),
            let parameters = parameters(form.params), isObject(text(form.input_schema)),
            form.params == nil || form.input_schema == nil, isObject(text(form.output_schema)),
            isObject(text(form.annotations))
        else { return false }
        addition.object.text("name", name)
        addition.object.text("title", text(form.title))
        addition.object.text("description", text(form.description))
        if let schema = text(form.input_schema) {
            addition.object.json("inputSchema", schema)
        } else {
            addition.object.schema("inputSchema", parameters)
        }
        addition.object.json("outputSchema", text(form.output_schema))
        addition.object.json("annotations", text(form.annotations))
        addition.callbacks.call = word(form.call)
        addition.callbacks.cancelled = word(form.cancelled)
        addition.set(form.user, form.user_free)
        return true
    }
}

@_cdecl("shttp_resource_add") @implementation
public func shttp_resource_add(
    _ server: OpaquePointer!, _ resource: UnsafePointer<shttp_resource>!
) -> shttp_status {
    add(server, resource, empty: shttp_resource()) { form, addition in
        guard let uri = text(form.uri), (1...8192).contains(uri.count),
            isObject(text(form.annotations))
        else { return false }
        let isTemplate = uri.firstIndex(ofByte: UInt8(ascii: "{")) != nil
        guard !isTemplate || Template.isValid(uri) else { return false }
        addition.kind = isTemplate ? .template : .resource
        addition.object.text(isTemplate ? "uriTemplate" : "uri", uri)
        addition.object.text("name", text(form.name) ?? uri)
        addition.object.text("title", text(form.title))
        addition.object.text("description", text(form.description))
        addition.object.text("mimeType", text(form.mime_type))
        addition.object.json("annotations", text(form.annotations))
        if let constant = text(form.text) {
            guard UTF8Text.isValid(constant) else { return false }
            addition.text = constant
        }
        addition.callbacks.call = word(form.read)
        addition.callbacks.list = isTemplate ? word(form.list) : 0
        addition.callbacks.complete = word(form.complete)
        addition.set(form.user, form.user_free)
        return true
    }
}

@_cdecl("shttp_prompt_add") @implementation
public func shttp_prompt_add(
    _ server: OpaquePointer!, _ prompt: UnsafePointer<shttp_prompt>!
) -> shttp_status {
    add(server, prompt, empty: shttp_prompt()) { form, addition in
        guard let name = text(form.name), (1...128).contains(name.count),
            let parameters = parameters(form.params),
            parameters.allSatisfy({ $0.kind == .string })
        else { return false }
        addition.kind = .prompt
        addition.object.text("name", name)
        addition.object.text("title", text(form.title))
        addition.object.text("description", text(form.description))
        addition.object.arguments(parameters)
        addition.check(parameters)
        addition.callbacks.call = word(form.get)
        addition.callbacks.complete = word(form.complete)
        addition.set(form.user, form.user_free)
        return true
    }
}

// MARK: Removing

private func remove(
    _ server: OpaquePointer?, _ kind: Kind, _ name: UnsafePointer<CChar>?
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let name = text(name) else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    let isTemplate = kind == .resource && name.firstIndex(ofByte: UInt8(ascii: "{")) != nil
    return status { () throws(CallerFault) in
        try runtime.run(
            Work.remove(isTemplate ? .template : kind), 0, name, .init(start: nil, count: 0))
    }
}

@_cdecl("shttp_tool_remove") @implementation
public func shttp_tool_remove(
    _ server: OpaquePointer!, _ name: UnsafePointer<CChar>!
) -> shttp_status { remove(server, .tool, name) }

@_cdecl("shttp_resource_remove") @implementation
public func shttp_resource_remove(
    _ server: OpaquePointer!, _ uri: UnsafePointer<CChar>!
) -> shttp_status { remove(server, .resource, uri) }

@_cdecl("shttp_prompt_remove") @implementation
public func shttp_prompt_remove(
    _ server: OpaquePointer!, _ name: UnsafePointer<CChar>!
) -> shttp_status { remove(server, .prompt, name) }

// MARK: Changes and options

@_cdecl("shttp_resource_changed") @implementation
public func shttp_resource_changed(
    _ server: OpaquePointer!, _ uri: UnsafePointer<CChar>!
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let uri = text(uri) else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    return status { () throws(CallerFault) in try runtime.publish(.resource, uri) }
}

@_cdecl("shttp_resource_list_changed") @implementation
public func shttp_resource_list_changed(_ server: OpaquePointer!) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.publish(.resources, .init(start: nil, count: 0))
    }
}

@_cdecl("shttp_catalog_set") @implementation
public func shttp_catalog_set(
    _ server: OpaquePointer!, _ options: UnsafePointer<shttp_catalog_options>!
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let options,
        let form = read(options, empty: shttp_catalog_options())
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    var bounds = CatalogBounds()
    bounds.page = form.page_max.orDefault(bounds.page)
    bounds.entries = form.entries_max.orDefault(bounds.entries)
    bounds.ttl = form.ttl_ms
    bounds.isPublic = form.is_public != 0
    bounds.visible = word(form.is_visible)
    bounds.user = UInt(bitPattern: form.user)
    return withUnsafeBytes(of: bounds) { bytes in
        status { () throws(CallerFault) in
            try runtime.run(Work.set, 0, .init(start: nil, count: 0), bytes)
        }
    }
}

@_cdecl("shttp_listing_add") @implementation
public func shttp_listing_add(
    _ listing: OpaquePointer!, _ value: UnsafePointer<CChar>!
) -> Int32 {
    guard let listing, let value = text(value) else { return 0 }
    let object = Unmanaged<Listing>.fromOpaque(UnsafeRawPointer(listing)).takeUnretainedValue()
    return object.add(value) ? 1 : 0
}

@_cdecl("shttp_on_event_decline") @implementation
public func shttp_on_event_decline(
    _ server: OpaquePointer!, _ event: UnsafePointer<shttp_event>!,
    _ user_data: UnsafeMutableRawPointer!
) {
    guard let runtime = ServerHandle.runtime(server),
        let event = BorrowedEvent.event(behind: event), let key = event.request,
        event.kind == .request || event.kind == .initialize || event.kind == .toolCall
    else { return }
    let message: StaticString = "Method not found"
    try? runtime.fail(
        key, code: -32601, message: message.rawBytes, data: .init(start: nil, count: 0))
}
