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

    var connections: Connections
    var fences: Fences
    /// Connections whose request waits for the host to allow it.
    var authorizations: SlotTable<AuthorizationKey, ServerConnection>
    /// When authorizations expire, one list, by the place of the connection with the stream.
    var expiries = DeadlineBoard(timeouts: [0])
    package internal(set) var sessions: SessionTable<ServerSession>
    var requests: Requests
    /// What clients may come back for; nil if they cannot.
    package let store: EventStore?
    /// Connections that wait for what the store has kept.
    var loads: [LoadKey: ServerConnection] = [:]
    package internal(set) var shares = ShareTable()
    /// Sessions that may give way to others.
    var idleSessions = 0
    /// The memory of the tables, when they had so many places.
    var measuredTableBytes = 0
    var measuredPlaces = 0
    var isClosing = false
    /// When a drain ends at the latest; nil while there is none.
    var drainDeadline: Instant?

    private var isSettling = false
    private var hasReportedClosed = false

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
        connections = Connections(options)
        fences = Fences(breadth: options.fenceBreadth)
        store = options.makeStore(loadsAfter: serial)
        authorizations = SlotTable(after: serial)
        requests = Requests(options, keysAfter: serial)
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
        let connection = connections.open(driver: driver, share: share, at: now)
        if connection != nil { core.counters.connectionsTotal += 1 }
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
        connections.sent(count, on: connection)
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
        fences.drained(connection, at: now)
        switch connection.exchange.state {
        case .finishing: responded(on: connection)
        case .idle:
            connections.noteReadable(connection)
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
        while let (wait, connection) = connections.popDue(at: now) { waitIsOver(wait, connection) }
        while let session = sessions.popExpired(at: now) {
            end(session, because: "Session expired")
        }
        while let request = requests.popDue(at: now) { giveUp(request) }
        fences.releaseDue(connections, at: now)
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
        return isDraining || isClosing ? lastEffect() : nil
    }

    /// The effects that end the server, once everything else is done.
    @inline(never)
    private func lastEffect() -> Effect? {
        closeIfDrained()
        if let effect = core.nextEffect() { return effect }
        guard isClosing, connections.count == 0, !hasReportedClosed else { return nil }
        hasReportedClosed = true
        return .closed
    }

    /// A connection that has bytes to write; nil if there is none left in this iteration.
    package func nextWritable() -> ServerConnection? { connections.nextWritable() }

    /// Whether `nextWritable` has something left.
    package var hasWritable: Bool { connections.hasWritable }

    /// Whether so much is composed that it should not wait for the end of the loop's iteration.
    package var hasMuchToWrite: Bool { connections.hasMuchToWrite }

    /// When to call `deadlineReached`; nil for never.
    package var nextDeadline: Instant? {
        let connections = earliest(self.connections.nextDeadline, isClosing ? nil : drainDeadline)
        let requests = earliest(sessions.nextDeadline, self.requests.nextDeadline)
        let streams = earliest(
            fences.nextDeadline, earliest(expiries.next, store?.nextDeadline))
        return earliest(connections, earliest(requests, streams))
    }

    private func earliest(_ left: Instant?, _ right: Instant?) -> Instant? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }

    // MARK: Questions

    var now: Instant { core.now }

    var isSettled: Bool { !fences.hasReleased && !connections.hasReadable }

    /// Whether there is neither session nor request; connections may idle on.
    package var isDeserted: Bool { sessions.count + requests.count == 0 }

    /// How many things the engine holds memory for, 16 KB of unsent messages being one.
    package var population: Int {
        sessions.count + requests.count + connections.unsentBytes >> 14
    }

    // MARK: Consequences

    /// Ends each input and command: does what that has made possible, one thing after the other,
    /// however much more each makes possible.
    @inline(__always)
    func settle() {
        if !isSettled { settleAll() }
    }

    @inline(never)
    private func settleAll() {
        guard !isSettling else { return }
        isSettling = true
        while true {
            if let request = fences.nextReleased() {
                releaseAnswer(of: request)
            } else if let connection = connections.nextReadable() {
                readPipelined(on: connection)
            } else {
                break
            }
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
