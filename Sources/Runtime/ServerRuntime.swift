import CLibc
import CLibuv
import Engine
import Link
import Replay
import Session
import Synchronization
import Wire

/// A server on a loop: passes input to the engine, performs its effects, and only then calls the
/// host.
package final class ServerRuntime {
    package let loop: Loop
    package let messages: HostMessage
    let engine: ServerEngine

    private let onEvent: ((HostEvent) -> Void)?
    /// The queue of events for the host; nil if it has a callback.
    let queue: EventQueue?
    private let onLog: ((LogLevel, ByteBuffer) -> Void)?
    private let onStore: ((StoreOrder) -> Void)?
    private var onEnd: (() -> Void)?
    private var listener: Listener?
    private let unixMode: UInt32?
    private var timer: DeadlineTimer?
    private var arrivals = Arrivals()
    private let commands: CommandQueue
    /// An empty batch for reuse; nil while commands are executed.
    private var batch: CommandBatch?
    private let nextCall: Atomic<UInt64>
    private let boundPort = Atomic<UInt32>(0)
    private let isClosed = Atomic<Bool>(false)
    private let published = Locked(Statistics())
    private var isPumping = false
    private var isDestroyed = false
    private var hasEnded = false

    private(set) package var needsTurn = false
    /// Whether the host's event queue has reached a limit, so that reading must stop.
    var isCongested = false
    /// Sockets that do not read until the host has emptied its queue.
    var paused: [Socket] = []
    /// Sockets whose close callback has not run.
    var socketCount = 0

    private var crowd = Crowd()
    private var clock = WallClock()

    /// `unixMode` is the file mode of a Unix socket; nil to let the umask decide. `onEnd` runs
    /// once, after the last event.
    package init(
        on loop: Loop, _ options: ServerOptions, audience: Audience, commandBytesMax: Int,
        unixMode: UInt32? = nil,
        onLog: ((LogLevel, ByteBuffer) -> Void)?, onStore: ((StoreOrder) -> Void)? = nil,
        onEnd: @escaping () -> Void
    ) throws(SystemFault) {
        self.loop = loop
        self.unixMode = unixMode
        commands = CommandQueue(weightMax: commandBytesMax)
        self.onLog = onLog
        self.onStore = onStore
        messages = HostMessage(options)
        var fault: SystemFault?
        switch audience {
        case .callback(let function):
            onEvent = function
            queue = nil
        case .queue(let countMax, let bytesMax):
            let queue = EventQueue(countMax: countMax, bytesMax: bytesMax)
            if queue.descriptor < 0 { fault = SystemFault.last }
            onEvent = nil
            self.queue = queue
        }
        self.onEnd = onEnd
        let source = RandomSource()
        var options = options
        options.descriptorsMax = SystemFault.descriptorsMax
        // Keys start at random numbers, so that the keys of one server are invalid for another.
        nextCall = Atomic(source.next() >> 20 + 1)
        engine = ServerEngine(options, keysAfter: source.next()) { source.next() }
        // Last: Embedded Swift 6.3.1 leaks a partially initialized object when init throws.
        if let fault { throw fault }
        timer = DeadlineTimer(loop.uv) { [unowned(unsafe) self] in
            guard !loop.isInherited else { return }
            begin()
            engine.deadlineReached()
            pump()
        }
        loop.add(self)
    }

    // MARK: Listening

    package func listen(at address: ListenAddress) throws(RuntimeFault) {
        guard !isOver else { throw .closed }
        guard loop.isOnItsThread else { throw .wrongThread }
        guard !engine.isDraining else { throw .closed }
        guard listener == nil else { throw .busy }
        do {
            let listener = try Listener.open(at: address, unixMode: unixMode, for: self)
            engine.bound(listener.reach)
            boundPort.store(UInt32(listener.port), ordering: .releasing)
            self.listener = listener
        } catch {
            throw .system(error)
        }
    }

    /// The TCP port it listens on; 0 if there is none. Any thread.
    package var port: UInt16 {
        isOver ? 0 : UInt16(truncatingIfNeeded: boundPort.load(ordering: .acquiring))
    }

    /// Whether commands are refused: the server is closing, or this is a forked child.
    private var isOver: Bool { isClosed.load(ordering: .acquiring) || loop.isInherited }

    // MARK: Commands

    /// Executes a command now or, on another thread, queues it.
    ///
    /// `now` executes it on the loop's thread; `later` builds the queued command with copies of its
    /// texts. `extraWeight` is the size of its other data in bytes.
    package func command(
        copying first: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        _ second: UnsafeRawBufferPointer = .init(start: nil, count: 0), extraWeight: Int = 0,
        now: (ServerEngine) throws(CallerFault) -> Void, later: (Text, Text) -> Command
    ) throws(CallerFault) {
        guard !isOver else { throw .closed }
        guard loop.isOnItsThread else {
            return try wake(commands.put(first, second, extraWeight: extraWeight, later))
        }
        advance()
        try now(engine)
        writeAhead()
    }

    /// A new, unique call key of this server. Any thread.
    package func mintCall() -> CallKey {
        CallKey(rawValue: nextCall.wrappingAdd(1, ordering: .relaxed).oldValue)
    }

    /// Reads from the engine. The loop's thread only.
    package func question<Answer>(
        _ ask: (ServerEngine) throws(CallerFault) -> Answer
    ) throws(CallerFault) -> Answer {
        guard !loop.isInherited else { throw .closed }
        return try ask(engine)
    }

    /// The statistics as of the last iteration of the loop. Any thread.
    package func statistics() throws(CallerFault) -> Statistics {
        guard !loop.isInherited else { throw .closed }
        return published.withLock { $0 }
    }

    private func wake(_ receipt: CommandQueue.Receipt) throws(CallerFault) {
        if receipt == .full { throw .limit }
        if receipt == .isFirst { loop.wake() }
    }

    func post(_ command: Command) {
        try? wake(commands.put(command))
    }

    func drainCommands() {
        begin()
        var batch = self.batch.take() ?? CommandBatch()
        commands.exchange(&batch)
        while !isDestroyed, let command = batch.next() {
            switch command {
            case .drainServer(let deadline): drainNow(deadline)
            case .closeServer: closeNow()
            case .destroyServer: destroy()
            case .readOn: readOn()
            case .broadcast(let method, let params):
                broadcastNow(batch.bytes(of: method), batch.bytes(of: params))
            default:
                do {
                    try command.perform(on: engine, in: batch)
                } catch {
                    if let event = command.failure(error) { deliver(event) }
                }
            }
            pump()
            writeAhead()
        }
        batch.clear()
        self.batch = batch
    }

    // MARK: Reading

    /// The buffer for the next read.
    var readRoom: uv_buf_t { arrivals.room }

    /// Adds `count` bytes that were read into `readRoom`.
    func arrived(_ count: Int, on socket: Socket) {
        needsTurn = true
        if arrivals.add(count, on: socket) { takeArrivals() }
    }

    /// Passes all bytes read to the engine, and then its events to the host.
    func takeArrivals() {
        guard !arrivals.isEmpty else { return }
        begin()
        // Queued events outlive these bytes, so they need copies.
        arrivals.forEach { $0.hand($1, lent: queue == nil, to: engine) }
        pump()
        if isCongested { arrivals.forEach { socket, _ in socket.pause() } }
        arrivals.removeAll()
    }

    // MARK: The pump

    /// Must be called before any input to the engine: sets its time and the wall clock.
    func begin() {
        let now = advance()
        if let second = clock.newSecond(at: now) { engine.clock(second) }
    }

    /// Sets only the engine's time. That is enough for a command; the wall clock may be late.
    @discardableResult
    @inline(__always)
    private func advance() -> UInt64 {
        let now = loop.now
        engine.advance(to: Instant(milliseconds: Int64(now)))
        needsTurn = true
        return now
    }

    /// Performs all effects. The engine is not running meanwhile, so the host may call any
    /// function.
    func pump() {
        guard !isPumping else { return }
        isPumping = true
        while !loop.isInherited, let effect = engine.nextEffect() { perform(effect) }
        isPumping = false
        if isDestroyed { end() }
    }

    /// Ends an iteration of the loop: writes all output, with one write per connection.
    func turn() {
        takeArrivals()
        pump()
        guard !loop.isInherited else { return }
        while let connection = engine.nextWritable() {
            flush(connection)
            if !engine.hasWritable { pump() }
        }
        needsTurn = false
        if let queue {
            handOverEvents(to: queue)
            queue.wakeHost()
        }
        let queuedBytes = UInt64(queue?.heldBytes ?? 0)
        published.withLock { statistics in
            engine.write(&statistics)
            statistics.heldBytes += queuedBytes
        }
        if crowd.hasLeft(engine.population + socketCount, isDeserted: engine.isDeserted) {
            engine.dropSpareParts()
            malloc_trim(0)
        }
        if let deadline = engine.nextDeadline {
            timer?.arm(UInt64(deadline.milliseconds), now: loop.now)
        }
    }

    /// Writes before the iteration ends if much output is queued, to limit its memory.
    private func writeAhead() {
        if engine.hasMuchToWrite { writeAll() }
    }

    func writeAll() {
        while let connection = engine.nextWritable() { flush(connection) }
    }

    private func flush(_ connection: ServerConnection) {
        guard !connection.hasEnded, !loop.isInherited else { return }
        withOwner(of: connection.driver, as: Socket.self) { $0.flush(connection) }
    }

    /// Runs in the close callback of a socket, which frees its memory. A paused listener may use
    /// its descriptor.
    func socketClosed() {
        socketCount -= 1
        needsTurn = true
        listener?.retry()
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .deliver(let event):
            deliver(event)
        case .store(let order):
            if !isDestroyed { onStore?(order) }
        case .shutDown(let connection):
            if !connection.hasEnded { Socket.of(connection).shutDown() }
        case .stopReading(let connection):
            if !connection.hasEnded { Socket.of(connection).holdBack() }
        case .startReading(let connection):
            if !connection.hasEnded { Socket.of(connection).readOn() }
        case .close(let connection):
            Socket.of(connection).close()
        case .log(let level, let text):
            log(level, text)
        case .closed:
            isClosed.store(true, ordering: .releasing)
            timer?.letLoopEnd()
            deliver(HostEvent(.closed))
        }
    }

    private func deliver(_ event: HostEvent) {
        guard !isDestroyed else { return }
        if let queue {
            if queue.add(event) { handOverEvents(to: queue) }
        } else {
            onEvent?(event)
            engine.recycle(event)
        }
    }

    private func handOverEvents(to queue: EventQueue) {
        if queue.handOver({ engine.recycle($0) }) { isCongested = true }
    }

    private func log(_ level: LogLevel, _ text: ByteBuffer) {
        guard !isDestroyed else { return }
        if let onLog { return onLog(level, text) }
        guard queue != nil else { return }
        let event = HostEvent(.log)
        event.level = level
        event.text = text
        deliver(event)
    }

    // MARK: The end

    /// Closes the server in order; the last event is `closed`. Any thread.
    package func close() throws(CallerFault) {
        guard !loop.isInherited, !isClosed.exchange(true, ordering: .acquiringAndReleasing) else {
            throw .closed
        }
        boundPort.store(0, ordering: .releasing)
        guard loop.isOnItsThread else { return post(.closeServer) }
        closeNow()
    }

    /// Closes the server when all open requests are answered, or after `deadline` milliseconds. Any
    /// thread.
    package func drain(deadline: Int64) throws(CallerFault) {
        guard !isOver else { throw .closed }
        boundPort.store(0, ordering: .releasing)
        guard loop.isOnItsThread else { return post(.drainServer(deadline: deadline)) }
        drainNow(deadline)
    }

    private func drainNow(_ deadline: Int64) {
        begin()
        listener?.close()
        listener = nil
        timer?.keepLoopAlive()
        engine.drain(until: Instant(milliseconds: Int64(loop.now) + deadline))
    }

    private func closeNow() {
        begin()
        listener?.close()
        listener = nil
        engine.close()
    }

    /// Closes the server immediately, without further events. Any thread.
    package func destroy() {
        guard !loop.isInherited else { return }
        isClosed.store(true, ordering: .releasing)
        guard loop.isOnItsThread || !loop.isRunning else { return post(.destroyServer) }
        guard !isDestroyed else { return }
        isDestroyed = true
        closeNow()
        engine.abandon()
        pump()
    }

    /// Releases everything. Sockets that are still closing keep this object alive.
    private func end() {
        guard !hasEnded else { return }
        hasEnded = true
        timer?.close()
        timer = nil
        loop.remove(self)
        onEnd?()
        onEnd = nil
    }
}
