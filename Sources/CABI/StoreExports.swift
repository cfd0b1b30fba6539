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
        try runtime.loaded(
            LoadKey(rawValue: load.key), &found, ended != 0 ? .ended : .open(record: nil))
    }
}

@_cdecl("shttp_load_finish_open") @implementation
public func shttp_load_finish_open(
    _ server: OpaquePointer!, _ load: shttp_load, _ messages: UnsafePointer<shttp_bytes>!,
    _ count: Int, _ record: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let record = record.borrowed else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard record.isEmpty || JSONValue(record, depthMax: 2)?.isObject == true else {
        return SHTTP_ERR_INVALID_MESSAGE
    }
    var found = copies(messages, count)
    guard found != nil else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        let record = record.isEmpty ? nil : ByteBuffer(copying: record)
        try runtime.loaded(LoadKey(rawValue: load.key), &found, .open(record: record))
    }
}

@_cdecl("shttp_find_finish") @implementation
public func shttp_find_finish(
    _ server: OpaquePointer!, _ load: shttp_load, _ record: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let record = record.borrowed else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    return status { () throws(CallerFault) in
        try runtime.found(LoadKey(rawValue: load.key), record)
    }
}

@_cdecl("shttp_load_fail") @implementation
public func shttp_load_fail(_ server: OpaquePointer!, _ load: shttp_load) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    var nothing: [ByteBuffer]?
    return status { () throws(CallerFault) in
        try runtime.loaded(LoadKey(rawValue: load.key), &nothing, .ended)
    }
}
