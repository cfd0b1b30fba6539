import CStreamableHTTP
import Runtime

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

@_cdecl("shttp_loop_stop") @implementation
public func shttp_loop_stop(_ loop: OpaquePointer!) -> shttp_status {
    guard let handle = LoopHandle.borrow(loop) else { return SHTTP_ERR_INVALID_ARGUMENT }
    guard !handle.loop.isInherited else { return SHTTP_ERR_CLOSED }
    handle.loop.stop()
    return SHTTP_OK
}

@_cdecl("shttp_loop_destroy") @implementation
public func shttp_loop_destroy(_ loop: OpaquePointer!) {
    guard let handle = LoopHandle.borrow(loop), handle.loop.destroy() else { return }
    handle.release()
}
