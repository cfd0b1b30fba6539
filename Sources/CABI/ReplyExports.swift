import CStreamableHTTP
import Catalog
import Engine
import MCP
import Runtime
import Session
import Wire

private var nothing: UnsafeRawBufferPointer { .init(start: nil, count: 0) }

/// Has the catalog do something for a request.
private func run(
    _ server: OpaquePointer?, _ request: shttp_request, _ work: UInt32,
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer = nothing
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.run(work, request.key, first, second)
    }
}

@_cdecl("shttp_reply_text") @implementation
public func shttp_reply_text(
    _ server: OpaquePointer!, _ request: shttp_request, _ text: UnsafePointer<CChar>!
) -> shttp_status {
    guard let output = ServerHandle.emptyBuffer(server), let text = CABI.text(text) else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard UTF8Text.isValid(text) else { return SHTTP_ERR_INVALID_MESSAGE }
    output.reserve(text.count + 64)
    output.put("{\"content\":[{\"type\":\"text\",\"text\":")
    output.append(jsonString: text)
    output.put("}]}")
    return withExtendedLifetime(output) { run(server, request, Work.reply, output.bytes) }
}

@_cdecl("shttp_reply_content") @implementation
public func shttp_reply_content(
    _ server: OpaquePointer!, _ request: shttp_request, _ items: UnsafePointer<shttp_content>!,
    _ count: Int
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), count == 0 || items != nil, count >= 0,
        count <= 1 << 16
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    let output = ByteBuffer()
    output.put("{\"content\":[")
    var work = Work.reply
    for index in 0..<count {
        if index > 0 { output.put(",") }
        let item = items[index]
        guard item.reserved == nil, let data = item.data.borrowed else {
            return SHTTP_ERR_INVALID_ARGUMENT
        }
        guard let role = text(item.role) else {
            guard append(item, data, to: output) else { return SHTTP_ERR_INVALID_ARGUMENT }
            continue
        }
        work = Work.replyMessages
        var message = ObjectText(in: output)
        message.text("role", role)
        message.begin("content")
        guard append(item, data, to: output) else { return SHTTP_ERR_INVALID_ARGUMENT }
        message.end()
    }
    output.put("]}")
    return status { () throws(CallerFault) in
        try runtime.messages.withValue(output.bytes) { result throws(CallerFault) in
            try runtime.run(work, request.key, result, nothing)
        }
    }
}

private func append(
    _ item: shttp_content, _ data: UnsafeRawBufferPointer, to output: ByteBuffer
) -> Bool {
    let types: [StaticString] = ["text", "image", "audio", "resource", "resource", "resource_link"]
    guard item.type.rawValue < UInt32(types.count) else { return false }
    var object = ObjectText(in: output)
    object.text("type", types[Int(item.type.rawValue)].rawBytes)
    let isBlob = item.type == SHTTP_CONTENT_BLOB
    switch item.type {
    case SHTTP_CONTENT_TEXT: object.text("text", data)
    case SHTTP_CONTENT_RESOURCE, SHTTP_CONTENT_BLOB:
        object.begin("resource")
        var resource = ObjectText(in: output)
        resource.text("uri", text(item.uri))
        resource.text("mimeType", text(item.mime_type))
        if isBlob { append(base64: data, "blob", &resource) } else { resource.text("text", data) }
        resource.end()
    case SHTTP_CONTENT_LINK:
        guard let uri = text(item.uri) else { return false }
        object.text("uri", uri)
        object.text("name", text(item.name) ?? uri)
        object.text("title", text(item.title))
        object.text("description", text(item.description))
    default: append(base64: data, "data", &object)
    }
    if item.type != SHTTP_CONTENT_RESOURCE, !isBlob {
        object.text("mimeType", text(item.mime_type))
        // For the answer to resources/read only.
        if item.type != SHTTP_CONTENT_LINK { object.text("uri", text(item.uri)) }
    }
    object.json("annotations", text(item.annotations))
    object.end()
    return true
}

private func append(
    base64 data: UnsafeRawBufferPointer, _ name: StaticString, _ object: inout ObjectText
) {
    object.begin(name)
    object.output.put("\"")
    Base64.encode(data, to: object.output)
    object.output.put("\"")
}

@_cdecl("shttp_reply_structured") @implementation
public func shttp_reply_structured(
    _ server: OpaquePointer!, _ request: shttp_request, _ json: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let json = json.borrowed else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    return status { () throws(CallerFault) in
        try runtime.messages.withValue(json) { json throws(CallerFault) in
            guard json.first == UInt8(ascii: "{") else { throw .invalidMessage }
            let output = ByteBuffer(capacity: 3 * json.count + 64)
            output.put("{\"content\":[{\"type\":\"text\",\"text\":")
            output.append(jsonString: json)
            output.put("}],\"structuredContent\":")
            output.append(json)
            output.put("}")
            try runtime.run(Work.replyStructured, request.key, output.bytes, nothing)
        }
    }
}

@_cdecl("shttp_reply_error_text") @implementation
public func shttp_reply_error_text(
    _ server: OpaquePointer!, _ request: shttp_request, _ text: UnsafePointer<CChar>!
) -> shttp_status {
    guard server != nil, let text = CABI.text(text) else { return SHTTP_ERR_INVALID_ARGUMENT }
    guard UTF8Text.isValid(text) else { return SHTTP_ERR_INVALID_MESSAGE }
    return run(server, request, Work.fail, text)
}

@_cdecl("shttp_reply_not_found") @implementation
public func shttp_reply_not_found(
    _ server: OpaquePointer!, _ request: shttp_request
) -> shttp_status {
    run(server, request, Work.failNotFound, nothing)
}

@_cdecl("shttp_log_text") @implementation
public func shttp_log_text(
    _ server: OpaquePointer!, _ request: shttp_request, _ level: UnsafePointer<CChar>!,
    _ logger: UnsafePointer<CChar>!, _ text: UnsafePointer<CChar>!
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let level = CABI.text(level),
        let severity = LogSeverity(named: level), let text = CABI.text(text)
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    var params = ObjectText()
    params.text("level", level)
    params.text("logger", CABI.text(logger))
    params.text("data", text)
    params.end()
    return withUnsafeBytes(of: severity.rawValue) { severity in
        status { () throws(CallerFault) in
            try runtime.messages.checkMode(.related)
            try runtime.messages.withValue(params.output.bytes) { params throws(CallerFault) in
                try runtime.run(Work.log, request.key, params, severity)
            }
        }
    }
}

// MARK: Questions

private func ask(
    _ server: OpaquePointer?, _ request: shttp_request, _ work: UInt32, _ params: ByteBuffer,
    _ onAnswer: shttp_on_event?, _ user: UnsafeMutableRawPointer?
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    let answer = (function: unsafeBitCast(onAnswer, to: UInt.self), user: UInt(bitPattern: user))
    return withUnsafeBytes(of: answer) { answer in
        status { () throws(CallerFault) in
            try runtime.messages.checkMode(.relatedCall)
            try runtime.messages.withParams(params.bytes) { params throws(CallerFault) in
                try runtime.run(work, request.key, params, answer)
            }
        }
    }
}

@_cdecl("shttp_ask_elicit") @implementation
public func shttp_ask_elicit(
    _ server: OpaquePointer!, _ request: shttp_request, _ message: UnsafePointer<CChar>!,
    _ schema: UnsafePointer<CChar>!, _ on_answer: shttp_on_event!,
    _ user: UnsafeMutableRawPointer!
) -> shttp_status {
    guard let message = text(message), let schema = text(schema) else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    var params = ObjectText()
    params.text("message", message)
    params.json("requestedSchema", schema)
    params.end()
    return ask(server, request, Work.elicit, params.output, on_answer, user)
}

@_cdecl("shttp_ask_sample") @implementation
public func shttp_ask_sample(
    _ server: OpaquePointer!, _ request: shttp_request, _ prompt: UnsafePointer<CChar>!,
    _ max_tokens: UInt32, _ on_answer: shttp_on_event!, _ user: UnsafeMutableRawPointer!
) -> shttp_status {
    guard let prompt = text(prompt) else { return SHTTP_ERR_INVALID_ARGUMENT }
    let params = ByteBuffer()
    params.put("{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":")
    params.append(jsonString: prompt)
    params.put("}}],\"maxTokens\":")
    params.append(decimal: UInt64(max_tokens))
    params.put("}")
    return ask(server, request, Work.sample, params, on_answer, user)
}

@_cdecl("shttp_ask_roots") @implementation
public func shttp_ask_roots(
    _ server: OpaquePointer!, _ request: shttp_request, _ on_answer: shttp_on_event!,
    _ user: UnsafeMutableRawPointer!
) -> shttp_status {
    ask(server, request, Work.listRoots, ByteBuffer(), on_answer, user)
}

// MARK: Strings

/// Writes a text to a caller's buffer, with a NUL, and its length.
private func write(
    _ text: ByteBuffer, _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int,
    _ out: UnsafeMutablePointer<Int>
) {
    out.pointee = text.count
    guard let buffer, size > 0 else { return }
    let count = min(text.count, size - 1)
    UnsafeMutableRawBufferPointer(start: buffer, count: count).copyMemory(
        from: text.bytes.prefixBytes(count))
    buffer[count] = 0
}

@_cdecl("shttp_json_unescape") @implementation
public func shttp_json_unescape(
    _ json: shttp_bytes, _ buffer: UnsafeMutablePointer<CChar>!, _ size: Int,
    _ out: UnsafeMutablePointer<Int>!
) -> shttp_status {
    guard let json = json.borrowed, let out, size >= 0, buffer != nil || size == 0 else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard let name = JSONValue(json, depthMax: 1)?.name else { return SHTTP_ERR_INVALID_MESSAGE }
    let text = ByteBuffer()
    text.append(decoding: name)
    write(text, buffer, size, out)
    return SHTTP_OK
}

@_cdecl("shttp_json_escape") @implementation
public func shttp_json_escape(
    _ text: shttp_bytes, _ buffer: UnsafeMutablePointer<CChar>!, _ size: Int,
    _ out: UnsafeMutablePointer<Int>!
) -> shttp_status {
    guard let text = text.borrowed, let out, size >= 0, buffer != nil || size == 0 else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard UTF8Text.isValid(text) else { return SHTTP_ERR_INVALID_MESSAGE }
    let json = ByteBuffer()
    json.append(jsonString: text)
    write(json, buffer, size, out)
    return SHTTP_OK
}
