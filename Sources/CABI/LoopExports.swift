import CStreamableHTTP
import Runtime

@_cdecl("shttp_loop_options_init_sized") @implementation
public func shttp_loop_options_init_sized(
    _ options: UnsafeMutablePointer<shttp_loop_options>!, _ struct_size: Int
) {
    initialize(options, struct_size)
}

@_cdecl("shttp_loop_create") @implementation
public func shttp_loop_create(
    _ options: UnsafePointer<shttp_loop_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> shttp_status {
    guard let out else { return SHTTP_ERR_INVALID_ARGUMENT }
    var given = shttp_loop_options()
    if let options {
        guard let read = read(options, empty: given) else { return SHTTP_ERR_INVALID_OPTION }
        given = read
    }
    do {
        let loop = try Loop(hosts: given.uv_loop.map { UnsafeMutableRawPointer($0) })
        out.pointee = LoopHandle(loop).give()
        return SHTTP_OK
    } catch {
        return status(error)
    }
}

@_cdecl("shttp_loop_run") @implementation
public func shttp_loop_run(_ loop: OpaquePointer!) -> shttp_status {
    guard let handle = LoopHandle.borrow(loop) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(RuntimeFault) in try handle.loop.run() }
}

@_cdecl("shttp_loop_run_thread") @implementation
public func shttp_loop_run_thread(_ loop: OpaquePointer!) -> shttp_status {
    guard let handle = LoopHandle.borrow(loop) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(RuntimeFault) in try handle.loop.runThread() }
}

@_cdecl("shttp_loop_stop") @implementation
public func shttp_loop_stop(_ loop: OpaquePointer!) -> shttp_status {
    guard let handle = LoopHandle.borrow(loop) else { return SHTTP_ERR_INVALID_ARGUMENT }
    guard !handle.loop.isInherited else { return SHTTP_ERR_CLOSED }
    handle.loop.stop()
    return SHTTP_OK
}

@_cdecl("shttp_loop_join") @implementation
public func shttp_loop_join(_ loop: OpaquePointer!) -> shttp_status {
    guard let handle = LoopHandle.borrow(loop) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(RuntimeFault) in try handle.loop.join() }
}

@_cdecl("shttp_loop_descriptor") @implementation
public func shttp_loop_descriptor(_ loop: OpaquePointer!) -> Int32 {
    LoopHandle.borrow(loop)?.loop.descriptor ?? -1
}

@_cdecl("shttp_loop_timeout_ms") @implementation
public func shttp_loop_timeout_ms(_ loop: OpaquePointer!) -> Int32 {
    LoopHandle.borrow(loop)?.loop.timeout ?? -1
}

@_cdecl("shttp_loop_step") @implementation
public func shttp_loop_step(_ loop: OpaquePointer!) -> shttp_status {
    guard let handle = LoopHandle.borrow(loop) else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(RuntimeFault) in try handle.loop.step() }
}

@_cdecl("shttp_loop_destroy") @implementation
public func shttp_loop_destroy(_ loop: OpaquePointer!) {
    guard let handle = LoopHandle.borrow(loop), handle.loop.destroy() else { return }
    handle.release()
}
