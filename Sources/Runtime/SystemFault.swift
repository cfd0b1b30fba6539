import CLibc
import CLibuv

/// An error of the operating system.
package enum SystemFault: Error, Equatable, Sendable {
    case addressInUse
    case addressUnavailable
    /// The directory of a Unix socket's path.
    case directoryMissing
    case permission
    case descriptors
    /// Any other, by libuv's number.
    case other(Int32)

    init(_ code: Int32) {
        switch code {
        case Int32(UV_EADDRINUSE.rawValue): self = .addressInUse
        case Int32(UV_EADDRNOTAVAIL.rawValue), Int32(UV_EINVAL.rawValue),
            Int32(UV_EAFNOSUPPORT.rawValue):
            self = .addressUnavailable
        case Int32(UV_ENOENT.rawValue), Int32(UV_ENOTDIR.rawValue): self = .directoryMissing
        case Int32(UV_EACCES.rawValue), Int32(UV_EPERM.rawValue): self = .permission
        case Int32(UV_EMFILE.rawValue), Int32(UV_ENFILE.rawValue): self = .descriptors
        default: self = .other(code)
        }
    }

    /// The process's limit of file descriptors.
    static var descriptorsMax: Int { Int(clamping: descriptors_max()) }

    /// The error of the last call to the C library (errno).
    static var last: SystemFault { SystemFault(-last_error()) }

    /// Throws if a libuv result is an error.
    static func check(_ result: Int32) throws(SystemFault) {
        if result < 0 { throw SystemFault(result) }
    }
}

/// The error of a call to the runtime.
package enum RuntimeFault: Error, Equatable, Sendable {
    case wrongThread
    /// It already runs, already listens, or the host owns the loop.
    case busy
    case closed
    /// There is no thread to join.
    case notFound
    case system(SystemFault)
}

/// Memory for libuv's handles, which must be valid until their close callback has run.
enum HandleMemory {
    static func allocate<Handle>(_ type: Handle.Type) -> UnsafeMutablePointer<Handle> {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Handle>.size, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<Handle>.size)
        return memory.bindMemory(to: Handle.self, capacity: 1)
    }

    /// Closes a handle that has no more callbacks, and frees it in the close callback.
    static func close<Handle>(_ handle: UnsafeMutablePointer<Handle>) {
        uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) {
            handle in
            UnsafeMutableRawPointer(handle)?.deallocate()
        }
    }

    /// Lets the loop end although the handle is active.
    static func unreference<Handle>(_ handle: UnsafeMutablePointer<Handle>) {
        uv_unref(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self))
    }
}

/// Passes the object in a handle's `data` to `body`. The object must be alive until the handle's
/// close callback, so the reference need not be counted.
@inline(__always)
func withOwner<Owner: AnyObject>(
    of data: UnsafeMutableRawPointer?, as type: Owner.Type, _ body: (Owner) -> Void
) {
    guard let data else { return }
    Unmanaged<Owner>.fromOpaque(data)._withUnsafeGuaranteedRef(body)
}

/// The object in a handle's `data`.
func owner<Owner: AnyObject>(_ data: UnsafeMutableRawPointer?, as type: Owner.Type) -> Owner? {
    data.map { Unmanaged<Owner>.fromOpaque($0).takeUnretainedValue() }
}
