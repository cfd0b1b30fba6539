import CLibc
import CLibuv
import Engine
import Session
import Wire

/// One accepted connection: a descriptor that libuv watches, and that is read and written here.
///
/// libuv's own streams write in a way that raises SIGPIPE once the peer has gone, which ends a host
/// that has not thought of it. Nothing here raises a signal, whatever the host's disposition is.
///
/// The object stays alive until the close callback of its handle.
final class Socket {
    private let poll: UnsafeMutablePointer<uv_poll_t>
    private let descriptor: Int32
    private let runtime: ServerRuntime
    private var connection: ServerConnection?
    /// What the kernel would not take at once.
    private var pending: Output?
    private var wantsToRead = false
    /// What the handle is watched for.
    private var watched: Int32 = 0
    private var isClosing = false
    /// Whether the engine holds enough of what was read.
    private var isHeldBack = false

    private static var readable: Int32 { Int32(UV_READABLE.rawValue) }
    private static var writable: Int32 { Int32(UV_WRITABLE.rawValue) }
    /// The most pieces that the kernel takes in one call.
    private static var piecesMax: Int { 1024 }

    /// Takes an accepted connection's descriptor, which does not block.
    static func open(
        _ descriptor: Int32, from peer: PeerAddress?, for runtime: ServerRuntime
    ) {
        let poll = HandleMemory.allocate(uv_poll_t.self)
        guard uv_poll_init(runtime.loop.uv, poll, descriptor) == 0 else {
            poll.deallocate()
            CLibc.close(descriptor)
            return
        }
        let socket = Socket(poll, descriptor, for: runtime)
        let driver = Unmanaged.passUnretained(socket).toOpaque()
        guard let connection = runtime.engine.connectionOpened(driver: driver, from: peer)
        else {
            return socket.close()
        }
        socket.connection = connection
        socket.startReading()
    }

    private init(
        _ poll: UnsafeMutablePointer<uv_poll_t>, _ descriptor: Int32, for runtime: ServerRuntime
    ) {
        self.poll = poll
        self.descriptor = descriptor
        self.runtime = runtime
        poll.pointee.data = Unmanaged.passRetained(self).toOpaque()
        runtime.socketCount += 1
    }

    /// The socket that an engine's connection belongs to.
    static func of(_ connection: ServerConnection) -> Socket {
        Unmanaged<Socket>.fromOpaque(connection.driver).takeUnretainedValue()
    }

    /// Has libuv watch for what is wanted now.
    private func watch() {
        guard !isClosing, !runtime.loop.isInherited else { return }
        let wanted =
            (wantsToRead ? Socket.readable : 0) | (pending != nil ? Socket.writable : 0)
        guard wanted != watched else { return }
        watched = wanted
        guard wanted != 0 else {
            uv_poll_stop(poll)
            return
        }
        uv_poll_start(poll, wanted) { poll, status, events in
            withOwner(of: poll?.pointee.data, as: Socket.self) { $0.happened(status, events) }
        }
    }

    private func happened(_ status: Int32, _ events: Int32) {
        guard !runtime.loop.isInherited else { return }
        guard status >= 0 else {
            watched = 0  // libuv watches no more.
            return failed()
        }
        if events & Socket.writable != 0 { writeOn() }
        if events & Socket.readable != 0, wantsToRead { read() }
    }

    /// The kernel reports an error: takes what had arrived before it, and ends the connection.
    private func failed() {
        while wantsToRead, !runtime.loop.isInherited, read() {}
        lose()
    }

    private func lose() {
        runtime.takeArrivals()  // The connection's last bytes may be among them.
        guard let connection else { return }
        runtime.begin()
        runtime.engine.connectionLost(connection)
        runtime.pump()
    }

    // MARK: Reading

    func startReading() {
        guard !isClosing, !isHeldBack else { return }
        if runtime.isCongested { return waitForHost() }
        if let connection { runtime.engine.readingResumed(on: connection) }
        wantsToRead = true
        watch()
    }

    /// Reads no more until `readOn`: what the peer sends stays with the kernel.
    func holdBack() {
        isHeldBack = true
        stopReading()
    }

    func readOn() {
        isHeldBack = false
        startReading()
    }

    private func stopReading() {
        wantsToRead = false
        watch()
    }

    /// Reads what has arrived, as far as there is room; false if there is nothing.
    @discardableResult
    private func read() -> Bool {
        let room = runtime.readRoom
        let count = recv(descriptor, room.base, room.len, 0)
        if count > 0 {
            runtime.arrived(count, on: self)
            return true
        }
        if count == 0 {
            ended()
        } else if last_error() != EAGAIN, last_error() != EINTR {
            lose()
        }
        return false
    }

    /// The peer sends no more.
    private func ended() {
        stopReading()
        runtime.takeArrivals()
        guard let connection else { return }
        runtime.begin()
        runtime.engine.readingEnded(on: connection)
        runtime.pump()
    }

    /// Gives the engine what has been read.
    func hand(_ bytes: UnsafeRawBufferPointer, lent: Bool, to engine: ServerEngine) {
        if let connection { engine.received(bytes, on: connection, lent: lent) }
    }

    /// Reads no more until the host has caught up.
    func pause() {
        guard !isClosing, wantsToRead else { return }
        stopReading()
        waitForHost()
    }

    private func waitForHost() {
        if let connection { runtime.engine.readingPaused(on: connection) }
        runtime.paused.append(self)
    }

    // MARK: Writing

    /// Writes what the engine has for the socket's connection, as far as the kernel takes it.
    func flush(_ connection: ServerConnection) {
        guard pending == nil, !isClosing,
            var output = runtime.engine.takeOutput(of: connection)
        else { return }
        guard let sent = send(output) else { return runtime.engine.connectionLost(connection) }
        if sent < output.count {
            output.wait(behind: sent)
            pending = output
            watch()
            runtime.engine.sent(sent, on: connection)
        } else {
            runtime.engine.sent(sent, on: connection)
            runtime.engine.recycle(output)
        }
    }

    /// Goes on with what the kernel would not take.
    private func writeOn() {
        guard let output = pending, let connection else { return }
        runtime.begin()
        guard let sent = send(output) else {
            runtime.engine.connectionLost(connection)
            return runtime.pump()
        }
        if sent < output.count {
            pending?.wait(behind: sent)
            runtime.engine.sent(sent, on: connection)
        } else {
            pending = nil
            runtime.engine.sent(sent, on: connection)
            runtime.engine.recycle(output)
            flush(connection)
            watch()
        }
        runtime.pump()
    }

    /// Sends an output; says how many bytes the kernel took, nil if the connection is broken.
    private func send(_ output: Output) -> Int? {
        let capacity = min(output.pieceCount, Socket.piecesMax)
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: capacity) { pieces in
            var count = 0
            output.forEachPiece { piece in
                guard piece.count > 0, count < capacity else { return }
                pieces[count] = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress),
                    iov_len: piece.count)
                count += 1
            }
            var message = msghdr()
            message.msg_iov = pieces.baseAddress
            message.msg_iovlen = count
            while true {
                let sent = sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
                if sent >= 0 { return sent }
                if last_error() == EAGAIN || last_error() == ENOBUFS { return 0 }
                guard last_error() == EINTR else { return nil }
            }
        }
    }

    // MARK: The end

    /// Tells the peer that nothing follows. Its end of the connection stays open.
    func shutDown() {
        if !isClosing { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    func close() {
        guard !isClosing else { return }
        isClosing = true
        connection = nil
        pending = nil
        let handle = UnsafeMutableRawPointer(poll).assumingMemoryBound(to: uv_handle_t.self)
        uv_close(handle) { handle in
            guard let handle, let data = handle.pointee.data else { return }
            let socket = Unmanaged<Socket>.fromOpaque(data).takeRetainedValue()
            UnsafeMutableRawPointer(handle).deallocate()
            socket.runtime.socketClosed()
        }
        // A child of this process may hold a copy, and the peer would wait for that to close.
        shutdown(descriptor, Int32(SHUT_RDWR))
        CLibc.close(descriptor)
    }
}
