import CStreamableHTTP
import Engine
import Runtime
import Session
import Wire

@_cdecl("shttp_server_create") @implementation
public func shttp_server_create(
    _ loop: OpaquePointer!, _ options: UnsafePointer<shttp_server_options>!,
    _ out: UnsafeMutablePointer<OpaquePointer?>!, _ error: UnsafeMutablePointer<CChar>!,
    _ error_size: Int
) -> shttp_status {
    let reason = ErrorBuffer(error, error_size)
    guard let handle = LoopHandle.borrow(loop), let options, let out else {
        return reason.fail(SHTTP_ERR_INVALID_ARGUMENT)
    }
    guard !handle.loop.isInherited else { return reason.fail(SHTTP_ERR_CLOSED) }
    guard handle.loop.isOnItsThread else { return reason.fail(SHTTP_ERR_WRONG_THREAD) }
    do throws(OptionFault) {
        let given = try read(options)
        let tables = try ForeignStores.Tables(given)
        let checked = try ServerOptions(given)
        let source = RandomSource()
        let node = NodeID(high: source.next(), low: source.next())
        let module = try StoreModule.open(given, checked, for: node)
        let stores = ForeignStores.make(tables, module, idle: checked.sessionKept)
        var complete = checked
        complete.keepsStreamRecords = stores?.keepsRecords ?? false
        if let module {
            complete.takeStore(waits: given.store_sync != 0)
            if module.hasNodes { complete.node = node }
        }
        do throws(SystemFault) {
            out.pointee = try ServerHandle.create(on: handle.loop, given, complete, stores)
            return SHTTP_OK
        } catch {
            stores?.close()
            return reason.fail(status(error))
        }
    } catch {
        return reason.fail(SHTTP_ERR_INVALID_OPTION, error.reason)
    }
}

/// Reads the options of a caller whose header may be older or newer than ours.
private func read(
    _ given: UnsafePointer<shttp_server_options>
) throws(OptionFault) -> shttp_server_options {
    guard let options = read(given, empty: shttp_server_options()) else {
        throw OptionFault(
            "struct_size",
            """
            is wrong, or the options have fields that this library does not know: use \
            shttp_server_options_init()
            """
        )
    }
    return options
}

@_cdecl("shttp_server_option_set") @implementation
public func shttp_server_option_set(
    _ options: UnsafeMutablePointer<shttp_server_options>!, _ name: UnsafePointer<CChar>!,
    _ value: UnsafePointer<CChar>!
) -> shttp_status {
    guard let options, let name = text(name), let value else { return SHTTP_ERR_INVALID_ARGUMENT }
    guard let option = OptionText(named: name) else { return SHTTP_ERR_NOT_FOUND }
    return option.set(value, in: options) ? SHTTP_OK : SHTTP_ERR_INVALID_OPTION
}

@_cdecl("shttp_server_listen") @implementation
public func shttp_server_listen(
    _ server: OpaquePointer!, _ address: UnsafePointer<CChar>!, _ port: UInt16,
    _ error: UnsafeMutablePointer<CChar>!, _ error_size: Int
) -> shttp_status {
    let reason = ErrorBuffer(error, error_size)
    guard let runtime = ServerHandle.runtime(server) else {
        return reason.fail(SHTTP_ERR_INVALID_ARGUMENT)
    }
    do throws(ListenFault) {
        try runtime.listen(at: text(address), port: port)
        return SHTTP_OK
    } catch {
        let failed = status(error.fault)
        return error.reason.map { reason.fail(failed, $0) } ?? reason.fail(failed)
    }
}

@_cdecl("shttp_server_listen_fd") @implementation
public func shttp_server_listen_fd(_ server: OpaquePointer!, _ fd: Int32) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    do throws(RuntimeFault) {
        return try runtime.listen(on: fd) ? SHTTP_OK : SHTTP_ERR_INVALID_ARGUMENT
    } catch {
        return status(error)
    }
}

@_cdecl("shttp_server_adopt_fd") @implementation
public func shttp_server_adopt_fd(_ server: OpaquePointer!, _ fd: Int32) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server) else { return SHTTP_ERR_INVALID_ARGUMENT }
    do throws(CallerFault) {
        return try runtime.adopt(fd) ? SHTTP_OK : SHTTP_ERR_INVALID_ARGUMENT
    } catch {
        return status(error)
    }
}

@_cdecl("shttp_server_mount") @implementation
public func shttp_server_mount(_ front: OpaquePointer!, _ server: OpaquePointer!) -> shttp_status {
    guard let runtime = ServerHandle.runtime(front), let mounted = ServerHandle.runtime(server)
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    do throws(CallerFault) {
        return try runtime.mount(mounted) ? SHTTP_OK : SHTTP_ERR_BUSY
    } catch {
        return status(error)
    }
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

@_cdecl("shttp_server_destroy") @implementation
public func shttp_server_destroy(_ server: OpaquePointer!) {
    ServerHandle.borrow(server)?.destroy()
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
