import CStreamableHTTP
import Engine
import Runtime
import Session
import Wire

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
