import CLibc

/// The address of a socket.
struct Address {
    private var storage = sockaddr_storage()
    private let length: socklen_t

    /// Nil if it does not fit, which no system's does not.
    static func make(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Address? {
        guard Int(length) <= MemoryLayout<sockaddr_storage>.size else { return nil }
        return Address(address, length)
    }

    private init(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
        self.length = length
        memcpy(&storage, address, Int(length))
    }

    /// A path with a NUL that is not too long for one.
    init(path: [CChar]) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            path.withUnsafeBytes { place.copyMemory(from: $0) }
        }
        length = socklen_t(MemoryLayout<sockaddr_un>.size)
        memcpy(&storage, &address, MemoryLayout<sockaddr_un>.size)
    }

    var isInternet: Bool { storage.ss_family != sa_family_t(AF_UNIX) }

    /// Begins to connect a new socket. Returns its descriptor, or an error of the system, negative.
    func connect() -> Int32 {
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(Int32(storage.ss_family), kind, 0)
        guard descriptor >= 0 else { return -last_error() }
        if isInternet {
            var one: Int32 = 1
            let size = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
            setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, size)
        }
        var address = storage
        let length = length
        let result = withUnsafePointer(to: &address) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                CLibc.connect(descriptor, $0, length)
            }
        }
        let fault = last_error()
        guard result != 0, fault != EINPROGRESS else { return descriptor }
        close(descriptor)
        return -fault
    }
}
