import CLibc
import CLibuv
import Engine
import Link
import Session
import Wire

/// An engine, as far as a pump must know it: the same for each role.
protocol DrivenEngine: AnyObject {
    associatedtype Effect
    associatedtype Connection

    func advance(to instant: Instant)
    func clock(_ seconds: Int64)
    func deadlineReached()

    func nextEffect() -> Effect?
    /// Called before the output of a turn is written; false if that changes nothing.
    func endTurn() -> Bool
    func nextWritable() -> Connection?
    /// Whether effects have to be performed before output is written.
    var owesEffects: Bool { get }
    var hasMuchToWrite: Bool { get }
    var nextDeadline: Instant? { get }

    /// Whether what can wait has to wait: the host does not take its events.
    func hold(_ isHeld: Bool)
    func recycle(_ event: HostEvent)
    func write(_ statistics: inout Statistics)
    var population: Int { get }
    var isDeserted: Bool { get }
    func dropSpareParts()
}

/// The owner of a pump: it does what depends on the engine's role.
protocol EngineDriver: AnyObject {
    associatedtype Driven: DrivenEngine
    associatedtype QueuedCommand

    /// Passes bytes to the engine; see `ServerEngine.received` for `lent`.
    func take(_ bytes: UnsafeRawBufferPointer, from socket: Socket, lent: Bool)
    /// Executes a command that another thread has queued.
    func execute(_ command: QueuedCommand, in batch: CommandBatch<QueuedCommand>)
    /// Lets go of a command that will not be executed: the engine was destroyed before.
    func drop(_ command: QueuedCommand, in batch: CommandBatch<QueuedCommand>)
    /// Performs an effect of the engine. It may call the host, which may call any function.
    func perform(_ effect: Driven.Effect)
    /// Writes the output of a connection.
    func flush(_ connection: Driven.Connection)
    /// Releases everything, after the last effect of a destroyed engine. It may be called again.
    func end()
}

/// Drives an engine on a loop: passes input to it, performs its effects while it is at rest, and
/// delivers its events.
///
/// It keeps no reference to its driver, which owns it and passes itself to each call.
final class Pump<Driver: EngineDriver> {
    private let engine: Driver.Driven
    private let loop: Loop
    private let onEvent: ((HostEvent) -> Void)?
    /// Takes events before the host does, and returns whether that was one of its own.
    private var takes: ((HostEvent) -> Bool)?
    /// The queue of events for the host; nil if it has a callback.
    private let queue: EventQueue?
    private let onLog: ((LogLine) -> Void)?

    private let commands: CommandQueue<Driver.QueuedCommand>
    /// An empty batch for reuse; nil while commands are executed.
    private var batch: CommandBatch<Driver.QueuedCommand>?
    private var arrivals = Arrivals()
    private var clock = WallClock()
    /// The timer of the engine's deadlines; nil before `start` and after `end`.
    private var timer: DeadlineTimer?
    private var isPumping = false
    /// Whether the host wants no more events.
    private(set) var isDestroyed = false
    private(set) var needsTurn = false

    /// Whether the host's event queue has reached a limit, so that reading must stop.
    private(set) var isCongested = false
    /// Sockets that do not read until the host has emptied its queue.
    private var paused: [Socket] = []
    /// Sockets whose close callback has not run.
    private var socketCount = 0
    private var crowd = Crowd()
    private let published = Locked(Statistics())

    init(
        _ engine: Driver.Driven, on loop: Loop, for audience: Audience,
        onLog: ((LogLine) -> Void)?, commandBytesMax: Int
    ) {
        self.engine = engine
        self.loop = loop
        self.onLog = onLog
        commands = CommandQueue(weightMax: commandBytesMax)
        switch audience {
        case .callback(let function):
            onEvent = function
            queue = nil
        case .queue(let countMax, let bytesMax):
            onEvent = nil
            queue = EventQueue(countMax: countMax, bytesMax: bytesMax)
        }
    }

    /// Why the host's event queue has no descriptor; nil if it has one, or is not needed.
    var fault: SystemFault? { queue?.fault }

    // MARK: Deadlines

    /// Starts the timer of the engine's deadlines. It keeps no reference to the driver either.
    func start(for driver: Driver) {
        timer = DeadlineTimer(loop.uv) { [unowned(unsafe) self, unowned(unsafe) driver] in
            guard !loop.isInherited else { return }
            begin()
            engine.deadlineReached()
            performEffects(for: driver)
        }
    }

    /// Keeps the loop running until the next deadline.
    func keepLoopAlive() { timer?.keepLoopAlive() }

    /// Lets the loop end although there is a deadline.
    func letLoopEnd() { timer?.letLoopEnd() }

    /// Closes the timer.
    func end() {
        timer?.close()
        timer = nil
    }

    // MARK: Commands

    /// Queues the command that `make` builds with copies of two texts. Any thread.
    func queue(
        copying first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, extraWeight: Int,
        _ make: (Text, Text) -> Driver.QueuedCommand
    ) throws(CallerFault) {
        try wake(commands.put(first, second, extraWeight: extraWeight, make))
    }

    /// Queues a command that must not fail, whatever the queue's limit. Any thread.
    func post(_ command: Driver.QueuedCommand) {
        try? wake(commands.put(command))
    }

    private func wake(_ receipt: CommandReceipt) throws(CallerFault) {
        if receipt == .full { throw .limit }
        if receipt == .isFirst { loop.wake() }
    }

    /// Executes the commands that other threads have queued.
    @_optimize(speed)
    func drainCommands(for driver: Driver) {
        begin()
        var batch = self.batch.take() ?? CommandBatch()
        commands.exchange(&batch)
        while !isDestroyed, let command = batch.next() {
            driver.execute(command, in: batch)
            performEffects(for: driver)
            writeAhead(for: driver)
        }
        drop(&batch, for: driver)
        batch.clear()
        self.batch = batch
    }

    /// Drops the commands that wait, when the engine has been destroyed.
    func dropCommands(for driver: Driver) {
        var batch = CommandBatch<Driver.QueuedCommand>()
        commands.exchange(&batch)
        drop(&batch, for: driver)
    }

    @inline(never)
    private func drop(_ batch: inout CommandBatch<Driver.QueuedCommand>, for driver: Driver) {
        while let command = batch.next() { driver.drop(command, in: batch) }
    }

    // MARK: Reading

    /// The buffer for the next read.
    var readRoom: uv_buf_t { arrivals.room }

    /// Adds `count` bytes that were read into `readRoom`.
    @inline(__always)
    func arrived(_ count: Int, on socket: Socket, for driver: Driver) {
        needsTurn = true
        if arrivals.add(count, on: socket) { takeArrivals(for: driver) }
    }

    /// Passes all bytes read to the engine, and then its events to the host.
    @_optimize(speed)
    func takeArrivals(for driver: Driver) {
        guard !arrivals.isEmpty else { return }
        begin()
        // Queued events outlive these bytes, so they need copies.
        arrivals.forEach { driver.take($1, from: $0, lent: queue == nil) }
        performEffects(for: driver)
        if isCongested { arrivals.forEach { socket, _ in socket.pause() } }
        arrivals.removeAll()
    }

    /// Makes a socket start reading when the host has emptied its queue.
    func startReadingLater(_ socket: Socket) {
        paused.append(socket)
    }

    /// The host has emptied the queue, or has returned many events: recycles them and resumes
    /// reading.
    func readOn() {
        queue?.takeBack { engine.recycle($0) }
        guard isCongested else { return }
        isCongested = false
        engine.hold(false)
        let sockets = paused
        paused = []
        for socket in sockets { socket.startReading() }
    }

    func socketOpened() {
        socketCount += 1
    }

    /// A socket's close callback runs, which frees its memory.
    func socketClosed() {
        socketCount -= 1
        needsTurn = true
    }

    // MARK: Input and effects

    /// Must be called before any input to the engine: sets its time and the wall clock.
    func begin() {
        let now = advance()
        if let second = clock.newSecond(at: now) { engine.clock(second) }
    }

    /// Sets only the engine's time. That is enough for a command; the wall clock may be late.
    @discardableResult
    @inline(__always)
    func advance() -> UInt64 {
        let now = loop.now
        engine.advance(to: Instant(milliseconds: Int64(now)))
        needsTurn = true
        return now
    }

    /// Performs all effects. The engine is not running meanwhile, so the host may call any
    /// function.
    @_optimize(speed)
    func performEffects(for driver: Driver) {
        guard !isPumping else { return }
        isPumping = true
        while !loop.isInherited, let effect = engine.nextEffect() { driver.perform(effect) }
        isPumping = false
        if isDestroyed { driver.end() }
    }

    /// Ends an iteration of the loop: writes all output, with one write per connection.
    @_optimize(speed)
    func turn(for driver: Driver) {
        takeArrivals(for: driver)
        performEffects(for: driver)
        guard !loop.isInherited else { return }
        repeat {
            while let connection = engine.nextWritable() {
                driver.flush(connection)
                // What was written may release an answer: its store has it before the client does.
                performEffects(for: driver)
            }
        } while endTurn(for: driver)
        needsTurn = false
        if let queue {
            handOverEvents(to: queue)
            queue.wakeHost()
        }
        publish()
        if crowd.hasLeft(engine.population + socketCount, isDeserted: engine.isDeserted) {
            engine.dropSpareParts()
            malloc_trim(0)
        }
        if let deadline = engine.nextDeadline {
            timer?.arm(UInt64(deadline.milliseconds), now: loop.now)
        }
    }

    private func endTurn(for driver: Driver) -> Bool {
        guard engine.endTurn() else { return false }
        performEffects(for: driver)
        return !loop.isInherited
    }

    /// Writes before the iteration ends if much output is queued, to limit its memory.
    @_optimize(speed)
    func writeAhead(for driver: Driver) {
        if engine.hasMuchToWrite { writeAll(for: driver) }
    }

    /// Writes now, within a command, unless effects come first: then the turn writes.
    @_optimize(speed)
    func writeAll(for driver: Driver) {
        while !engine.owesEffects, let connection = engine.nextWritable() {
            driver.flush(connection)
        }
    }

    /// Drops all further events; the driver's `end` is called after the next effects.
    func destroy() {
        isDestroyed = true
    }

    // MARK: Events

    @inline(__always)
    func deliver(_ event: HostEvent) {
        guard !isDestroyed else { return }
        if takes != nil, isTaken(event) { return }
        if let queue {
            if queue.add(event) { handOverEvents(to: queue) }
        } else {
            onEvent?(event)
            engine.recycle(event)
        }
    }

    /// Shows all further events to somebody else before the host.
    func show(to takes: @escaping (HostEvent) -> Bool) {
        self.takes = takes
    }

    @inline(never)
    private func isTaken(_ event: HostEvent) -> Bool {
        guard let takes, takes(event) else { return false }
        engine.recycle(event)
        return true
    }

    @_optimize(speed)
    private func handOverEvents(to queue: EventQueue) {
        guard queue.handOver({ engine.recycle($0) }), !isCongested else { return }
        isCongested = true
        engine.hold(true)
    }

    func log(_ line: LogLine) {
        guard !isDestroyed else { return }
        if let onLog { return onLog(line) }
        if queue != nil { deliver(HostEvent(line)) }
    }

    /// Readable while events are queued; -1 if the host has a callback.
    var descriptor: Int32 { queue?.descriptor ?? -1 }

    /// Returns the `events` taken before, and takes the oldest queued ones. Returns true if
    /// `readOn` must be called on the loop's thread. Any thread, but only one at a time.
    func exchangeEvents(_ events: inout [HostEvent], atMost limit: Int) -> Bool {
        queue?.exchange(&events, atMost: limit) ?? false
    }

    // MARK: Statistics

    /// The statistics as of the last iteration of the loop. Any thread.
    var statistics: Statistics { published.withLock { $0 } }

    @inline(__always)
    private func publish() {
        let queuedBytes = UInt64(queue?.heldBytes ?? 0)
        published.withLock { statistics in
            engine.write(&statistics)
            statistics.heldBytes += queuedBytes
        }
    }
}
