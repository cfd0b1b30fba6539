import CLibc
import CLibuv
import Engine
import Link
import Replay
import Session
import Synchronization
import Wire

/// A server on a loop: its listener, its sockets and its end. A pump drives its engine.
package final class ServerRuntime: EngineDriver {
    typealias Driven = ServerEngine

    package let loop: Loop
    package let messages: HostMessage
    package let engine: ServerEngine
    let pump: Pump<ServerRuntime>

    private let onStore: ((StoreOrder) -> Void)?
    /// Whether a subscription to one resource covers another one.
    let onCovers: ((ByteBuffer, UnsafeRawBufferPointer) -> Bool)?
    /// Runs the errands of a layer above, by a number and a key.
    let onErrand: ((Errand) -> CallerFault?)?
    private var onEnd: (() -> Void)?
    private var listeners: [Listener] = []
    private var isReached = false
    /// The servers that are mounted on this one, with this one; empty if there are none.
    let endpoints = Endpoints()
    /// The endpoints that it belongs to: its own, or those of the server that it is mounted on.
    let joined = Locked<Endpoints?>(nil)
    let isMounted = Atomic<Bool>(false)
    private let unixMode: UInt32?
    private let nextCall: Atomic<UInt64>
    private let boundPort = Atomic<UInt32>(0)
    private let isClosed = Atomic<Bool>(false)
    private var hasEnded = false

    /// `unixMode` is the file mode of a Unix socket; nil to let the umask decide. `onEnd` runs
    /// once, after the last event.
    package init(
        on loop: Loop, _ options: ServerOptions, audience: Audience, commandBytesMax: Int,
        unixMode: UInt32? = nil,
        onLog: ((LogLine) -> Void)?, onStore: ((StoreOrder) -> Void)? = nil,
        onCovers: ((ByteBuffer, UnsafeRawBufferPointer) -> Bool)? = nil,
        onErrand: ((Errand) -> CallerFault?)? = nil, onEnd: @escaping () -> Void
    ) throws(SystemFault) {
        self.loop = loop
        self.unixMode = unixMode
        self.onStore = onStore
        self.onCovers = onCovers
        self.onErrand = onErrand
        self.onEnd = onEnd
        messages = HostMessage(options)
        let source = RandomSource()
        var options = options
        options.descriptorsMax = SystemFault.descriptorsMax
        // Keys start at random numbers, so that the keys of one server are invalid for another.
        nextCall = Atomic(source.next() >> 20 + 1)
        // Only records need it.
        let stopwatch = options.reportsExchanges ? { uv_hrtime() / 1_000 } : nil
        engine = ServerEngine(options, keysAfter: source.next(), stopwatch: stopwatch) {
            source.next()
        }
        pump = Pump(
            engine, on: loop, for: audience, onLog: onLog, commandBytesMax: commandBytesMax)
        // Last: Embedded Swift 6.3.1 leaks a partially initialized object when init throws.
        if let fault = pump.fault { throw fault }
        pump.start(for: self)
        loop.add(self)
    }

    // MARK: Listening

    /// Listens at an address of `ListenAddress`; nil is the loopback address.
    package func listen(
        at text: UnsafeRawBufferPointer?, port: UInt16
    ) throws(ListenFault) {
        guard !isOver else { throw ListenFault(.closed) }
        guard loop.isOnItsThread else { throw ListenFault(.wrongThread) }
        guard !engine.isDraining else { throw ListenFault(.closed) }
        guard listeners.isEmpty else { throw ListenFault(.busy) }
        let text = text ?? ListenAddress.loopback.rawBytes
        let address = try ListenAddress(text, port: port)
        do throws(SystemFault) {
            began(try Listener.open(at: address, unixMode: unixMode, for: self))
        } catch {
            throw ListenFault(error, at: address, text, port)
        }
    }

    /// Listens on a socket of the host's; false if it does not listen.
    package func listen(on descriptor: Int32) throws(RuntimeFault) -> Bool {
        guard !isOver else { throw .closed }
        guard loop.isOnItsThread else { throw .wrongThread }
        guard !engine.isDraining else { throw .closed }
        let family = prepare_socket(descriptor, 1)
        guard family >= 0 else { return false }
        do throws(SystemFault) {
            began(try Listener.take(descriptor, family: family, for: self))
        } catch {
            throw .system(error)
        }
        return true
    }

    /// It listens, perhaps on a further socket.
    private func began(_ listener: Listener) {
        reached(from: listener.reach)
        listeners.append(listener)
        if port == 0 { boundPort.store(UInt32(listener.port), ordering: .releasing) }
    }

    /// Clients come from there, too. The checks are those for who comes from farthest.
    private func reached(from reach: Reach) {
        engine.bound(reach, isFirst: !isReached)
        isReached = true
    }

    private func stopListening() {
        for listener in listeners { listener.close() }
        listeners = []
    }

    /// Takes over a connected socket; false if it is none. Any thread.
    package func adopt(_ descriptor: Int32) throws(CallerFault) -> Bool {
        guard !isOver else { throw .closed }
        guard prepare_socket(descriptor, 0) >= 0 else { return false }
        let socket = GivenSocket(descriptor)
        do throws(CallerFault) {
            try queue(socket)
        } catch {
            _ = socket.take()
            throw error
        }
        return true
    }

    /// The TCP port it listens on; 0 if there is none. Any thread.
    package var port: UInt16 {
        isOver ? 0 : UInt16(truncatingIfNeeded: boundPort.load(ordering: .acquiring))
    }

    /// Whether commands are refused: the server is closing, or this is a forked child.
    var isOver: Bool { isClosed.load(ordering: .acquiring) || loop.isInherited }

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
        try inlinedCommand(copying: first, second, extraWeight: extraWeight, now: now, later: later)
    }

    /// The same, for the commands that are executed most often.
    @inline(__always)
    func inlinedCommand(
        copying first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer = .init(start: nil, count: 0), extraWeight: Int = 0,
        now: (ServerEngine) throws(CallerFault) -> Void, later: (Text, Text) -> Command
    ) throws(CallerFault) {
        guard !isOver else { throw .closed }
        guard loop.isOnItsThread else {
            return try pump.queue(copying: first, second, extraWeight: extraWeight, later)
        }
        pump.advance()
        try now(engine)
        pump.writeAhead(for: self)
    }

    /// Executes a command now or, on another thread, queues it whatever the queue's limit.
    func promptly(
        _ later: Command, _ now: (ServerEngine) throws(CallerFault) -> Void
    ) throws(CallerFault) {
        guard !isOver else { throw .closed }
        guard loop.isOnItsThread else { return pump.post(later) }
        pump.advance()
        try now(engine)
    }

    /// Queues a command without texts, also on the loop's thread. Any thread.
    func queue(_ command: Command, weight: Int = 0) throws(CallerFault) {
        guard !isOver else { throw .closed }
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        try pump.queue(copying: nothing, nothing, extraWeight: weight) { _, _ in command }
    }

    /// Queues a socket, which becomes a connection. Any thread.
    func queue(_ socket: GivenSocket) throws(CallerFault) {
        let weight = ServerConnection.heldBytes + (socket.bytes?.heldBytes ?? 0)
        try queue(.adopt(socket), weight: weight)
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
        return pump.statistics
    }

    @inline(never)
    func execute(_ command: Command, in batch: CommandBatch<Command>) {
        switch command {
        case .drainServer(let deadline): drainNow(deadline)
        case .closeServer: closeNow()
        case .destroyServer: destroy()
        case .readOn: pump.readOn()
        case .adopt(let socket):
            if let reach = socket.reach { reached(from: reach) }
            Socket.adopt(socket, for: self)
        case .join(let endpoints): join(endpoints)
        case .broadcast(let method, let params):
            broadcastNow(batch.bytes(of: method), batch.bytes(of: params))
        case .publish(let change, let uri): publishNow(change, batch.bytes(of: uri))
        case .errand(let number, let key, let first, let second):
            do throws(CallerFault) {
                try run(
                    Errand(
                        number, key, batch.bytes(of: first), batch.bytes(of: second),
                        wasQueued: true))
            } catch {
                if let event = command.failure(error) { pump.deliver(event) }
            }
        default:
            do {
                try command.perform(on: engine, in: batch)
            } catch {
                if let event = command.failure(error) { pump.deliver(event) }
            }
        }
    }

    func drop(_ command: Command, in batch: CommandBatch<Command>) {
        guard case .errand(let number, let key, let first, let second) = command else { return }
        var errand = Errand(
            number, key, batch.bytes(of: first), batch.bytes(of: second), wasQueued: true)
        errand.isDropped = true
        _ = onErrand?(errand)
    }

    // MARK: Events

    /// Readable while events are queued; -1 if the host has a callback.
    package var descriptor: Int32 { loop.isInherited ? -1 : pump.descriptor }

    /// Returns the `events` taken before, and takes the oldest queued ones. Any thread, but only
    /// one at a time.
    package func exchangeEvents(_ events: inout [HostEvent], atMost limit: Int) {
        if pump.exchangeEvents(&events, atMost: limit) { pump.post(.readOn) }
    }

    // MARK: The loop

    var needsTurn: Bool { pump.needsTurn }

    func drainCommands() { pump.drainCommands(for: self) }

    func performEffects() { pump.performEffects(for: self) }

    func turn() { pump.turn(for: self) }

    func take(_ bytes: UnsafeRawBufferPointer, from socket: Socket, lent: Bool) {
        socket.hand(bytes, lent: lent, to: engine)
    }

    @inline(__always)
    func flush(_ connection: ServerConnection) {
        guard !connection.hasEnded, !loop.isInherited else { return }
        withOwner(of: connection.driver, as: Socket.self) { $0.flush(connection) }
    }

    /// Runs in the close callback of a socket. A paused listener may use its descriptor.
    func socketClosed() {
        pump.socketClosed()
        for listener in listeners { listener.retry() }
    }

    @inline(never)
    func perform(_ effect: Effect) {
        switch effect {
        case .deliver(let event):
            pump.deliver(event)
        case .store(let order):
            if !pump.isDestroyed { onStore?(order) }
        case .shutDown(let connection):
            if !connection.hasEnded { Socket.of(connection).shutDown() }
        case .stopReading(let connection):
            if !connection.hasEnded { Socket.of(connection).holdBack() }
        case .startReading(let connection):
            if !connection.hasEnded { Socket.of(connection).readOn() }
        case .close(let connection):
            guard let diversion = connection.diversion else {
                return Socket.of(connection).close()
            }
            guard let descriptor = Socket.of(connection).leave() else { break }
            let socket = GivenSocket(descriptor, with: diversion.bytes, from: engine.reach)
            joined.withLock { $0 }?.pass(socket, to: diversion.path)
        case .log(let line):
            pump.log(line)
        case .closed:
            isClosed.store(true, ordering: .releasing)
            pump.letLoopEnd()
            pump.deliver(HostEvent(.closed))
        }
    }

    // MARK: The end

    /// Closes the server in order; the last event is `closed`. Any thread.
    package func close() throws(CallerFault) {
        guard !loop.isInherited, !isClosed.exchange(true, ordering: .acquiringAndReleasing) else {
            throw .closed
        }
        boundPort.store(0, ordering: .releasing)
        guard loop.isOnItsThread else { return pump.post(.closeServer) }
        closeNow()
    }

    /// Closes the server when all open requests are answered, or after `deadline` milliseconds. Any
    /// thread.
    package func drain(deadline: Int64) throws(CallerFault) {
        guard !isOver else { throw .closed }
        boundPort.store(0, ordering: .releasing)
        guard loop.isOnItsThread else { return pump.post(.drainServer(deadline: deadline)) }
        drainNow(deadline)
    }

    private func drainNow(_ deadline: Int64) {
        pump.begin()
        stopListening()
        pump.keepLoopAlive()
        engine.drain(until: Instant(milliseconds: Int64(loop.now) + deadline))
    }

    private func closeNow() {
        pump.begin()
        stopListening()
        leaveOthers()
        engine.close()
    }

    /// Closes the server immediately, without further events. Any thread.
    package func destroy() {
        guard !loop.isInherited else { return }
        isClosed.store(true, ordering: .releasing)
        guard loop.isOnItsThread || !loop.isRunning else { return pump.post(.destroyServer) }
        guard !pump.isDestroyed else { return }
        pump.destroy()
        closeNow()
        engine.abandon()
        performEffects()
    }

    /// Releases everything. Sockets that are still closing keep this object alive.
    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        pump.end()
        pump.dropCommands(for: self)
        loop.remove(self)
        onEnd?()
        onEnd = nil
    }
}

extension ServerEngine: DrivenEngine {}
