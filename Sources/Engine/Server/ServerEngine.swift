import MCP
import Replay
import Session
import Wire

/// A Streamable HTTP server without I/O: bytes and time go in, effects and bytes come out.
///
/// Four kinds of methods. *Inputs* come from outside: `advance`, `connectionOpened`, `received`,
/// `sent`, `connectionLost`, `deadlineReached`. *Commands* come from the host; see ServerCommands.
/// *Outputs* are for the driver to fetch: after each input or command, perform `nextEffect` until
/// there is none; once a turn of the loop, write `nextWritable` until there is none; and wake up at
/// `nextDeadline`. *Questions* change nothing. Nothing here calls the host.
package final class ServerEngine {
    package let options: ServerOptions
    let router: Router
    let crossOrigin: CrossOrigin?
    let admission: Admission
    /// The Date of responses (RFC 9110 §6.6.1), as a line; empty as long as nobody has told it.
    let dateField = ByteBuffer()
    var core: Core

    var connections = SlotTable<ConnectionID, ServerConnection>()
    var connectionDeadlines: DeadlineBoard
    var streams = StreamCount()
    /// Connections whose request waits for the host to allow it.
    var authorizations: SlotTable<AuthorizationKey, ServerConnection>
    /// When authorizations expire, one list, by the place of the connection with the stream.
    var expiries = DeadlineBoard(timeouts: [0])
    /// When connections' fences let go of the next answer, one list, by their places.
    var fenceReleases = DeadlineBoard(timeouts: [0])
    package internal(set) var sessions: SessionTable<ServerSession>
    var requests: SlotTable<RequestKey, OpenRequest>
    var calls: [CallKey: OpenCall] = [:]
    /// Requests whose clients have gone, by their places: how long they may go on.
    var detachedDeadlines: DeadlineBoard
    /// What clients may come back for; nil if they cannot.
    package let store: EventStore?
    /// Connections that wait for what the store has kept.
    var loads: [LoadKey: ServerConnection] = [:]
    package internal(set) var shares = ShareTable()
    var relief = ReliefOrder()
    /// Sessions that may give way to others.
    var idleSessions = 0
    /// The memory of the tables, when they had so many places.
    var measuredTableBytes = 0
    var measuredPlaces = 0
    var isClosing = false
    /// When a drain ends at the latest; nil while there is none.
    var drainDeadline: Instant?

    var writable: [ServerConnection] = []
    private var nextWritableIndex = 0
    /// Whether so much is ready that it should not wait for the end of the turn.
    package internal(set) var hasMuchToWrite = false
    /// Connections whose exchange has ended while more requests were waiting behind it.
    var unread: [ServerConnection] = []
    /// Requests whose answers no fence holds back any more.
    private var released: [OpenRequest] = []
    private var nextReleased = 0
    private var isSettling = false
    private var hasReportedClosed = false

    /// What a connection may wait for. The raw value is its list on the board.
    enum Wait: Int {
        case nextRequest
        case head
        /// The body of a request.
        case body
        /// The client's reading of a response behind which the connection ends.
        case drain
        /// The answer, without which a stream begins.
        case responseHead
        case keepAlive
        case load
        case hangUp
        /// The host's word on a request.
        case authorization

        /// Whether it is for bytes that a client has to send.
        var isForClient: Bool { self == .nextRequest || self == .head || self == .body }
    }

    /// `random` gives bits from the system's secure source. Keys are numbered from `serial` on: if
    /// each server has its own, one's keys find nothing at another.
    package init(
        _ options: ServerOptions, keysAfter serial: UInt64 = 0, random: @escaping () -> UInt64
    ) {
        self.options = options
        core = Core(limits: options.limits, logLevel: options.logLevel, random: random)
        router = options.router
        admission = Admission(options)
        crossOrigin = options.crossOrigins.map { CrossOrigin($0, isStateless: options.isStateless) }
        connectionDeadlines = DeadlineBoard(timeouts: [
            options.connectionIdle, options.headArrival, options.bodyArrival, options.bodyArrival,
            options.responseHead, options.keepAlive, options.load, options.linger,
            options.authorizationWait,
        ])
        detachedDeadlines = DeadlineBoard(timeouts: [options.detached])
        store = options.makeStore(loadsAfter: serial)
        authorizations = SlotTable(after: serial)
        requests = SlotTable(after: serial)
        sessions = SessionTable(
            capacity: options.sessionsMax, keysAfter: serial, initializeTimeout: options.initialize,
            idleTimeout: options.sessionIdle)
    }

    // MARK: Inputs

    /// Tells the time. The driver does so before the inputs and commands of each turn.
    package func advance(to instant: Instant) {
        core.advance(to: instant)
    }

    /// Tells the second since 1970, whenever that changes: for the Date of responses.
    package func clock(_ seconds: Int64) {
        dateField.removeAll()
        dateField.append("Date: ")
        HTTPDate.append(seconds, to: dateField)
        dateField.append("\r\n")
    }

    /// Tells from where the server can be reached (S-004, S-504).
    package func bound(_ reach: Reach) {
        admission.reach = reach
    }

    /// A client has connected, from an address if it has one; nil if there are as many as there may
    /// be, or the server closes.
    package func connectionOpened(
        driver: UnsafeMutableRawPointer, from peer: PeerAddress? = nil
    ) -> ServerConnection? {
        guard !isClosing else { return nil }
        let share = shares.share(of: peer)
        let connectionsMax = min(options.connectionsMax, options.descriptorsMax)
        guard connections.count < options.connectionsMax,
            share?.connections ?? 0 < options.addressShare(of: connectionsMax)
        else {
            core.counters.limitRefusals += 1
            core.log(
                .warning, "Closed a new connection: ",
                connections.count < options.connectionsMax
                    ? ("an address has its share (address_share_percent)" as StaticString).rawBytes
                    : ("there are as many as there may be (connections_max)" as StaticString)
                        .rawBytes)
            shares.forget(share)
            return nil
        }
        let connection = connections.insert { id in
            ServerConnection(id: id, driver: driver, share: share)
        }
        guard let connection else { return nil }
        core.counters.connectionsTotal += 1
        share?.connections += 1
        wait(.nextRequest, connection)
        return connection
    }

    /// Clients that connect have to wait, because the system has nothing to accept them with.
    package func acceptingPaused(_ reason: UnsafeRawBufferPointer) {
        core.counters.acceptPauses += 1
        core.log(
            .warning, "New clients wait; raise RLIMIT_NOFILE or lower connections_max: ", reason)
    }

    /// Bytes have arrived. If they are `lent`, they stay where they are until every effect has been
    /// performed, and a message among them is not copied.
    package func received(
        _ bytes: UnsafeRawBufferPointer, on connection: ServerConnection, lent: Bool = false
    ) {
        read(bytes, from: connection, lent: lent)
        noteArriving(of: connection)
        settle()
    }

    /// `count` bytes of what `takeOutput` gave are with the socket.
    package func sent(_ count: Int, on connection: ServerConnection) {
        guard !connection.isClosed else { return }
        noteUnsent(connection.outbox.sent(count))
        guard !connection.outbox.isBlocked else { return readSlowly(connection) }
        if connection.outbox.isDrained { handedAll(of: connection) }
        composeBacklog(of: connection)
        settle()
    }

    /// A client has read some of what it was sent: what it takes for that counts from now on.
    private func readSlowly(_ connection: ServerConnection) {
        switch connection.exchange.state {
        case .finishing where !isClosing: wait(.drain, connection)
        case .idle: wait(.nextRequest, connection)
        default: break
        }
    }

    private func handedAll(of connection: ServerConnection) {
        let events = connection.outbox.composedEvents
        if events > connection.fence.passedEvents {
            connection.fence.passed(events, breadth: options.fenceBreadth, at: now)
            if !connection.fence.isEmpty { release(connection) }
        }
        switch connection.exchange.state {
        case .finishing: responded(on: connection)
        case .idle:
            if connection.reader.hasPipelined { unread.append(connection) }
            if connection.outbox.isSlow { wait(.nextRequest, connection) }
        default: break
        }
        connection.outbox.forgetSlowness()
    }

    /// The client has finished sending. Real clients do so only when they go (§9-A5), unless an
    /// option says otherwise: then whoever waits for an answer still gets it.
    package func readingEnded(on connection: ServerConnection) {
        guard options.allowsHalfClose, !connection.isClosed else {
            return connectionLost(connection)
        }
        connection.reader.end()
        closeIfRead(connection)
        settle()
    }

    /// Closes a connection whose client has finished sending, if nothing is left to answer.
    func closeIfRead(_ connection: ServerConnection) {
        guard connection.reader.hasEnded, !connection.reader.hasPipelined else { return }
        switch connection.exchange.state {
        case .idle where connection.unsentBytes > 0:
            move(connection, to: .finishing)
            wait(isClosing ? .hangUp : .drain, connection)
        case .idle, .receiving, .refused, .lingering: discard(connection)
        case .authorizing, .request, .primary, .loading, .finishing, .closed: break
        }
    }

    /// The connection has ended or failed, in either direction (§9-A5).
    package func connectionLost(_ connection: ServerConnection) {
        discard(connection)
        settle()
    }

    /// The time that `nextDeadline` named has come, or has not: either way nothing is missed.
    package func deadlineReached() {
        while let due = connectionDeadlines.popDue(at: now) {
            guard let connection = connections[index: due.index],
                let wait = Wait(rawValue: due.list)
            else { continue }
            waitIsOver(wait, connection)
        }
        while let session = sessions.popExpired(at: now) {
            end(session, because: "Session expired")
        }
        while let due = detachedDeadlines.popDue(at: now) {
            if let request = requests[index: due.index] { giveUp(request) }
        }
        while let due = fenceReleases.popDue(at: now) {
            if let connection = connections[index: due.index] { release(connection) }
        }
        store?.deadlineReached(at: now)
        closeIfDrained()
        expiryReached()  // Behind all that may begin a stream whose authorization has expired.
        settle()
    }

    // MARK: Outputs

    /// The next thing to do; nil if everything is done.
    package func nextEffect() -> Effect? {
        if let order = store?.nextOrder() { return .store(order) }
        if let effect = core.nextEffect() { return effect }
        closeIfDrained()
        if let effect = core.nextEffect() { return effect }
        guard isClosing, connections.count == 0, !hasReportedClosed else { return nil }
        hasReportedClosed = true
        return .closed
    }

    /// A connection that has bytes to write; nil if there is none left in this turn.
    package func nextWritable() -> ServerConnection? {
        guard nextWritableIndex < writable.count else {
            if nextWritableIndex == 1 {
                writable.removeLast()  // Mostly there is one, and this is quicker.
            } else if nextWritableIndex > 0 {
                writable.removeAll(keepingCapacity: writable.count <= 64)
            }
            nextWritableIndex = 0
            hasMuchToWrite = false
            return nil
        }
        let connection = writable[nextWritableIndex]
        nextWritableIndex += 1
        connection.isQueuedForWriting = false
        return connection
    }

    /// Whether a turn's work is left to fetch.
    package var hasWritable: Bool { nextWritableIndex < writable.count }

    /// When to call `deadlineReached`; nil for never.
    package var nextDeadline: Instant? {
        let connections = earliest(connectionDeadlines.next, isClosing ? nil : drainDeadline)
        let requests = earliest(sessions.nextDeadline, detachedDeadlines.next)
        let streams = earliest(
            fenceReleases.next, earliest(expiries.next, store?.nextDeadline))
        return earliest(connections, earliest(requests, streams))
    }

    private func earliest(_ left: Instant?, _ right: Instant?) -> Instant? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }

    // MARK: Questions

    var now: Instant { core.now }

    var writableNow: ArraySlice<ServerConnection> { writable[nextWritableIndex...] }
    var isSettled: Bool { nextReleased == released.count && unread.isEmpty }

    /// Whether there is neither session nor request; connections may idle on.
    package var isDeserted: Bool { sessions.count + requests.count == 0 }

    /// How many things the engine holds memory for, 16 KB of unsent messages being one.
    package var population: Int {
        sessions.count + requests.count + Int(core.counters.unsentBytes >> 14)
    }

    // MARK: Consequences

    /// Lets go of the answers that nothing but a connection's bytes has held back, and notes when
    /// the next may go.
    private func release(_ connection: ServerConnection) {
        while let request = connection.fence.release(by: now) { released.append(request) }
        if let next = connection.fence.nextRelease {
            fenceReleases.arm(connection.id.index, 0, at: next)
        } else {
            fenceReleases.disarm(connection.id.index)
        }
    }

    func releaseAll(of connection: ServerConnection) {
        guard !connection.fence.isEmpty else { return }
        released += connection.fence.releaseAll()
        fenceReleases.disarm(connection.id.index)
    }

    /// Ends each input and command: does what that has made possible, one thing after the other,
    /// however much more each makes possible.
    @inline(__always)
    func settle() {
        if nextReleased < released.count || !unread.isEmpty { settleAll() }
    }

    @inline(never)
    private func settleAll() {
        guard !isSettling else { return }
        isSettling = true
        while true {
            if nextReleased < released.count {
                let request = released[nextReleased]
                nextReleased += 1
                releaseAnswer(of: request)
            } else if let connection = unread.popLast() {
                readPipelined(on: connection)
            } else {
                break
            }
        }
        if nextReleased > 0 {
            released.removeAll(keepingCapacity: released.count <= 64)
            nextReleased = 0
        }
        isSettling = false
    }

    private func readPipelined(on connection: ServerConnection) {
        guard !isTooFarAhead(connection), let bytes = connection.reader.takePipelined() else {
            return
        }
        read(bytes.bytes, from: connection)
        noteArriving(of: connection)
        closeIfRead(connection)
    }
}
