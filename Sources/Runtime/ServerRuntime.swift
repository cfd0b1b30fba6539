import CLibc
import CLibuv
import Engine
import Replay
import Session
import Synchronization
import Wire

/// A server on a loop: feeds the engine, performs its effects, and only then calls the host.
package final class ServerRuntime {
    package let loop: Loop
    package let messages: HostMessage
    let engine: ServerEngine

    private let onEvent: ((HostEvent) -> Void)?
    /// What the host is to take; nil if it has a callback.
    let queue: EventQueue?
    private let onLog: ((LogLevel, ByteBuffer) -> Void)?
    private let onStore: ((StoreOrder) -> Void)?
    private var onEnd: (() -> Void)?
    private var listener: Listener?
    private let unixMode: UInt32?
    private var timer: DeadlineTimer?
    private var arrivals = Arrivals()
    private let commands: CommandQueue
    /// An empty one, unless commands are being carried out.
    private var batch: CommandBatch?
    private let nextCall: Atomic<UInt64>
    private let boundPort = Atomic<UInt32>(0)
    private let isClosed = Atomic<Bool>(false)
    private let published = Locked(Statistics())
    private var isPumping = false
    private var isDestroyed = false
    private var hasEnded = false

    private(set) package var needsTurn = false
    /// Whether the host is behind with its event queue, so that nothing more should be read.
    var isCongested = false
    /// Sockets that wait for the host to catch up.
    var paused: [Socket] = []
    /// Sockets whose close callback has not run.
    var socketCount = 0

    private var crowd = Crowd()
    private var clock = WallClock()

    /// `unixMode` is the permissions of a Unix socket; nil for what the umask leaves. `onEnd` runs
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
        // Keys begin where chance has them, so that one server's mean nothing to another.
        nextCall = Atomic(source.next() >> 20 + 1)
        engine = ServerEngine(options, keysAfter: source.next()) { source.next() }
        // Not before: Embedded Swift 6.3.1 leaks an object that is given up half made.
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

    /// Whether no command is taken any more.
    private var isOver: Bool { isClosed.load(ordering: .acquiring) || loop.isInherited }

    // MARK: Commands

    /// Carries a command out now, or, from another thread, soon.
    ///
    /// `now` is for the loop's thread; `later` makes the same command with copies of its texts.
    /// `extraWeight` is the bytes that it brings otherwise.
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

    /// A number that no other call of this server has. Any thread.
    package func mintCall() -> CallKey {
        CallKey(rawValue: nextCall.wrappingAdd(1, ordering: .relaxed).oldValue)
    }

    /// Looks something up in the engine. The loop's thread only.
    package func question<Answer>(
        _ ask: (ServerEngine) throws(CallerFault) -> Answer
    ) throws(CallerFault) -> Answer {
        guard !loop.isInherited else { throw .closed }
        return try ask(engine)
    }

    /// What the server held when the loop last waited, and what had happened. Any thread.
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

    /// Where the kernel puts what it reads next.
    var readRoom: uv_buf_t { arrivals.room }

    /// `count` bytes have been put into `readRoom`.
    func arrived(_ count: Int, on socket: Socket) {
        needsTurn = true
        if arrivals.add(count, on: socket) { takeArrivals() }
    }

    /// Gives the engine all that has been read, and then the host what it says.
    func takeArrivals() {
        guard !arrivals.isEmpty else { return }
        begin()
        // A queue keeps events for longer than the bytes last.
        arrivals.forEach { $0.hand($1, lent: queue == nil, to: engine) }
        pump()
        if isCongested { arrivals.forEach { socket, _ in socket.pause() } }
        arrivals.removeAll()
    }

    // MARK: The pump

    /// Every entry into the engine begins so.
    func begin() {
        let now = advance()
        if let second = clock.newSecond(at: now) { engine.clock(second) }
    }

    /// A command begins with no more: the second that has begun meanwhile can wait.
    @discardableResult
    @inline(__always)
    private func advance() -> UInt64 {
        let now = loop.now
        engine.advance(to: Instant(milliseconds: Int64(now)))
        needsTurn = true
        return now
    }

    /// Performs all effects. The engine is at rest meanwhile, so the host may call anything.
    func pump() {
        guard !isPumping else { return }
        isPumping = true
        while !loop.isInherited, let effect = engine.nextEffect() { perform(effect) }
        isPumping = false
        if isDestroyed { end() }
    }

    /// Ends a turn of the loop: everything that has been said leaves, one write per connection.
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

    /// Writes before the turn ends, so that a host that says much at once does not fill the memory.
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

    /// A closed socket holds its memory until here, after the turn that closed it. Its descriptor
    /// may be what somebody waits for.
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

    /// Ends everything in an orderly way; the event `closed` comes last. Any thread.
    package func close() throws(CallerFault) {
        guard !loop.isInherited, !isClosed.exchange(true, ordering: .acquiringAndReleasing) else {
            throw .closed
        }
        boundPort.store(0, ordering: .releasing)
        guard loop.isOnItsThread else { return post(.closeServer) }
        closeNow()
    }

    /// Ends everything once open requests are answered, or after so many milliseconds. Any thread.
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

    /// Ends everything at once, without another event. Any thread.
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

    /// Lets go of everything. Sockets that are still closing keep this object alive.
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
