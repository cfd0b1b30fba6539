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
    var now = Instant(milliseconds: 0)
    /// The Date of responses (RFC 9110 §6.6.1), as a line; empty as long as nobody has told it.
    let dateField = ByteBuffer()
    var effects = EffectQueue()

    var connections = SlotTable<ConnectionID, ServerConnection>()
    var connectionDeadlines: DeadlineBoard
    /// Connections whose request waits for the host to allow it.
    var authorizations = SlotTable<AuthorizationKey, ServerConnection>()
    /// When authorizations expire, one list, by the place of the connection with the stream.
    var expiries = DeadlineBoard(timeouts: [0])
    package internal(set) var sessions: SessionTable<ServerSession>
    var requests = SlotTable<RequestKey, OpenRequest>()
    var calls: [CallKey: OpenCall] = [:]
    /// Requests whose clients have gone, by their places: how long they may go on.
    var detachedDeadlines: DeadlineBoard
    /// What clients may come back for; nil if they cannot.
    package let store: EventStore?
    /// Connections that wait for what the store has kept.
    var loads: [LoadKey: ServerConnection] = [:]
    var counters = Statistics()
    var spare = SpareParts()
    var isClosing = false
    /// When a drain ends at the latest; nil while there is none.
    var drainDeadline: Instant?
    let random: () -> UInt64

    private let parserSettings = LLHTTPSettings()
    var writable: [ServerConnection] = []
    private var nextWritableIndex = 0
    /// Whether so much is ready that it should not wait for the end of the turn.
    package internal(set) var hasMuchToWrite = false
    /// Connections whose exchange has ended while more requests were waiting behind it.
    private var resumable: [ServerConnection] = []
    private var isResuming = false
    private var hasReportedClosed = false

    /// What a connection may wait for. The raw value is its list on the board.
    enum Wait: Int {
        case nextRequest
        case head
        /// The body of a request, or, at the other end, the client's reading of the last response.
        case body
        /// The answer, without which a stream begins that can be resumed.
        case priming
        case keepAlive
        case load
        case hangUp
        /// The host's word on a request.
        case authorization
    }

    /// `random` gives bits from the system's secure source.
    package init(_ options: ServerOptions, random: @escaping () -> UInt64) {
        self.options = options
        self.random = random
        router = options.router
        admission = Admission(options)
        crossOrigin = options.crossOrigins.map { CrossOrigin($0, isStateless: options.isStateless) }
        connectionDeadlines = DeadlineBoard(timeouts: [
            options.connectionIdle, options.headArrival, options.bodyArrival, options.priming,
            options.keepAlive, options.load, options.linger, options.authorizationWait,
        ])
        detachedDeadlines = DeadlineBoard(timeouts: [options.detached])
        store = options.makeStore()
        sessions = SessionTable(
            capacity: options.sessionsMax, initializeTimeout: options.initialize,
            idleTimeout: options.sessionIdle)
    }

    // MARK: Inputs

    /// Tells the time. The driver does so before the inputs and commands of each turn.
    package func advance(to instant: Instant) {
        now = max(now, instant)
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

    /// A client has connected; nil if there are as many as there may be, or the server closes.
    package func connectionOpened(driver: UnsafeMutableRawPointer) -> ServerConnection? {
        guard !isClosing else { return nil }
        guard connections.count < options.connectionsMax else {
            counters.limitRefusals += 1
            return nil
        }
        counters.connectionsTotal += 1
        let connection = connections.insert { id in
            ServerConnection(id: id, driver: driver)
        }
        if let connection { wait(.nextRequest, connection) }
        return connection
    }

    /// Clients that connect have to wait, because the system has nothing to accept them with.
    package func acceptingPaused(_ reason: UnsafeRawBufferPointer) {
        counters.acceptPauses += 1
        log(.warning, "New clients wait; raise RLIMIT_NOFILE or lower connections_max: ", reason)
    }

    /// Bytes have arrived. If they are `lent`, they stay where they are until every effect has been
    /// performed, and a message among them is not copied.
    package func received(
        _ bytes: UnsafeRawBufferPointer, on connection: ServerConnection, lent: Bool = false
    ) {
        read(bytes, from: connection, lent: lent)
        resumePipelines()
    }

    /// `count` bytes of what `takeOutput` gave are with the socket.
    package func sent(_ count: Int, on connection: ServerConnection) {
        connection.handedBytes += UInt64(count)
        counters.unsentBytes -= connection.isClosed ? 0 : UInt64(count)
        guard !connection.isClosed, !connection.isBlocked else { return }
        if connection.handedBytes == connection.queuedBytes {
            connection.handedEvents = connection.composedEvents
            releaseFences(of: connection)
            switch connection.exchange {
            case .finishing: responded(on: connection)
            case .idle where connection.pipelined != nil: resumable.append(connection)
            default: break
            }
        }
        composeBacklog(of: connection)
        resumePipelines()
    }

    /// The connection has ended or failed, in either direction (§9-A5).
    package func connectionLost(_ connection: ServerConnection) {
        discard(connection)
        resumePipelines()
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
        store?.deadlineReached(at: now)
        closeIfDrained()
        expiryReached()  // Behind all that may begin a stream whose authorization has expired.
        resumePipelines()
    }

    // MARK: Outputs

    /// The next thing to do; nil if everything is done.
    package func nextEffect() -> Effect? {
        if let order = store?.nextOrder() { return .store(order) }
        if let effect = effects.popFirst() { return effect }
        closeIfDrained()
        if let effect = effects.popFirst() { return effect }
        guard isClosing, connections.count == 0, !hasReportedClosed else { return nil }
        hasReportedClosed = true
        return .closed
    }

    /// A connection that has bytes to write; nil if there is none left in this turn.
    package func nextWritable() -> ServerConnection? {
        guard nextWritableIndex < writable.count else {
            writable.removeAll(keepingCapacity: writable.count <= 64)
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
        let streams = earliest(expiries.next, store?.nextDeadline)
        return earliest(connections, earliest(requests, streams))
    }

    private func earliest(_ left: Instant?, _ right: Instant?) -> Instant? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }

    // MARK: Questions

    /// Whether there is neither session nor request; connections may idle on.
    package var isDeserted: Bool { sessions.count + requests.count == 0 }

    package var statistics: Statistics {
        var statistics = counters
        statistics.connections = UInt64(connections.count)
        statistics.sessions = UInt64(sessions.count)
        statistics.requests = UInt64(requests.count)
        statistics.calls = UInt64(calls.count)
        statistics.authorizations = UInt64(authorizations.count)
        statistics.replayBytes = UInt64(store?.byteCount ?? 0)
        return statistics
    }

    /// How many things the engine holds memory for, 16 KB of unsent messages being one.
    package var population: Int {
        sessions.count + requests.count + Int(counters.unsentBytes >> 14)
    }

    /// The parser of a request that arrives.
    func parser(of connection: ServerConnection) -> HTTPParser {
        if let parser = connection.parser { return parser }
        let parser = lendParser(to: connection)
        parser.head = spare.takeHead()
        return parser
    }

    func lendParser(to connection: ServerConnection) -> HTTPParser {
        let parser =
            spare.takeParser() ?? HTTPParser(limits: options.limits, settings: parserSettings)
        connection.parser = parser
        return parser
    }

    func log(_ level: LogLevel, _ text: StaticString, _ detail: UnsafeRawBufferPointer? = nil) {
        guard let most = options.logLevel, level <= most else { return }
        let line = ByteBuffer(copying: text.rawBytes)
        // A client may have written it, in any encoding and at any length: the log is UTF-8.
        for byte in (detail ?? .init(start: nil, count: 0)).prefix(256) {
            line.append((0x20..<0x7F).contains(byte) ? byte : UInt8(ascii: "?"))
        }
        effects.append(.log(level, line))
    }

    // MARK: Connections

    func wait(_ wait: Wait, _ connection: ServerConnection) {
        connectionDeadlines.arm(connection.id.index, wait.rawValue, at: now)
    }

    func stopWaiting(_ connection: ServerConnection) {
        connectionDeadlines.disarm(connection.id.index)
    }

    /// Never inlined: Swift 6.3.1's optimizer fails on it inside the loop that calls it.
    @inline(never)
    private func waitIsOver(_ wait: Wait, _ connection: ServerConnection) {
        switch wait {
        case .nextRequest, .hangUp:
            discard(connection)
        case .head, .body:
            guard case .receiving = connection.exchange else { return discard(connection) }
            connection.keepsAlive = false
            refuse(
                Refusal(.requestTimeout, .invalidRequest, "The request took too long to arrive"),
                connection)
        case .priming:
            guard case .request(let request) = connection.exchange else { return }
            beginStream(of: request, on: connection)
        case .keepAlive:
            keepAlive(connection)
        case .load:
            loadFailed(on: connection)
        case .authorization:
            authorizationIsLate(on: connection)
        }
    }

    /// Forgets a connection, and has it closed. What it carried goes on without it.
    func discard(_ connection: ServerConnection) {
        guard !connection.isClosed else { return }
        let exchange = connection.exchange
        if connection.isStreaming { counters.streams -= 1 }
        counters.unsentBytes -= UInt64(connection.unsentBytes)
        connection.exchange = .closed
        spare.takeParser(of: connection)
        spare.forgetHead(of: connection.id)
        connection.pieces = []
        connection.output = nil
        connection.backlog = Backlog()
        connection.pipelined = nil
        if let load = connection.resumption?.load { loads[load] = nil }
        connection.resumption = nil
        stopWaiting(connection)
        connections.remove(connection.id)
        releaseFences(of: connection)
        switch exchange {
        case .request(let request): clientLeft(request)
        case .primary(let session): primaryLost(session, connection)
        case .authorizing(let key): authorizations.remove(key)
        case .idle, .receiving, .refused, .loading, .finishing, .lingering, .closed: break
        }
        effects.append(.close(connection))
    }

    /// The last response of a connection has been written. Its client is left to hang up, since
    /// closing while it still sends could cost it the response; a server that closes cannot wait.
    private func responded(on connection: ServerConnection) {
        guard !isClosing else { return discard(connection) }
        connection.exchange = .lingering
        wait(.hangUp, connection)
        effects.append(.shutDown(connection))
    }

    /// Ends the stream that a connection carries; what it was part of may go on elsewhere. `last`
    /// writes what comes before the end.
    func endStream(on connection: ServerConnection, _ last: (ByteBuffer) -> Void = { _ in }) {
        guard !connection.isClosed else { return }
        if let resumption = connection.resumption {
            let end = ByteBuffer()
            last(end)
            resumption.end = end
            counters.streams -= connection.isStreaming ? 1 : 0
            connection.exchange = .loading
            return
        }
        composeBacklog(of: connection, atMost: .max)
        if connection.isStreaming { counters.streams -= 1 }
        connection.exchange = .finishing
        write(to: connection) { output in
            last(output)
            output.endBody(connection.framing)
        }
        exchangeEnded(on: connection)
    }

    /// The exchange on a connection is over, and its response is queued as a whole.
    func exchangeEnded(on connection: ServerConnection) {
        guard !connection.isClosed else { return }
        if connection.isStreaming { counters.streams -= 1 }
        spare.takeParser(of: connection)
        connection.crossOriginFields = nil
        connection.headBytes = 0
        guard connection.keepsAlive, !isClosing else {
            connection.exchange = .finishing
            return wait(isClosing ? .hangUp : .body, connection)
        }
        connection.exchange = .idle
        wait(.nextRequest, connection)
        if connection.pipelined != nil { resumable.append(connection) }
    }

    /// Whether a client has sent more requests while it left too much of the answers unread.
    func isTooFarAhead(_ connection: ServerConnection) -> Bool {
        connection.unsentBytes > options.pipelinedBytesMax
    }

    func resumePipelines() {
        guard !isResuming else { return }
        isResuming = true
        while let connection = resumable.popLast() {
            guard !isTooFarAhead(connection), let bytes = connection.pipelined else { continue }
            connection.pipelined = nil
            read(bytes.bytes, from: connection)
        }
        isResuming = false
    }
}
