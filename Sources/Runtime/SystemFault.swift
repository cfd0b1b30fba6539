import CLibc
import CLibuv

/// What the system said no to.
package enum SystemFault: Error, Equatable, Sendable {
    case addressInUse
    case addressUnavailable
    case permission
    case descriptors
    case other

    init(_ code: Int32) {
        switch code {
        case Int32(UV_EADDRINUSE.rawValue): self = .addressInUse
        case Int32(UV_EADDRNOTAVAIL.rawValue), Int32(UV_EINVAL.rawValue),
            Int32(UV_EAFNOSUPPORT.rawValue), Int32(UV_ENOENT.rawValue), Int32(UV_ENOTDIR.rawValue):
            self = .addressUnavailable
        case Int32(UV_EACCES.rawValue), Int32(UV_EPERM.rawValue): self = .permission
        case Int32(UV_EMFILE.rawValue), Int32(UV_ENFILE.rawValue): self = .descriptors
        default: self = .other
        }
    }

    /// How many descriptors the process may have.
    static var descriptorsMax: Int { Int(clamping: descriptors_max()) }

    /// What the last call to the C library failed with.
    static var last: SystemFault { SystemFault(-last_error()) }

    /// Throws what a libuv result stands for, if it is an error.
    static func check(_ result: Int32) throws(SystemFault) {
        if result < 0 { throw SystemFault(result) }
    }
}

/// Why the runtime did not do what its caller asked for.
package enum RuntimeFault: Error, Equatable, Sendable {
    case wrongThread
    /// It runs already, listens already, or the host owns the loop.
    case busy
    case closed
    /// There is no thread to join.
    case notFound
    case system(SystemFault)
}

/// Memory for libuv's handles, which must stay until their close callback has run.
enum HandleMemory {
    static func allocate<Handle>(_ type: Handle.Type) -> UnsafeMutablePointer<Handle> {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Handle>.size, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<Handle>.size)
        return memory.bindMemory(to: Handle.self, capacity: 1)
    }

    /// Closes a handle that no callback will use again, and frees it after that.
    static func close<Handle>(_ handle: UnsafeMutablePointer<Handle>) {
        uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) {
            handle in
            UnsafeMutableRawPointer(handle)?.deallocate()
        }
    }

    /// Stops a handle from keeping its loop alive.
    static func unreference<Handle>(_ handle: UnsafeMutablePointer<Handle>) {
        uv_unref(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self))
    }
}

/// Lends the object behind a handle's `data`, which must live until the handle's close callback: so
/// its reference need not be counted.
@inline(__always)
func withOwner<Owner: AnyObject>(
    of data: UnsafeMutableRawPointer?, as type: Owner.Type, _ body: (Owner) -> Void
) {
    guard let data else { return }
    Unmanaged<Owner>.fromOpaque(data)._withUnsafeGuaranteedRef(body)
}

/// The object behind a handle's `data`.
func owner<Owner: AnyObject>(_ data: UnsafeMutableRawPointer?, as type: Owner.Type) -> Owner? {
    data.map { Unmanaged<Owner>.fromOpaque($0).takeUnretainedValue() }
}
