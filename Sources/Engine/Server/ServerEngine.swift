import Link
import Replay
import Session
import Wire

/// A Streamable HTTP server without I/O: bytes and time go in, effects and bytes come out.
///
/// Four kinds of methods. *Inputs* come from outside: `advance`, `connectionOpened`, `received`,
/// `sent`, `connectionLost`, `deadlineReached`. *Commands* come from the host; see ServerCommands.
/// *Outputs* are for the driver to fetch: after each input or command, perform `nextEffect` until
/// it returns nil; once per iteration of the loop, write `nextWritable` until it returns nil; and
/// call `deadlineReached` at `nextDeadline`. *Questions* change nothing. Nothing here calls the
/// host.
///
/// The engine owns no state but its parts, and composes them: a part never calls another one. Each
/// input and each command runs inside `enter`.
package final class ServerEngine {
    package let options: ServerOptions
    /// The answers to `initialize` and `server/discover`; nil if the host answers them.
    var greeting: Greeting?
    /// Whether it keeps the subscriptions of sessions.
    var keepsSubscriptions: Bool
    /// How requests are answered: of sessions, of modern clients, and in the oldest transport.
    let policy: ResponsePolicy
    let modernPolicy: ResponsePolicy
    let oldPolicy: ResponsePolicy
    let classifier: Classifier
    let stamp: ResultStamp
    /// The Date of responses (RFC 9110 §6.6.1), as a line; empty until the time is known.
    let dateField = ByteBuffer()

    var core: Core
    var connections: Connections
    var requests: Requests
    var fences: Fences
    var parked: Parked
    var hosted: HostedExchanges
    var sessions: Sessions
    var kept: KeptSessions
    let storeOrders: StoreOrders
    var keptOutput: KeptOutput
    /// Whether other servers share the store.
    let hasNodes: Bool
    var relays: Relays
    var gate: Gate
    var ladder: Ladder
    var continuations: Continuations
    var listeners: Listeners
    var watched = WatchedResources()
    var shutdown = Shutdown()
    var shares = ShareTable()
    var tableSizes = TableSizes()
    private var isFollowingUp = false
    /// How many requests and sessions the host waits for room of.
    var roomWaits = 0
    /// Whether another server that shares the connections has an endpoint at a path; nil if there
    /// is no other.
    package var isElsewhere: ((UnsafeRawBufferPointer) -> Bool)?

    /// `random` returns 64 bits from the system's secure source. Keys are numbered from `serial`
    /// on: if each server has its own, the keys of one find nothing at another. `stopwatch` returns
    /// a time in microseconds, for the duration of exchanges.
    package init(
        _ options: ServerOptions, keysAfter serial: UInt64 = 0, stopwatch: (() -> UInt64)? = nil,
        random: @escaping () -> UInt64
    ) {
        self.options = options
        greeting = options.greeting
        keepsSubscriptions = options.keepsSubscriptions
        policy = ResponsePolicy(options)
        modernPolicy = ResponsePolicy(modern: options.responseMode)
        oldPolicy = .old(options)
        classifier = Classifier(served: options.revisions)
        ladder = Ladder(options.revisions)
        continuations = Continuations(options, keysAfter: serial)
        listeners = Listeners(keysAfter: serial)
        stamp = ResultStamp(options.greeting)
        core = Core(
            limits: options.limits, logLevel: options.logLevel, stopwatch: stopwatch,
            random: random)
        connections = Connections(options)
        requests = Requests(options, keysAfter: serial)
        fences = Fences(breadth: options.fenceBreadth)
        parked = Parked(keysAfter: serial)
        hosted = HostedExchanges(keysAfter: serial)
        storeOrders = StoreOrders(loadsAfter: serial)
        sessions = Sessions(options, storeOrders, keysAfter: serial)
        kept = KeptSessions(options, storeOrders)
        hasNodes = options.node != nil
        relays = Relays(keysAfter: serial)
        keptOutput = KeptOutput(
            isOn: options.waitsForStore || options.node != nil, isForAll: options.waitsForStore)
        gate = Gate(options)
    }

    // MARK: The bracket

    /// Brackets an input or a command: afterwards does all that it has made possible, one thing
    /// after the other, so that nothing recurses however much each makes possible.
    @inline(__always)
    func enter<Result, Fault>(_ body: () throws(Fault) -> Result) throws(Fault) -> Result {
        defer { if !isSettled { followUp() } }
        return try body()
    }

    /// Runs a command of the host's within an input: what it makes possible waits for the end of
    /// that.
    func within(_ body: () -> Void) {
        let wasFollowingUp = isFollowingUp
        isFollowingUp = true
        body()
        isFollowingUp = wasFollowingUp
    }

    /// Whether nothing is left to do of the last input or command.
    @inline(__always)
    var isSettled: Bool { !fences.hasReleased && !mayReadOn }

    /// Whether pipelined requests are to be read now. While many effects are to be performed they
    /// wait, because each makes more of them: `nextEffect` goes on.
    @_optimize(speed)
    private var mayReadOn: Bool { connections.readable.hasNext && !core.isBusy }

    @inline(never)
    private func followUp() {
        guard !isFollowingUp else { return }
        isFollowingUp = true
        while true {
            if let request = fences.nextReleased() {
                releaseAnswer(of: request)
            } else if mayReadOn, let connection = connections.readable.popNext() {
                readPipelined(on: connection)
            } else {
                break
            }
        }
        isFollowingUp = false
    }

    /// The host does not take its events, or takes them again: pipelined requests wait meanwhile.
    package func hold(_ isHeld: Bool) {
        enter { connections.readable.isHeld = isHeld }
    }

    // MARK: Inputs

    /// Sets the time. The driver does so before the inputs and commands of each iteration.
    package func advance(to instant: Instant) {
        core.advance(to: instant)
    }

    /// Sets the second since 1970, whenever that changes: for the Date of responses.
    package func clock(_ seconds: Int64) {
        dateField.removeAll()
        dateField.append("Date: ")
        HTTPDate.append(seconds, to: dateField)
        dateField.append("\r\n")
    }

    package var reach: Reach { gate.reach }

    /// Whether a path is one of this server's. Any thread.
    package func serves(_ path: UnsafeRawBufferPointer) -> Bool { gate.serves(path) }

    /// Whether the endpoint of another server is one of this server's.
    package func serves(endpointOf other: ServerEngine) -> Bool { serves(other.options.path.bytes) }

    /// Sets from where the server can be reached (S-004, S-504).
    package func bound(_ reach: Reach, isFirst: Bool = true) {
        gate.bound(reach, isFirst: isFirst)
    }

    /// A client has connected, from an address if it has one; `name` is for the operator. Returns
    /// nil if the limits allow no more connections, or the server closes.
    package func connectionOpened(
        driver: UnsafeMutableRawPointer, from peer: PeerAddress? = nil,
        named name: PeerName = .unknown
    ) -> ServerConnection? {
        guard !shutdown.isClosing else { return nil }
        return open(driver: driver, from: peer, named: name)
    }

    /// Bytes have arrived. If they are `lent`, they stay where they are until every effect has been
    /// performed, and a message among them is not copied.
    @_optimize(speed)
    package func received(
        _ bytes: UnsafeRawBufferPointer, on connection: ServerConnection, lent: Bool = false
    ) {
        enter {
            read(bytes, from: connection, lent: lent)
            noteArriving(of: connection)
        }
    }

    /// `count` bytes of what `takeOutput` returned are with the socket.
    @_optimize(speed)
    package func sent(_ count: Int, on connection: ServerConnection) {
        guard !connection.isClosed else { return }
        enter { handedOver(count, on: connection) }
    }

    @inline(__always)
    func handedOver(_ count: Int, on connection: ServerConnection) {
        connections.sent(count, on: connection)
        if let access = connection.access { deliverRecords(of: access, connection) }
        guard !connection.outbox.isBlocked else { return readSlowly(connection) }
        if connection.outbox.isDrained { drained(connection) }
        composeBacklog(of: connection)
    }

    /// The client has closed its sending direction. Real clients do so only when they go (§9-A5),
    /// unless an option says otherwise: then a client that waits for an answer still gets it.
    package func readingEnded(on connection: ServerConnection) {
        guard options.allowsHalfClose, !connection.isClosed else {
            return connectionLost(connection)
        }
        enter {
            connection.reader.end()
            closeIfRead(connection)
        }
    }

    /// The connection has ended or failed, in either direction (§9-A5).
    package func connectionLost(_ connection: ServerConnection) {
        enter { discard(connection) }
    }

    /// Handles every deadline that has passed. Calling early is harmless.
    package func deadlineReached() {
        enter {
            while let (wait, connection) = connections.popDue(at: now) {
                waitIsOver(wait, connection)
            }
            while let session = sessions.popExpired(at: now) {
                let livesOn = kept.hasStore && session.state.isReady
                end(session, because: "Session expired", livesOn: livesOn)
            }
            while let request = requests.popDue(at: now) { giveUp(request) }
            while let request = continuations.popDue(at: now) { giveUpWaiting(request) }
            fences.releaseDue(connections, at: now)
            sessions.storeDeadlineReached(at: now)
            kept.deadlineReached(sessions, at: now)
            closeIfDrained()
            // Last: any of the above may begin a stream whose authorization has expired.
            while let connection = gate.popExpired(of: connections, at: now) {
                endExpired(connection)
            }
        }
    }

    // MARK: Outputs

    /// The next thing to do; nil if everything is done.
    @_optimize(speed)
    package func nextEffect() -> Effect? {
        if !storeOrders.isEmpty, let order = storeOrders.next() { return .store(order) }
        if let effect = core.nextEffect() { return effect }
        let isDone = shutdown.isOpen && !connections.readable.hasNext && !watched.hasNews
        return isDone ? nil : lastEffect()
    }

    /// What waits until everything else is done, and then the effects that end the server.
    @inline(never)
    private func lastEffect() -> Effect? {
        followUp()
        if !shutdown.isOpen { closeIfDrained() }
        if let effect = core.nextEffect() { return effect }
        if let event = nextNews() { return .deliver(event) }
        let isOver = !shutdown.isOpen && connections.count == 0 && !watched.hasNews
        return isOver && shutdown.finish() ? .closed : nil
    }

    /// A connection that has bytes to write; nil if there is none left in this iteration.
    package func nextWritable() -> ServerConnection? {
        keptOutput.isOn ? nextKeptWritable() : connections.nextWritable()
    }

    /// Whether no output may be written yet: the host's store has to hear of it first.
    package var owesEffects: Bool { !storeOrders.isEmpty }

    /// Whether the composed output is so large that it should be written before the end of the
    /// loop's iteration.
    package var hasMuchToWrite: Bool { connections.hasMuchToWrite }

    /// When to call `deadlineReached`; nil for never.
    @_optimize(speed)
    package var nextDeadline: Instant? {
        let never = Instant(milliseconds: .max)
        var next = never
        next.lower(to: sessions.nextDeadline)
        next.lower(to: sessions.nextStoreDeadline)
        if kept.hasStore { next.lower(to: kept.nextDeadline) }
        next.lower(to: requests.nextDeadline)
        next.lower(to: continuations.nextDeadline)
        next.lower(to: fences.nextDeadline)
        next.lower(to: connections.nextDeadline)
        next.lower(to: gate.nextExpiry)
        next.lower(to: shutdown.earliest.map { $0 > now ? $0 : shutdown.deadline ?? $0 })
        return next < never ? next : nil
    }

    // MARK: Questions

    var now: Instant { core.now }

    /// Whether there is neither session nor request; connections may be idle.
    package var isDeserted: Bool { sessions.count + requests.count == 0 }

    /// How many things the engine holds memory for, 16 KB of unsent messages being one.
    package var population: Int {
        sessions.count + requests.count + connections.unsentBytes >> 14
    }
}

extension Instant {
    @inline(__always)
    fileprivate mutating func lower(to other: Instant?) {
        if let other, other < self { self = other }
    }
}
