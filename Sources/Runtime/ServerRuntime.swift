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

    /// Who hears the events.
    package enum Audience {
        /// A function of the host's, called on the loop's thread.
        case callback((HostEvent) -> Void)
        /// A queue that the host drains from a thread of its own.
        case queue(countMax: Int)
    }

    private let onEvent: ((HostEvent) -> Void)?
    /// What the host is to take; nil if it has a callback.
    private let queue: EventQueue?
    private let onLog: ((LogLevel, ByteBuffer) -> Void)?
    private let onStore: ((StoreOrder) -> Void)?
    private var onEnd: (() -> Void)?
    private var listener: Listener?
    private var timer: DeadlineTimer?
    private var arrivals = Arrivals()
    private let commands: CommandQueue
    /// An empty one, unless commands are being carried out.
    private var batch: CommandBatch?
    private let nextCall = Atomic<UInt64>(1)
    private let boundPort = Atomic<UInt32>(0)
    private let isClosed = Atomic<Bool>(false)
    private let published = Locked(Statistics())
    /// When the second of the time of day is over, in the loop's milliseconds.
    private var nextSecond: UInt64 = 0
    private var isPumping = false
    private var isDestroyed = false
    private var hasEnded = false

    private(set) package var needsTurn = false
    /// Whether the host is behind with its event queue, so that nothing more should be read.
    private(set) var isCongested = false
    /// Sockets that wait for the host to catch up.
    var paused: [Socket] = []
    /// Sockets whose close callback has not run.
    var socketCount = 0

    /// The most that there was to hold since memory was last given back.
    private var peakPopulation = 0
    /// Whether some of a crowd was still there when memory was last given back.
    private var owesMemory = false

    /// `onEnd` runs once, after the last event.
    package init(
        on loop: Loop, _ options: ServerOptions, audience: Audience, commandBytesMax: Int,
        onLog: ((LogLevel, ByteBuffer) -> Void)?, onStore: ((StoreOrder) -> Void)? = nil,
        onEnd: @escaping () -> Void
    ) throws(SystemFault) {
        self.loop = loop
        commands = CommandQueue(weightMax: commandBytesMax)
        self.onLog = onLog
        self.onStore = onStore
        messages = HostMessage(options)
        var fault: SystemFault?
        switch audience {
        case .callback(let function):
            onEvent = function
            queue = nil
        case .queue(let countMax):
            let queue = EventQueue(countMax: countMax)
            if queue.descriptor < 0 { fault = SystemFault.last }
            onEvent = nil
            self.queue = queue
        }
        self.onEnd = onEnd
        let source = RandomSource()
        engine = ServerEngine(options) { source.next() }
        // Not before: Embedded Swift 6.3.1 leaks an object that is given up half made.
        if let fault { throw fault }
        timer = DeadlineTimer(loop.uv) { [unowned(unsafe) self] in
            begin()
            engine.deadlineReached()
            pump()
        }
        loop.add(self)
    }

    // MARK: Listening

    package func listen(at address: ListenAddress) throws(RuntimeFault) {
        guard loop.isOnItsThread else { throw .wrongThread }
        guard !isClosed.load(ordering: .acquiring), !engine.isDraining else { throw .closed }
        guard listener == nil else { throw .busy }
        do {
            let listener = try Listener.open(at: address, for: self)
            engine.bound(listener.reach)
            boundPort.store(UInt32(listener.port), ordering: .releasing)
            self.listener = listener
        } catch {
            throw .system(error)
        }
    }

    /// The TCP port it listens on; 0 if there is none. Any thread.
    package var port: UInt16 { UInt16(truncatingIfNeeded: boundPort.load(ordering: .acquiring)) }

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
        guard !isClosed.load(ordering: .acquiring) else { throw .closed }
        guard loop.isOnItsThread else {
            return try wake(commands.put(first, second, extraWeight: extraWeight, later))
        }
        begin()
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
        try ask(engine)
    }

    /// What the server held when the loop last waited, and what had happened. Any thread.
    package var statistics: Statistics { published.withLock { $0 } }

    private func wake(_ receipt: CommandQueue.Receipt) throws(CallerFault) {
        switch receipt {
        case .isFirst: loop.wake()
        case .joined: break
        case .full: throw .limit
        }
    }

    private func post(_ command: Command) {
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
        let now = loop.now
        engine.advance(to: Instant(milliseconds: Int64(now)))
        if now >= nextSecond { tellClock(now) }
        needsTurn = true
    }

    /// Tells the engine the time of day, and notes when that will be a second later.
    private func tellClock(_ now: UInt64) {
        var time = uv_timeval64_t()
        guard uv_gettimeofday(&time) == 0 else { return }
        engine.clock(time.tv_sec)
        nextSecond = now + UInt64(max(0, 1_000 - time.tv_usec / 1_000))
    }

    /// Performs all effects. The engine is at rest meanwhile, so the host may call anything.
    func pump() {
        guard !isPumping else { return }
        isPumping = true
        while let effect = engine.nextEffect() { perform(effect) }
        isPumping = false
        if isDestroyed { end() }
    }

    /// Ends a turn of the loop: everything that has been said leaves, one write per connection.
    func turn() {
        takeArrivals()
        pump()
        while let connection = engine.nextWritable() {
            flush(connection)
            if !engine.hasWritable { pump() }
        }
        needsTurn = false
        if let queue {
            handOverEvents(to: queue)
            queue.wakeHost()
        }
        let statistics = engine.statistics
        published.withLock { $0 = statistics }
        returnMemory()
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
        guard !connection.hasEnded else { return }
        withOwner(of: connection.driver, as: Socket.self) { $0.flush(connection) }
    }

    /// A closed socket holds its memory until here, after the turn that closed it. Its descriptor
    /// may be what somebody waits for.
    func socketClosed() {
        socketCount -= 1
        needsTurn = true
        listener?.retry()
    }

    /// Gives memory back to the system once a crowd has left: free chunks between live ones are
    /// the C library's to keep otherwise. Rarely enough that its cost is spread over the crowd.
    private func returnMemory() {
        let population = engine.population + socketCount
        peakPopulation = max(peakPopulation, population)
        let hasShrunk = peakPopulation - population > max(population, 256)
        let isEmptyAgain = engine.isDeserted && owesMemory
        guard hasShrunk || isEmptyAgain else { return }
        owesMemory = !engine.isDeserted
        peakPopulation = population
        engine.dropSpareParts()
        malloc_trim(0)
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .deliver(let event):
            deliver(event)
        case .store(let order):
            onStore?(order)
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

    // MARK: The event queue

    /// Readable while events wait; -1 if the host has a callback.
    package var descriptor: Int32 { queue?.descriptor ?? -1 }

    /// Gives back the `events` taken before, and takes the oldest that wait. Any thread, one at a
    /// time.
    package func exchangeEvents(_ events: inout [HostEvent], atMost limit: Int) {
        if queue?.exchange(&events, atMost: limit) == true { post(.readOn) }
    }

    private func readOn() {
        guard isCongested else { return }
        isCongested = false
        let sockets = paused
        paused = []
        for socket in sockets { socket.startReading() }
    }

    // MARK: The end

    /// Ends everything in an orderly way; the event `closed` comes last. Any thread.
    package func close() throws(CallerFault) {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { throw .closed }
        boundPort.store(0, ordering: .releasing)
        guard loop.isOnItsThread else { return post(.closeServer) }
        closeNow()
    }

    /// Ends everything once open requests are answered, or after so many milliseconds. Any thread.
    package func drain(deadline: Int64) throws(CallerFault) {
        guard !isClosed.load(ordering: .acquiring) else { throw .closed }
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
