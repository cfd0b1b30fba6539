import CLibc
import CLibuv
import Engine
import Link
import Session
import Wire

/// One accepted connection: a descriptor that libuv polls, with its own reads and writes.
///
/// The writes of libuv's streams raise SIGPIPE after the peer has disconnected, which ends a host
/// that does not ignore the signal. The writes here never raise a signal, regardless of the host's
/// signal disposition.
///
/// The object stays alive until the close callback of its handle.
final class Socket {
    private let poll: UnsafeMutablePointer<uv_poll_t>
    private let descriptor: Int32
    private let runtime: ServerRuntime
    private var connection: ServerConnection?
    /// Output that the kernel has not accepted completely yet.
    private var pending: Output?
    private var wantsToRead = false
    /// The poll events that the handle is watched for.
    private var watched: Int32 = 0
    private var isClosing = false
    /// Whether the engine has asked to stop reading, because it holds enough data.
    private var isHeldBack = false

    private static var readable: Int32 { Int32(UV_READABLE.rawValue) }
    private static var writable: Int32 { Int32(UV_WRITABLE.rawValue) }
    /// The maximum number of pieces per sendmsg() (IOV_MAX).
    private static var piecesMax: Int { 1024 }

    /// Takes ownership of the non-blocking descriptor of an accepted connection. `bytes` were read
    /// from it already.
    static func open(
        _ descriptor: Int32, from peer: InternetAddress, with bytes: ByteBuffer? = nil,
        for runtime: ServerRuntime
    ) {
        let poll = HandleMemory.allocate(uv_poll_t.self)
        let result = uv_poll_init(runtime.loop.uv, poll, descriptor)
        guard result == 0 else {
            poll.deallocate()
            // What this loop polls already was given before.
            if result != UV_EEXIST.rawValue { CLibc.close(descriptor) }
            return
        }
        let socket = Socket(poll, descriptor, for: runtime)
        let driver = Unmanaged.passUnretained(socket).toOpaque()
        let opened = runtime.engine.connectionOpened(
            driver: driver, from: peer.peerAddress, named: peer.name(ofPeerOf: descriptor))
        guard let connection = opened else { return socket.close() }
        socket.connection = connection
        if let bytes {
            withExtendedLifetime(bytes) { runtime.engine.received(bytes.bytes, on: connection) }
        }
        socket.startReading()
    }

    /// Opens a connection for a socket that the host, or another server, has connected.
    static func adopt(_ given: GivenSocket, for runtime: ServerRuntime) {
        var peer = InternetAddress()
        _ = peer.withSocketAddress { address, length in
            var length = length
            return getpeername(given.descriptor, address, &length)
        }
        runtime.pump.begin()
        open(given.take(), from: peer, with: given.bytes, for: runtime)
        runtime.performEffects()
    }

    private init(
        _ poll: UnsafeMutablePointer<uv_poll_t>, _ descriptor: Int32, for runtime: ServerRuntime
    ) {
        self.poll = poll
        self.descriptor = descriptor
        self.runtime = runtime
        poll.pointee.data = Unmanaged.passRetained(self).toOpaque()
        runtime.pump.socketOpened()
    }

    /// The socket of an engine's connection.
    static func of(_ connection: ServerConnection) -> Socket {
        Unmanaged<Socket>.fromOpaque(connection.driver).takeUnretainedValue()
    }

    /// Sets the poll events according to the current state.
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

    @inline(__always)
    private func happened(_ status: Int32, _ events: Int32) {
        guard !runtime.loop.isInherited else { return }
        guard status >= 0 else {
            watched = 0  // libuv has stopped polling.
            return failed()
        }
        if events & Socket.writable != 0 { writeOn() }
        if events & Socket.readable != 0, wantsToRead { read() }
    }

    /// The kernel reports an error: reads what had arrived before it, and ends the connection.
    private func failed() {
        while wantsToRead, !runtime.loop.isInherited, read() {}
        lose()
    }

    private func lose() {
        runtime.pump.takeArrivals(for: runtime)  // The connection's last bytes may be among them.
        guard let connection else { return }
        runtime.pump.begin()
        runtime.engine.connectionLost(connection)
        runtime.performEffects()
    }

    // MARK: Reading

    func startReading() {
        guard !isClosing, !isHeldBack else { return }
        if runtime.pump.isCongested { return waitForHost() }
        if let connection { runtime.engine.readingResumed(on: connection) }
        wantsToRead = true
        watch()
    }

    /// Stops reading until `readOn`: the peer's data stays in the kernel.
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

    /// Reads once, as much as the buffer holds; false if there is nothing to read.
    @discardableResult
    private func read() -> Bool {
        let room = runtime.pump.readRoom
        let count = recv(descriptor, room.base, room.len, 0)
        if count > 0 {
            runtime.pump.arrived(count, on: self, for: runtime)
            return true
        }
        if count == 0 {
            ended()
        } else if last_error() != EAGAIN, last_error() != EINTR {
            lose()
        }
        return false
    }

    /// The peer has closed its sending side.
    private func ended() {
        stopReading()
        runtime.pump.takeArrivals(for: runtime)
        guard let connection else { return }
        runtime.pump.begin()
        runtime.engine.readingEnded(on: connection)
        runtime.performEffects()
    }

    /// Passes bytes to the engine.
    @_optimize(speed)
    func hand(_ bytes: UnsafeRawBufferPointer, lent: Bool, to engine: ServerEngine) {
        if let connection { engine.received(bytes, on: connection, lent: lent) }
    }

    /// Stops reading until the host has emptied its queue.
    func pause() {
        guard !isClosing, wantsToRead else { return }
        stopReading()
        waitForHost()
    }

    private func waitForHost() {
        if let connection { runtime.engine.readingPaused(on: connection) }
        runtime.pump.startReadingLater(self)
    }

    // MARK: Writing

    /// Writes the engine's output for the connection, as far as the kernel accepts it.
    @_optimize(speed)
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

    /// Continues with the output that the kernel had not accepted.
    private func writeOn() {
        guard let output = pending, let connection else { return }
        runtime.pump.begin()
        guard let sent = send(output) else {
            runtime.engine.connectionLost(connection)
            return runtime.performEffects()
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
        runtime.performEffects()
    }

    /// Sends an output. Returns the number of bytes accepted by the kernel; nil if the connection
    /// is broken.
    @_optimize(speed)
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

    /// Closes the sending side. The peer may still send.
    func shutDown() {
        if !isClosing { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    func close() {
        guard let descriptor = leave() else { return }
        // A forked child may hold a copy, so close() alone would not end the connection.
        shutdown(descriptor, Int32(SHUT_RDWR))
        CLibc.close(descriptor)
    }

    /// Ends this object without closing the descriptor, which is returned the first time.
    func leave() -> Int32? {
        guard !isClosing else { return nil }
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
        return descriptor
    }
}
