import CLibc
import CLibuv
import Engine
import Link
import Session

/// A bound, listening socket: TCP over IPv4 or IPv6, or a Unix socket.
///
/// It calls accept() itself: when descriptors run out, libuv's listeners close all waiting
/// connections. This one stops polling its socket until a descriptor is free, and clients wait in
/// its backlog.
final class Listener {
    private let address: ListenAddress
    private let descriptor: Int32
    /// The file of a Unix socket.
    private let file: SocketFile?
    /// Whether the host has made the socket, so that others may listen on it too.
    private let isGiven: Bool
    private let poll: UnsafeMutablePointer<uv_poll_t>
    private unowned(unsafe) let runtime: ServerRuntime
    private var retryTimer: DeadlineTimer?
    private var isPaused = false
    private var isClosed = false

    private static let backlog: Int32 = 1024
    /// The maximum number of connections accepted per iteration, so that open ones are not delayed.
    private static let batch = 64
    /// When to retry, in case the descriptors are not held by our connections.
    private static let retryMilliseconds: UInt64 = 100

    /// `unixMode` is the file mode of a Unix socket; nil to let the umask decide.
    static func open(at address: ListenAddress, unixMode: UInt32?, for runtime: ServerRuntime)
        throws(SystemFault) -> Listener
    {
        let descriptor = try bindSocket(to: address, unixMode)
        do throws(SystemFault) {
            return try Listener.watching(descriptor, address, isGiven: false, for: runtime)
        } catch {
            CLibc.close(descriptor)
            throw error
        }
    }

    /// Takes over a listening socket of the family that `prepare_socket` returned. If this throws,
    /// it is still the host's.
    static func take(
        _ descriptor: Int32, family: Int32, for runtime: ServerRuntime
    ) throws(SystemFault) -> Listener {
        guard family != AF_UNIX else {
            return try watching(descriptor, .unix([0]), isGiven: true, for: runtime)
        }
        var address = InternetAddress()
        _ = address.withSocketAddress { address, length in
            var length = length
            return getsockname(descriptor, address, &length)
        }
        setOptions(of: descriptor)
        return try watching(descriptor, .internet(address), isGiven: true, for: runtime)
    }

    private static func watching(
        _ descriptor: Int32, _ address: ListenAddress, isGiven: Bool, for runtime: ServerRuntime
    ) throws(SystemFault) -> Listener {
        let poll = HandleMemory.allocate(uv_poll_t.self)
        let result = uv_poll_init(runtime.loop.uv, poll, descriptor)
        if result < 0 {
            poll.deallocate()
            throw SystemFault(result)
        }
        return Listener(address, descriptor, isGiven: isGiven, poll, runtime)
    }

    /// It must not throw: Embedded Swift 6.3.1 leaks a partially initialized object.
    private init(
        _ address: ListenAddress, _ descriptor: Int32, isGiven: Bool,
        _ poll: UnsafeMutablePointer<uv_poll_t>, _ runtime: ServerRuntime
    ) {
        self.isGiven = isGiven
        self.address = address
        self.descriptor = descriptor
        if case .unix(let path) = address { file = SocketFile(at: path) } else { file = nil }
        self.poll = poll
        self.runtime = runtime
        poll.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        retryTimer = DeadlineTimer(runtime.loop.uv) { [unowned(unsafe) self] in retry() }
        retryTimer?.keepLoopAlive()
        watch()
    }

    private static func bindSocket(
        to address: ListenAddress, _ unixMode: UInt32?
    ) throws(SystemFault) -> Int32 {
        if case .unix(let path) = address, ListenAddress.isStaleSocket(path) { unlink(path) }
        let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | flags, 0)
        guard descriptor >= 0 else { throw SystemFault.last }
        if case .internet = address { setOptions(of: descriptor) }
        // No client can connect before listen(), so setting the mode after bind() leaves no gap.
        let isBound = address.withSocketAddress { bind(descriptor, $0, $1) } == 0
        if isBound, address.setMode(unixMode), listen(descriptor, backlog) == 0 {
            return descriptor
        }
        let fault = SystemFault.last
        CLibc.close(descriptor)
        if isBound, case .unix(let path) = address { unlink(path) }
        throw fault
    }

    private static let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

    /// On Linux, accepted sockets inherit all these options. The kernel ends connections whose peer
    /// has vanished: idle ones by keep-alive probes, others when sent bytes are not acknowledged.
    private static func setOptions(of descriptor: Int32) {
        func set(_ level: Int32, _ name: Int32, _ value: Int32) {
            var value = value
            setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        set(SOL_SOCKET, SO_REUSEADDR, 1)
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, probeSeconds)
        set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, unacknowledgedMilliseconds)
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    private static let probeSeconds: Int32 = 60
    private static let unacknowledgedMilliseconds: Int32 = 60_000

    /// The port, for TCP; else 0.
    var port: UInt16 {
        guard case .internet(var bound) = address else { return 0 }
        _ = bound.withSocketAddress { address, length in
            var length = length
            return getsockname(descriptor, address, &length)
        }
        return bound.port
    }

    /// Where clients can connect from.
    var reach: Reach {
        guard case .internet(let address) = address else { return .unixSocket }
        return address.isLoopback ? .loopback : .network
    }

    // MARK: Accepting

    private func watch() {
        isPaused = false
        uv_poll_start(poll, Int32(UV_READABLE.rawValue)) { poll, _, _ in
            owner(poll?.pointee.data, as: Listener.self)?.acceptWaiting()
        }
    }

    private func acceptWaiting() {
        guard !runtime.loop.isInherited else { return }
        for _ in 0..<Listener.batch {
            var peer = InternetAddress()
            let accepted = peer.withSocketAddress { address, length in
                var length = length
                return accept_with_flags(descriptor, address, &length, Listener.flags)
            }
            if accepted < 0 {
                let error = last_error()
                if error == EINTR || error == ECONNABORTED { continue }
                if error == EAGAIN { break }
                return pause(error)
            }
            runtime.pump.begin()
            Socket.open(accepted, from: peer, for: runtime)
            runtime.performEffects()
            if isClosed || runtime.loop.isInherited { return }
        }
        if isPaused { watch() }
    }

    /// Stops accepting until a connection closes or the retry timer fires.
    private func pause(_ error: Int32) {
        let now = runtime.loop.now
        retryTimer?.arm(now + Listener.retryMilliseconds, now: now)
        guard !isPaused else { return }
        isPaused = true
        uv_poll_stop(poll)
        runtime.pump.begin()
        let reason = uv_strerror(-error)
        runtime.engine.acceptingPaused(
            UnsafeRawBufferPointer(start: reason, count: reason.map { strlen($0) } ?? 0))
        runtime.performEffects()
    }

    /// Retries accepting, after a descriptor may have become free.
    func retry() {
        if isPaused { acceptWaiting() }
    }

    /// Stops listening, and removes the file of a Unix socket, unless another file has replaced it.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        isPaused = false
        poll.pointee.data = nil
        HandleMemory.close(poll)
        retryTimer?.close()
        // A forked child may hold a copy of the socket, whose backlog would accept clients. A copy
        // of a given one is another server's, or that of who keeps it for the next process.
        if !isGiven { shutdown(descriptor, Int32(SHUT_RDWR)) }
        CLibc.close(descriptor)
        file?.remove()
    }
}

/// The file of a Unix socket, identified by device and inode: another file may replace it later.
private struct SocketFile {
    private let path: [CChar]
    private let device: dev_t
    private let number: ino_t

    init?(at path: [CChar]) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.path = path
        device = status.st_dev
        number = status.st_ino
    }

    func remove() {
        guard let current = SocketFile(at: path), current.device == device,
            current.number == number
        else { return }
        unlink(path)
    }
}
