import CStreamableHTTP
import Engine
import Runtime
import Session
import Wire

@_cdecl("shttp_load_finish") @implementation
public func shttp_load_finish(
    _ server: OpaquePointer!, _ load: shttp_load, _ messages: UnsafePointer<shttp_bytes>!,
    _ count: Int, _ ended: Int32
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    var found = copies(messages, count)
    guard found != nil else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.loaded(LoadKey(rawValue: load.key), &found, hasEnded: ended != 0)
    }
}

@_cdecl("shttp_load_fail") @implementation
public func shttp_load_fail(_ server: OpaquePointer!, _ load: shttp_load) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    var nothing: [ByteBuffer]?
    return status { () throws(CallerFault) in
        try runtime.loaded(LoadKey(rawValue: load.key), &nothing, hasEnded: false)
    }
}
