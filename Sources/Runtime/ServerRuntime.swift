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

    private var audience: Audience
    private let onLog: ((LogLevel, ByteBuffer) -> Void)?
    private let onStore: ((StoreOrder) -> Void)?
    private var onEnd: (() -> Void)?
    private var listener: Listener?
    private var timer: DeadlineTimer?
    private let slab: UnsafeMutableRawPointer
    private let commands = Mailbox<Command>()
    private let commandBytesMax: Int
    private let events = Mailbox<HostEvent>()
    private let eventDescriptor: Int32
    /// Whether the host is to be woken at the end of the turn: once for all its events.
    private var mustSignal = false
    private let nextCall = Atomic<UInt64>(1)
    private let boundPort = Atomic<UInt32>(0)
    private let isClosed = Atomic<Bool>(false)
    private let published = Published(Statistics())
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

    private static let slabSize = 256 << 10

    /// `onEnd` runs once, after the last event.
    package init(
        on loop: Loop, _ options: ServerOptions, audience: Audience, commandBytesMax: Int,
        onLog: ((LogLevel, ByteBuffer) -> Void)?, onStore: ((StoreOrder) -> Void)? = nil,
        onEnd: @escaping () -> Void
    ) throws(SystemFault) {
        self.loop = loop
        self.audience = audience
        self.commandBytesMax = commandBytesMax
        self.onLog = onLog
        self.onStore = onStore
        messages = HostMessage(options)
        var fault: SystemFault?
        if case .queue = audience {
            eventDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
            if eventDescriptor < 0 { fault = SystemFault.last }
        } else {
            eventDescriptor = -1
        }
        self.onEnd = onEnd
        slab = .allocate(byteCount: ServerRuntime.slabSize, alignment: 16)
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

    deinit {
        slab.deallocate()
        if eventDescriptor >= 0 { CLibc.close(eventDescriptor) }
    }

    // MARK: Listening

    package func listen(at address: ListenAddress) throws(RuntimeFault) {
        guard loop.isOnItsThread else { throw .wrongThread }
        guard !isClosed.load(ordering: .acquiring), !engine.isDraining else { throw .closed }
        guard listener == nil else { throw .busy }
        do {
            let listener = try Listener.open(at: address, for: self)
            engine.bound(isLoopback: listener.isLoopback)
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
    /// `now` is for the loop's thread; `later` makes the same command with copies of its bytes.
    package func command(
        now: (ServerEngine) throws(CallerFault) -> Void, later: () -> Command
    ) throws(CallerFault) {
        guard !isClosed.load(ordering: .acquiring) else { throw .closed }
        guard loop.isOnItsThread else { return try post(later(), atMost: commandBytesMax) }
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
    package var statistics: Statistics { published.value ?? Statistics() }

    private func post(
        _ command: consuming Command, atMost limit: Int = .max
    ) throws(CallerFault) {
        let weight = command.weight
        switch commands.put(command, weighing: weight, atMost: limit) {
        case .isFirst: loop.wake()
        case .joined: break
        case .full: throw .limit
        }
    }

    func drainCommands() {
        begin()
        for command in commands.takeAll() where !isDestroyed {
            switch command {
            case .drainServer(let deadline): drainNow(deadline)
            case .closeServer: closeNow()
            case .destroyServer: destroy()
            case .readOn: readOn()
            default:
                do {
                    try command.perform(on: engine)
                } catch {
                    if let event = command.failure(error) { deliver(event) }
                }
            }
            pump()
            writeAhead()
        }
    }

    // MARK: The pump

    /// Where the kernel puts what it reads. One for all connections: an idle one owns no buffer.
    var readBuffer: uv_buf_t {
        uv_buf_t(base: slab.assumingMemoryBound(to: CChar.self), len: ServerRuntime.slabSize)
    }

    /// Every entry into the engine begins so.
    func begin() {
        engine.advance(to: Instant(milliseconds: Int64(loop.now)))
        needsTurn = true
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
        pump()
        while let connection = engine.nextWritable() {
            flush(connection)
            if !engine.hasWritable { pump() }
        }
        needsTurn = false
        if mustSignal {
            mustSignal = false
            signal()
        }
        published.publish(engine.statistics)
        returnMemory()
        if let deadline = engine.nextDeadline {
            timer?.arm(UInt64(deadline.milliseconds), now: loop.now)
        }
    }

    /// Writes before the turn ends, so that a host that says much at once does not fill the memory.
    private func writeAhead() {
        guard engine.hasMuchToWrite else { return }
        while let connection = engine.nextWritable() { flush(connection) }
    }

    private func flush(_ connection: ServerConnection) {
        if !connection.hasEnded { Socket.of(connection).flush() }
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
        switch audience {
        case .callback(let function):
            function(event)
            engine.recycle(event)
        case .queue(let countMax):
            switch events.put(event) {
            case .isFirst: mustSignal = true
            case .joined(let count): if count >= countMax { isCongested = true }
            case .full: break
            }
        }
    }

    private func log(_ level: LogLevel, _ text: ByteBuffer) {
        guard !isDestroyed else { return }
        if let onLog { return onLog(level, text) }
        guard case .queue = audience else { return }
        let event = HostEvent(.log)
        event.level = level
        event.text = text
        deliver(event)
    }

    // MARK: The event queue

    /// Readable while events wait; -1 if the host has callbacks.
    package var descriptor: Int32 { eventDescriptor }

    package var hasQueue: Bool { eventDescriptor >= 0 }

    /// Takes the oldest events out. Any thread, one at a time.
    package func takeEvents(atMost limit: Int) -> [HostEvent] {
        var count: UInt64 = 0
        _ = CLibc.read(eventDescriptor, &count, MemoryLayout<UInt64>.size)
        let (taken, left) = events.take(atMost: limit)
        if left > 0 {
            signal()
        } else if !taken.isEmpty {
            try? post(.readOn)
        }
        return taken
    }

    private func signal() {
        var one: UInt64 = 1
        _ = CLibc.write(eventDescriptor, &one, MemoryLayout<UInt64>.size)
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
        guard loop.isOnItsThread else { return try post(.closeServer) }
        closeNow()
    }

    /// Ends everything once open requests are answered, or after so many milliseconds. Any thread.
    package func drain(deadline: Int64) throws(CallerFault) {
        guard !isClosed.load(ordering: .acquiring) else { throw .closed }
        boundPort.store(0, ordering: .releasing)
        guard loop.isOnItsThread else { return try post(.drainServer(deadline: deadline)) }
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
        guard loop.isOnItsThread || !loop.isRunning else {
            try? post(.destroyServer)
            return
        }
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
        audience = .callback { _ in }
        onEnd?()
        onEnd = nil
    }
}
