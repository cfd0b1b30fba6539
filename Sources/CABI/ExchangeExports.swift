import CStreamableHTTP
import Engine
import Runtime
import Wire

/// Checks and performs a step of an answer; nil stands for a status that is none.
@inline(never)
private func perform(
    _ server: OpaquePointer?, _ key: UInt64, _ step: ServerEngine.AnswerStep?,
    _ headers: UnsafePointer<shttp_header>?, _ count: Int, _ body: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let step, let body = body.borrowed,
        count == 0 || headers != nil && count > 0 && count <= 1 << 16
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    let lines = ByteBuffer()
    for index in 0..<count {
        guard let name = headers?[index].name.borrowed, let value = headers?[index].value.borrowed
        else { return SHTTP_ERR_INVALID_ARGUMENT }
        guard lines.appendField(checking: name, value) else { return SHTTP_ERR_INVALID_HEADER }
    }
    return withExtendedLifetime(lines) {
        status { () throws(CallerFault) in try runtime.answer(key, step, lines.bytes, body) }
    }
}

private func final(_ status: UInt32) -> Int? { 200...599 ~= status ? Int(status) : nil }

@_cdecl("shttp_exchange_respond") @implementation
public func shttp_exchange_respond(
    _ server: OpaquePointer!, _ exchange: shttp_exchange, _ http_status: UInt32,
    _ headers: UnsafePointer<shttp_header>!, _ header_count: Int, _ body: shttp_bytes
) -> shttp_status {
    perform(
        server, exchange.key, final(http_status).map { .whole(status: $0) }, headers, header_count,
        body)
}

@_cdecl("shttp_exchange_start") @implementation
public func shttp_exchange_start(
    _ server: OpaquePointer!, _ exchange: shttp_exchange, _ http_status: UInt32,
    _ headers: UnsafePointer<shttp_header>!, _ header_count: Int
) -> shttp_status {
    perform(
        server, exchange.key, final(http_status).map { .start(status: $0) }, headers, header_count,
        shttp_bytes())
}

@_cdecl("shttp_exchange_write") @implementation
public func shttp_exchange_write(
    _ server: OpaquePointer!, _ exchange: shttp_exchange, _ data: shttp_bytes
) -> shttp_status {
    perform(server, exchange.key, .part, nil, 0, data)
}

@_cdecl("shttp_exchange_end") @implementation
public func shttp_exchange_end(
    _ server: OpaquePointer!, _ exchange: shttp_exchange
) -> shttp_status {
    perform(server, exchange.key, .end, nil, 0, shttp_bytes())
}

@_cdecl("shttp_authorization_answer") @implementation
public func shttp_authorization_answer(
    _ server: OpaquePointer!, _ authorization: shttp_authorization, _ http_status: UInt32,
    _ headers: UnsafePointer<shttp_header>!, _ header_count: Int, _ body: shttp_bytes
) -> shttp_status {
    perform(
        server, authorization.key, final(http_status).map { .refusal(status: $0) }, headers,
        header_count, body)
}
