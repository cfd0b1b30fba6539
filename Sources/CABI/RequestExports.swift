import CStreamableHTTP
import Engine
import Runtime
import Session
import Wire

@_cdecl("shttp_request_respond") @implementation
public func shttp_request_respond(
    _ server: OpaquePointer!, _ request: shttp_request, _ result: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let result = result.borrowed else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    return status { () throws(CallerFault) in
        try runtime.respond(RequestKey(rawValue: request.key), result)
    }
}

@_cdecl("shttp_request_fail") @implementation
public func shttp_request_fail(
    _ server: OpaquePointer!, _ request: shttp_request, _ code: Int32, _ message: shttp_bytes,
    _ data: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let message = message.borrowed,
        let data = data.borrowed
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.fail(
            RequestKey(rawValue: request.key), code: code, message: message, data: data)
    }
}

@_cdecl("shttp_request_progress") @implementation
public func shttp_request_progress(
    _ server: OpaquePointer!, _ request: shttp_request, _ progress: Double, _ total: Double,
    _ message: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let message = message.borrowed,
        progress.isFinite
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.progress(
            RequestKey(rawValue: request.key), progress,
            total: total > 0 && total.isFinite ? total : nil, message: message)
    }
}

@_cdecl("shttp_request_log") @implementation
public func shttp_request_log(
    _ server: OpaquePointer!, _ request: shttp_request, _ level: shttp_bytes, _ logger: shttp_bytes,
    _ data: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let level = level.borrowed,
        let logger = logger.borrowed, let data = data.borrowed
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.log(
            RequestKey(rawValue: request.key), level: level, logger: logger, data: data)
    }
}

@_cdecl("shttp_request_notify") @implementation
public func shttp_request_notify(
    _ server: OpaquePointer!, _ request: shttp_request, _ method: shttp_bytes, _ params: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let method = method.borrowed,
        let params = params.borrowed
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.notify(RequestKey(rawValue: request.key), method: method, params: params)
    }
}

@_cdecl("shttp_request_call") @implementation
public func shttp_request_call(
    _ server: OpaquePointer!, _ request: shttp_request, _ method: shttp_bytes,
    _ params: shttp_bytes, _ call_data: UnsafeMutableRawPointer!,
    _ out: UnsafeMutablePointer<shttp_call>!
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let method = method.borrowed,
        let params = params.borrowed
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        let call = try runtime.call(
            RequestKey(rawValue: request.key), method: method, params: params, data: call_data)
        out?.pointee = shttp_call(key: call.rawValue)
    }
}

@_cdecl("shttp_request_hang_up") @implementation
public func shttp_request_hang_up(
    _ server: OpaquePointer!, _ request: shttp_request, _ retry_ms: UInt32
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.hangUp(RequestKey(rawValue: request.key), retry: Int64(retry_ms))
    }
}

@_cdecl("shttp_call_close") @implementation
public func shttp_call_close(_ server: OpaquePointer!, _ call: shttp_call) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in try runtime.close(CallKey(rawValue: call.key)) }
}

@_cdecl("shttp_request_headers") @implementation
public func shttp_request_headers(
    _ server: OpaquePointer!, _ request: shttp_request, _ out: UnsafeMutablePointer<shttp_bytes>!
) -> shttp_status {
    answer(server, out) { engine throws(CallerFault) in
        shttp_bytes(try engine.headers(of: RequestKey(rawValue: request.key)))
    }
}

@_cdecl("shttp_headers_find") @implementation
public func shttp_headers_find(
    _ headers: shttp_bytes, _ name: UnsafePointer<CChar>!, _ out: UnsafeMutablePointer<shttp_bytes>!
) -> shttp_status {
    guard let lines = headers.borrowed, let name = text(name), let out else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard let value = HeaderLines.find(name, in: lines) else { return SHTTP_ERR_NOT_FOUND }
    out.pointee = shttp_bytes(value)
    return SHTTP_OK
}

/// Looks a value up on the loop's thread, and writes it only if it exists.
func answer<Answer>(
    _ server: OpaquePointer?, _ out: UnsafeMutablePointer<Answer>?,
    _ ask: (ServerEngine) throws(CallerFault) -> Answer
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let out else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard runtime.loop.isInherited || runtime.loop.isOnItsThread else {
        return SHTTP_ERR_WRONG_THREAD
    }
    return status { () throws(CallerFault) in out.pointee = try runtime.question(ask) }
}
