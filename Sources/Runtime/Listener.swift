import CLibc
import CLibuv

/// A bound, listening socket: TCP over IPv4 or IPv6, or a Unix socket.
final class Listener {
    /// The port, for TCP.
    private(set) var port: UInt16 = 0
    /// Whether only this machine reaches it.
    private(set) var isLoopback = true

    private let stream: UnsafeMutablePointer<uv_stream_t>
    private let isPipe: Bool
    private unowned(unsafe) let runtime: ServerRuntime
    private var isClosed = false

    private static let backlog: Int32 = 1024

    init(at address: ListenAddress, for runtime: ServerRuntime) throws(SystemFault) {
        self.runtime = runtime
        let uv = runtime.loop.uv
        switch address {
        case .unix(let path):
            isPipe = true
            let pipe = HandleMemory.allocate(uv_pipe_t.self)
            uv_pipe_init(uv, pipe, 0)
            stream = UnsafeMutableRawPointer(pipe).assumingMemoryBound(to: uv_stream_t.self)
            do {
                try Listener.bind(pipe, path)
            } catch {
                HandleMemory.close(stream)
                throw error
            }
        case .internet(var storage):
            isPipe = false
            isLoopback = storage.isLoopback
            let tcp = HandleMemory.allocate(uv_tcp_t.self)
            uv_tcp_init(uv, tcp)
            stream = UnsafeMutableRawPointer(tcp).assumingMemoryBound(to: uv_stream_t.self)
            let result = storage.withAddress { uv_tcp_bind(tcp, $0, 0) }
            if result < 0 {
                HandleMemory.close(stream)
                throw SystemFault(result)
            }
        }
        try listen()
    }

    private static func bind(_ pipe: UnsafeMutablePointer<uv_pipe_t>, _ path: [CChar])
        throws(SystemFault)
    {
        if ListenAddress.isStaleSocket(path) { unlink(path) }
        try SystemFault.check(uv_pipe_bind(pipe, path))
    }

    private func listen() throws(SystemFault) {
        stream.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        let result = uv_listen(stream, Listener.backlog) { stream, status in
            guard status == 0, let stream,
                let listener = owner(stream.pointee.data, as: Listener.self), !listener.isClosed
            else { return }
            listener.runtime.begin()
            Socket.accept(from: stream, isPipe: listener.isPipe, for: listener.runtime)
            listener.runtime.pump()
        }
        if result < 0 {
            close()
            throw SystemFault(result)
        }
        if isPipe { return }
        port = boundPort()
        watchForDeadPeers()
    }

    /// Has the kernel end connections whose peer has vanished: idle ones by probes, and those with
    /// bytes on their way when nothing is acknowledged. Linux lets accepted sockets inherit it.
    private func watchForDeadPeers() {
        let handle = UnsafeMutableRawPointer(stream).assumingMemoryBound(to: uv_handle_t.self)
        var descriptor: uv_os_fd_t = -1
        guard uv_fileno(handle, &descriptor) == 0 else { return }
        func set(_ level: Int32, _ name: Int32, _ value: Int32) {
            var value = value
            setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, Listener.probeSeconds)
        set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Listener.unacknowledgedMilliseconds)
    }

    private static let probeSeconds: Int32 = 60
    private static let unacknowledgedMilliseconds: Int32 = 60_000

    private func boundPort() -> UInt16 {
        var storage = InternetAddress()
        let tcp = UnsafeMutableRawPointer(stream).assumingMemoryBound(to: uv_tcp_t.self)
        _ = storage.withAddress { address in
            var length = Int32(MemoryLayout<sockaddr_storage>.size)
            return uv_tcp_getsockname(tcp, address, &length)
        }
        return storage.port
    }

    /// Stops listening. libuv removes the file of a Unix socket.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        stream.pointee.data = nil
        HandleMemory.close(stream)
    }
}

/// Where to listen.
package enum ListenAddress {
    case internet(InternetAddress)
    /// A path, ended by NUL.
    case unix([CChar])

    /// Reads IPv4 or IPv6 text, or `unix:` and a path; nil for anything else.
    package init?(_ text: [CChar], port: UInt16) {
        let prefix: [CChar] = [117, 110, 105, 120, 58]  // unix:
        if text.starts(with: prefix) {
            let path = Array(text.dropFirst(prefix.count))
            // sockaddr_un holds 108 bytes, the final NUL among them.
            guard path.count > 1, path.count <= 108 else { return nil }
            self = .unix(path)
            return
        }
        guard let address = InternetAddress(text, port: port) else { return nil }
        self = .internet(address)
    }

    /// Whether a path is a socket that nobody listens on any more.
    static func isStaleSocket(_ path: [CChar]) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK) else {
            return false
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { CLibc.close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            path.withUnsafeBytes { room.copyMemory(from: $0) }
        }
        let result = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result != 0 && __errno_location().pointee == ECONNREFUSED
    }
}

/// An IPv4 or IPv6 address with a port.
package struct InternetAddress {
    private var storage = sockaddr_storage()

    init() {}

    init?(_ text: [CChar], port: UInt16) {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if uv_ip4_addr(text, Int32(port), &four) == 0 {
            withUnsafeMutableBytes(of: &storage) { room in
                withUnsafeBytes(of: &four) { room.copyMemory(from: $0) }
            }
        } else if uv_ip6_addr(text, Int32(port), &six) == 0 {
            withUnsafeMutableBytes(of: &storage) { room in
                withUnsafeBytes(of: &six) { room.copyMemory(from: $0) }
            }
        } else {
            return nil
        }
    }

    mutating func withAddress(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
        withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }

    private var isIPv6: Bool { storage.ss_family == sa_family_t(AF_INET6) }

    var port: UInt16 {
        // The port stands at the same place in both kinds of address.
        withUnsafeBytes(of: storage) {
            UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// 127.0.0.0/8 or ::1.
    var isLoopback: Bool {
        withUnsafeBytes(of: storage) { bytes in
            guard isIPv6 else { return bytes[4] == 127 }
            return bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
        }
    }
}
