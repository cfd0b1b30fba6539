import CStreamableHTTP
import Engine
import Link
import MCP
import Runtime
import Session
import Wire

@_cdecl("shttp_session_notify") @implementation
public func shttp_session_notify(
    _ server: OpaquePointer!, _ session: shttp_session, _ method: shttp_bytes, _ params: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let method = method.borrowed,
        let params = params.borrowed
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.notify(SessionKey(rawValue: session.key), method: method, params: params)
    }
}

@_cdecl("shttp_session_call") @implementation
public func shttp_session_call(
    _ server: OpaquePointer!, _ session: shttp_session, _ method: shttp_bytes,
    _ params: shttp_bytes, _ call_data: UnsafeMutableRawPointer!,
    _ out: UnsafeMutablePointer<shttp_call>!
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let method = method.borrowed,
        let params = params.borrowed
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        let call = try runtime.call(
            SessionKey(rawValue: session.key), method: method, params: params, data: call_data)
        out?.pointee = shttp_call(key: call.rawValue)
    }
}

@_cdecl("shttp_session_hang_up") @implementation
public func shttp_session_hang_up(
    _ server: OpaquePointer!, _ session: shttp_session, _ retry_ms: UInt32
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.hangUp(SessionKey(rawValue: session.key), retry: Int64(retry_ms))
    }
}

@_cdecl("shttp_session_close") @implementation
public func shttp_session_close(_ server: OpaquePointer!, _ session: shttp_session) -> shttp_status
{
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.close(SessionKey(rawValue: session.key))
    }
}

@_cdecl("shttp_session_set_data") @implementation
public func shttp_session_set_data(
    _ server: OpaquePointer!, _ session: shttp_session, _ data: UnsafeMutableRawPointer!
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    guard runtime.loop.isOnItsThread else { return SHTTP_ERR_WRONG_THREAD }
    return status { () throws(CallerFault) in
        try runtime.question { engine throws(CallerFault) in
            try engine.attach(data, to: SessionKey(rawValue: session.key))
        }
    }
}

@_cdecl("shttp_session_data") @implementation
public func shttp_session_data(
    _ server: OpaquePointer!, _ session: shttp_session,
    _ out: UnsafeMutablePointer<UnsafeMutableRawPointer?>!
) -> shttp_status {
    answer(server, out) { engine throws(CallerFault) in
        try engine.session(SessionKey(rawValue: session.key)).data
    }
}

@_cdecl("shttp_session_wire_id") @implementation
public func shttp_session_wire_id(
    _ server: OpaquePointer!, _ session: shttp_session, _ out: UnsafeMutablePointer<shttp_bytes>!
) -> shttp_status {
    answer(server, out) { engine throws(CallerFault) in
        shttp_bytes(try engine.session(SessionKey(rawValue: session.key)).wireID)
    }
}

@_cdecl("shttp_session_revision") @implementation
public func shttp_session_revision(
    _ server: OpaquePointer!, _ session: shttp_session, _ out: UnsafeMutablePointer<shttp_bytes>!
) -> shttp_status {
    answer(server, out) { engine throws(CallerFault) in
        shttp_bytes(try engine.session(SessionKey(rawValue: session.key)).state.revision?.text)
    }
}

@_cdecl("shttp_session_principal") @implementation
public func shttp_session_principal(
    _ server: OpaquePointer!, _ session: shttp_session, _ out: UnsafeMutablePointer<shttp_bytes>!
) -> shttp_status {
    answer(server, out) { engine throws(CallerFault) in
        shttp_bytes(try engine.session(SessionKey(rawValue: session.key)).principal?.name)
    }
}

@_cdecl("shttp_session_client_info") @implementation
public func shttp_session_client_info(
    _ server: OpaquePointer!, _ session: shttp_session, _ out: UnsafeMutablePointer<shttp_bytes>!
) -> shttp_status {
    answer(server, out) { engine throws(CallerFault) in
        shttp_bytes(try engine.session(SessionKey(rawValue: session.key)).clientInfo)
    }
}

@_cdecl("shttp_session_client_capabilities") @implementation
public func shttp_session_client_capabilities(
    _ server: OpaquePointer!, _ session: shttp_session, _ out: UnsafeMutablePointer<shttp_bytes>!
) -> shttp_status {
    answer(server, out) { engine throws(CallerFault) in
        shttp_bytes(try engine.session(SessionKey(rawValue: session.key)).clientCapabilities)
    }
}
