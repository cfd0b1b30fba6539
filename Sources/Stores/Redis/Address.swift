import CLibc

/// The address of a socket.
struct Address: Equatable {
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

    /// A numeric address of the Internet; nil if it is none.
    init?(host: UnsafeRawBufferPointer, port: UInt16) {
        var text = host.map { CChar(bitPattern: $0) }
        text.append(0)
        var storage = sockaddr_storage()
        let length: Int? = withUnsafeMutableBytes(of: &storage) { place in
            guard let start = place.baseAddress else { return nil }
            let four = start.assumingMemoryBound(to: sockaddr_in.self)
            if inet_pton(AF_INET, text, &four.pointee.sin_addr) == 1 {
                four.pointee.sin_family = sa_family_t(AF_INET)
                four.pointee.sin_port = port.bigEndian
                return MemoryLayout<sockaddr_in>.size
            }
            let six = start.assumingMemoryBound(to: sockaddr_in6.self)
            if inet_pton(AF_INET6, text, &six.pointee.sin6_addr) == 1 {
                six.pointee.sin6_family = sa_family_t(AF_INET6)
                six.pointee.sin6_port = port.bigEndian
                return MemoryLayout<sockaddr_in6>.size
            }
            return nil
        }
        guard let length else { return nil }
        self.storage = storage
        self.length = socklen_t(length)
    }

    /// The same machine's with another port; nil if it has none.
    func with(port: UInt16) -> Address? {
        guard isInternet else { return nil }
        var other = self
        // The port is in the same place for both families (RFC 3493 §3.3).
        withUnsafeMutableBytes(of: &other.storage) {
            $0.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        }
        return other
    }

    static func == (one: Address, other: Address) -> Bool {
        withUnsafeBytes(of: one.storage) { bytes in
            withUnsafeBytes(of: other.storage) { others in
                isEqual(
                    UnsafeRawBufferPointer(rebasing: bytes[..<Int(one.length)]),
                    UnsafeRawBufferPointer(rebasing: others[..<Int(other.length)]))
            }
        }
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
