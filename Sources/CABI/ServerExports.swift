import CStreamableHTTP
import Engine
import Runtime
import Wire

@_cdecl("shttp_server_options_init_sized") @implementation
public func shttp_server_options_init_sized(
    _ options: UnsafeMutablePointer<shttp_server_options>!, _ struct_size: Int
) {
    initialize(options, struct_size)
}

@_cdecl("shttp_server_create") @implementation
public func shttp_server_create(
    _ loop: OpaquePointer!, _ options: UnsafePointer<shttp_server_options>!,
    _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> shttp_status {
    guard let handle = LoopHandle.borrow(loop), let options, let out else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard !handle.loop.isInherited else { return SHTTP_ERR_CLOSED }
    guard handle.loop.isOnItsThread else { return SHTTP_ERR_WRONG_THREAD }
    guard let given = read(options, empty: shttp_server_options()),
        let checked = ServerOptions(given)
    else { return SHTTP_ERR_INVALID_OPTION }
    let store = given.event_store.flatMap { ForeignEventStore($0) }
    guard (store != nil) == checked.hasHostStore else { return SHTTP_ERR_INVALID_OPTION }
    do {
        out.pointee = try ServerHandle.create(on: handle.loop, given, checked, store)
        return SHTTP_OK
    } catch {
        return status(error)
    }
}

@_cdecl("shttp_server_listen") @implementation
public func shttp_server_listen(
    _ server: OpaquePointer!, _ address: UnsafePointer<CChar>!, _ port: UInt16
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    let text = text(address) ?? ("127.0.0.1" as StaticString).rawBytes
    let terminated = text.map { CChar(bitPattern: $0) } + [0]
    guard let place = ListenAddress(terminated, port: port) else {
        return SHTTP_ERR_ADDRESS_UNAVAILABLE
    }
    return status { () throws(RuntimeFault) in try runtime.listen(at: place) }
}

@_cdecl("shttp_server_port") @implementation
public func shttp_server_port(_ server: OpaquePointer!) -> UInt16 {
    ServerHandle.runtime(server)?.port ?? 0
}

@_cdecl("shttp_server_stats_sized") @implementation
public func shttp_server_stats_sized(
    _ server: OpaquePointer!, _ stats: UnsafeMutablePointer<shttp_stats>!, _ stats_size: Int
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let stats,
        stats_size >= MemoryLayout<UInt64>.size, stats_size <= 1 << 16
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    guard let statistics = try? runtime.statistics() else { return SHTTP_ERR_CLOSED }
    var form = shttp_stats(statistics)
    let room = UnsafeMutableRawPointer(stats)
    room.initializeMemory(as: UInt8.self, repeating: 0, count: stats_size)
    withUnsafePointer(to: &form) { source in
        room.copyMemory(
            from: source, byteCount: min(stats_size, MemoryLayout<shttp_stats>.size))
    }
    return SHTTP_OK
}

@_cdecl("shttp_server_drain") @implementation
public func shttp_server_drain(_ server: OpaquePointer!, _ deadline_ms: UInt32) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in try runtime.drain(deadline: Int64(deadline_ms)) }
}

@_cdecl("shttp_server_close") @implementation
public func shttp_server_close(_ server: OpaquePointer!) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in try runtime.close() }
}

@_cdecl("shttp_server_destroy") @implementation
public func shttp_server_destroy(_ server: OpaquePointer!) {
    ServerHandle.borrow(server)?.destroy()
}

@_cdecl("shttp_server_descriptor") @implementation
public func shttp_server_descriptor(_ server: OpaquePointer!) -> Int32 {
    ServerHandle.runtime(server)?.descriptor ?? -1
}

@_cdecl("shttp_server_take_events_sized") @implementation
public func shttp_server_take_events_sized(
    _ server: OpaquePointer!, _ events: UnsafeMutablePointer<shttp_event>!, _ event_size: Int,
    _ capacity: Int, _ out_count: UnsafeMutablePointer<Int>!
) -> shttp_status {
    guard let handle = ServerHandle.borrow(server), let runtime = ServerHandle.runtime(server)
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    guard !runtime.loop.isInherited else { return SHTTP_ERR_CLOSED }
    guard runtime.descriptor >= 0, let events, let out_count,
        event_size >= MemoryLayout<shttp_event_kind>.size,
        event_size <= 1 << 16, capacity > 0, capacity <= 1 << 20
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    out_count.pointee = handle.take(
        UnsafeMutableRawPointer(events), size: event_size, capacity: capacity)
    return SHTTP_OK
}

@_cdecl("shttp_server_broadcast") @implementation
public func shttp_server_broadcast(
    _ server: OpaquePointer!, _ method: shttp_bytes, _ params: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let method = method.borrowed,
        let params = params.borrowed
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in try runtime.broadcast(method, params) }
}
