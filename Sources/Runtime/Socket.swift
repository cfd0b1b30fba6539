import CLibc
import CLibuv
import Engine
import Wire

/// One accepted connection: a stream handle that stays alive until its close callback.
final class Socket {
    private let stream: UnsafeMutablePointer<uv_stream_t>
    private let runtime: ServerRuntime
    private var connection: ServerConnection?
    /// What the kernel would not take at once, and the request that writes it.
    private var inFlight: Output?
    private var write: UnsafeMutablePointer<uv_write_t>?
    private var isClosing = false
    /// Whether the engine holds enough of what was read.
    private var isHeldBack = false

    /// Room for either kind of stream handle.
    private static func allocate(isPipe: Bool) -> UnsafeMutablePointer<uv_stream_t> {
        let memory: UnsafeMutableRawPointer =
            isPipe
            ? UnsafeMutableRawPointer(HandleMemory.allocate(uv_pipe_t.self))
            : UnsafeMutableRawPointer(HandleMemory.allocate(uv_tcp_t.self))
        return memory.assumingMemoryBound(to: uv_stream_t.self)
    }

    /// Takes an accepted connection's descriptor.
    static func open(_ descriptor: Int32, isPipe: Bool, for runtime: ServerRuntime) {
        let socket = Socket(isPipe: isPipe, for: runtime)
        guard socket.adopt(descriptor, isPipe: isPipe) == 0 else {
            CLibc.close(descriptor)
            return socket.close()
        }
        let driver = Unmanaged.passUnretained(socket).toOpaque()
        guard let connection = runtime.engine.connectionOpened(driver: driver) else {
            return socket.close()
        }
        socket.connection = connection
        if runtime.isCongested { runtime.paused.append(socket) } else { socket.startReading() }
    }

    private init(isPipe: Bool, for runtime: ServerRuntime) {
        self.runtime = runtime
        stream = Socket.allocate(isPipe: isPipe)
        let memory = UnsafeMutableRawPointer(stream)
        if isPipe {
            uv_pipe_init(runtime.loop.uv, memory.assumingMemoryBound(to: uv_pipe_t.self), 0)
        } else {
            uv_tcp_init(runtime.loop.uv, memory.assumingMemoryBound(to: uv_tcp_t.self))
        }
        stream.pointee.data = Unmanaged.passRetained(self).toOpaque()
        runtime.socketCount += 1
    }

    private func adopt(_ descriptor: Int32, isPipe: Bool) -> Int32 {
        let memory = UnsafeMutableRawPointer(stream)
        return isPipe
            ? uv_pipe_open(memory.assumingMemoryBound(to: uv_pipe_t.self), descriptor)
            : uv_tcp_open(memory.assumingMemoryBound(to: uv_tcp_t.self), descriptor)
    }

    /// The socket that an engine's connection belongs to.
    static func of(_ connection: ServerConnection) -> Socket {
        Unmanaged<Socket>.fromOpaque(connection.driver).takeUnretainedValue()
    }

    // MARK: Reading

    func startReading() {
        guard !isClosing, !isHeldBack else { return }
        let allocate: uv_alloc_cb = { handle, _, buffer in
            withOwner(of: handle?.pointee.data, as: Socket.self) { socket in
                buffer?.pointee = socket.runtime.readRoom
            }
        }
        uv_read_start(stream, allocate) { stream, count, _ in
            withOwner(of: stream?.pointee.data, as: Socket.self) { $0.read(count) }
        }
    }

    /// Reads no more until `readOn`: what the peer sends stays with the kernel.
    func holdBack() {
        isHeldBack = true
        if !isClosing { uv_read_stop(stream) }
    }

    func readOn() {
        isHeldBack = false
        if runtime.isCongested { runtime.paused.append(self) } else { startReading() }
    }

    private func read(_ count: Int) {
        if count > 0 { return runtime.arrived(count, on: self) }
        guard count < 0 else { return }
        runtime.takeArrivals()  // The connection's last bytes may be among them.
        guard let connection else { return }
        runtime.begin()
        runtime.engine.connectionLost(connection)
        runtime.pump()
    }

    /// Gives the engine what has been read.
    func hand(_ bytes: UnsafeRawBufferPointer, lent: Bool, to engine: ServerEngine) {
        if let connection { engine.received(bytes, on: connection, lent: lent) }
    }

    /// Reads no more until the host has caught up.
    func pause() {
        guard !isClosing else { return }
        uv_read_stop(stream)
        runtime.paused.append(self)
    }

    // MARK: Writing

    /// Writes what the engine has for the socket's connection, as far as the kernel takes it.
    func flush(_ connection: ServerConnection) {
        guard inFlight == nil, !isClosing,
            let output = runtime.engine.takeOutput(of: connection)
        else { return }
        let written = Socket.withBuffers(of: output, from: 0) { uv_try_write(stream, $0, $1) }
        if Int(written) == output.count {
            runtime.engine.sent(output.count, on: connection)
            runtime.engine.recycle(output)
            return
        }
        guard written >= 0 || written == Int32(UV_EAGAIN.rawValue) else {
            return runtime.engine.connectionLost(connection)
        }
        let sent = max(Int(written), 0)
        runtime.engine.sent(sent, on: connection)
        writeLater(output, from: sent)
    }

    private func writeLater(_ output: Output, from start: Int) {
        inFlight = output
        let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
        request.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        write = request
        inFlightCount = output.count - start
        let result = Socket.withBuffers(of: output, from: start) { buffers, count in
            uv_write(request, stream, buffers, count) { request, status in
                owner(request?.pointee.data, as: Socket.self)?.written(status)
            }
        }
        if result < 0 { written(result) }
    }

    private var inFlightCount = 0

    private func written(_ status: Int32) {
        write?.deallocate()
        write = nil
        guard let output = inFlight else { return }
        inFlight = nil
        guard !isClosing, let connection else { return }
        runtime.begin()
        if status < 0 {
            runtime.engine.connectionLost(connection)
        } else {
            runtime.engine.sent(inFlightCount, on: connection)
            runtime.engine.recycle(output)
            flush(connection)
        }
        runtime.pump()
    }

    /// Lends libuv's view of an output without its first `start` bytes. libuv makes a copy of it.
    private static func withBuffers(
        of output: Output, from start: Int,
        _ body: (UnsafeMutablePointer<uv_buf_t>, UInt32) -> Int32
    ) -> Int32 {
        withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: output.pieceCount) { buffers in
            var count = 0
            var skipped = start
            output.forEachPiece { piece in
                let rest = piece.dropBytes(skipped)
                skipped -= piece.count - rest.count
                guard rest.count > 0 else { return }
                let base = UnsafeMutableRawPointer(mutating: rest.baseAddress)
                buffers[count] = uv_buf_t(
                    base: base?.assumingMemoryBound(to: CChar.self), len: rest.count)
                count += 1
            }
            return buffers.baseAddress.map { body($0, UInt32(count)) } ?? 0
        }
    }

    // MARK: The end

    /// Tells the peer that nothing follows. Its end of the connection stays open.
    func shutDown() {
        guard !isClosing else { return }
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        let result = uv_shutdown(request, stream) { request, _ in request?.deallocate() }
        if result < 0 { request.deallocate() }
    }

    func close() {
        guard !isClosing else { return }
        isClosing = true
        connection = nil
        uv_close(UnsafeMutableRawPointer(stream).assumingMemoryBound(to: uv_handle_t.self)) {
            handle in
            guard let handle, let data = handle.pointee.data else { return }
            let socket = Unmanaged<Socket>.fromOpaque(data).takeRetainedValue()
            UnsafeMutableRawPointer(handle).deallocate()
            socket.runtime.socketClosed()
        }
    }
}
