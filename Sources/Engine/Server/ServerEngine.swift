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
    var admission: Admission
    var now = Instant(milliseconds: 0)
    var effects = EffectQueue()

    var connections = SlotTable<ConnectionID, ServerConnection>()
    var connectionDeadlines: DeadlineBoard
    var sessions: SessionTable<ServerSession>
    var requests = SlotTable<RequestKey, OpenRequest>()
    var calls: [CallKey: OpenCall] = [:]
    var spare = SpareParts()
    var isClosing = false
    let random: () -> UInt64

    private let parserSettings = LLHTTPSettings()
    private var writable: [ServerConnection] = []
    private var nextWritableIndex = 0
    /// Connections whose exchange has ended while more requests were waiting behind it.
    private var resumable: [ServerConnection] = []
    private var isResuming = false
    private var hasReportedClosed = false

    /// What a connection may wait for. The raw value is its list on the board.
    enum Wait: Int {
        case nextRequest
        /// The rest of a request, or, at the other end, the client's reading of the last response.
        case arrival
        case keepAlive
        case hangUp
    }

    /// `random` gives bits from the system's secure source.
    package init(_ options: ServerOptions, random: @escaping () -> UInt64) {
        self.options = options
        self.random = random
        router = options.router
        admission = Admission(options)
        connectionDeadlines = DeadlineBoard(timeouts: [
            options.connectionIdle, options.requestArrival, options.keepAlive, options.linger,
        ])
        sessions = SessionTable(
            capacity: options.sessionsMax, initializeTimeout: options.initialize,
            idleTimeout: options.sessionIdle)
    }

    // MARK: Inputs

    /// Tells the time. The driver does so before the inputs and commands of each turn.
    package func advance(to instant: Instant) {
        now = max(now, instant)
    }

    /// Tells whether the server is bound where only this machine reaches it (S-004, S-504).
    package func bound(isLoopback: Bool) {
        admission.isLoopback = isLoopback
    }

    /// A client has connected; nil if there are as many as there may be, or the server closes.
    package func connectionOpened(driver: UnsafeMutableRawPointer) -> ServerConnection? {
        guard !isClosing, connections.count < options.connectionsMax else { return nil }
        let connection = connections.insert { id in
            ServerConnection(
                id: id, driver: driver,
                parser: HTTPParser(limits: options.limits, settings: parserSettings))
        }
        if let connection { wait(.nextRequest, connection) }
        return connection
    }

    /// Bytes have arrived.
    package func received(_ bytes: UnsafeRawBufferPointer, on connection: ServerConnection) {
        read(bytes, from: connection)
        resumePipelines()
    }

    /// `count` bytes of what `takeOutput` gave are with the socket.
    package func sent(_ count: Int, on connection: ServerConnection) {
        connection.handedBytes += UInt64(count)
        releaseFences(of: connection)
        guard connection.handedBytes == connection.queuedBytes else { return }
        if case .finishing = connection.exchange { responded(on: connection) }
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
        resumePipelines()
    }

    // MARK: Outputs

    /// The next thing to do; nil if everything is done.
    package func nextEffect() -> Effect? {
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
            return nil
        }
        let connection = writable[nextWritableIndex]
        nextWritableIndex += 1
        connection.isQueuedForWriting = false
        return connection
    }

    /// Whether a turn's work is left to fetch.
    package var hasWritable: Bool { nextWritableIndex < writable.count }

    /// Hands over what a connection has to write. Report it with `sent`, and give the buffer back.
    package func takeOutput(of connection: ServerConnection) -> ByteBuffer? {
        defer { connection.output = nil }
        return connection.output
    }

    /// Takes back a buffer that has been written.
    package func recycle(_ buffer: ByteBuffer) {
        spare.give(buffer)
    }

    /// When to call `deadlineReached`; nil for never.
    package var nextDeadline: Instant? {
        guard let first = connectionDeadlines.next else { return sessions.nextDeadline }
        return sessions.nextDeadline.map { min($0, first) } ?? first
    }

    // MARK: Questions

    /// Whether there is neither session nor request; connections may idle on.
    package var isDeserted: Bool { sessions.count + requests.count == 0 }

    /// How many things the engine holds memory for.
    package var population: Int { connections.count + sessions.count + requests.count }

    // MARK: Writing

    /// Lets `compose` append to what `connection` has to write.
    func write(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        guard !connection.isClosed else { return }
        let output = connection.output ?? spare.takeBuffer()
        connection.output = output
        let before = output.count
        compose(output)
        connection.queuedBytes += UInt64(output.count - before)
        if connection.isStreaming { wait(.keepAlive, connection) }
        guard !connection.isQueuedForWriting else { return }
        connection.isQueuedForWriting = true
        writable.append(connection)
    }

    /// Writes one message as an event of the stream that `connection` carries.
    func writeEvent(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        guard keepsUp(connection) else { return }
        write(to: connection) { output in
            output.appendPart(connection.framing) { SSEFrame.append(to: $0, compose) }
        }
    }

    /// Whether a client reads what it gets; if it does not, it loses its connection. One message
    /// may be larger than the bound, so only what waits before it counts.
    func keepsUp(_ connection: ServerConnection) -> Bool {
        let waiting = connection.queuedBytes - connection.handedBytes
        guard waiting > options.unsentBytesMax else { return true }
        log(.warning, "A client does not read its stream; its connection is closed")
        discard(connection)
        return false
    }

    func log(_ level: LogLevel, _ text: StaticString, _ detail: UnsafeRawBufferPointer? = nil) {
        guard let most = options.logLevel, level <= most else { return }
        let line = ByteBuffer(copying: text.rawBytes)
        if let detail { line.append(detail) }
        effects.append(.log(level, line))
    }

    // MARK: Connections

    func wait(_ wait: Wait, _ connection: ServerConnection) {
        connectionDeadlines.arm(
            SlotTable<ConnectionID, ServerConnection>.index(of: connection.id), wait.rawValue,
            at: now)
    }

    func stopWaiting(_ connection: ServerConnection) {
        connectionDeadlines.disarm(
            SlotTable<ConnectionID, ServerConnection>.index(of: connection.id))
    }

    /// Never inlined: Swift 6.3.1's optimizer fails on it inside the loop that calls it.
    @inline(never)
    private func waitIsOver(_ wait: Wait, _ connection: ServerConnection) {
        switch wait {
        case .nextRequest, .hangUp:
            discard(connection)
        case .arrival:
            guard case .receiving = connection.exchange else { return discard(connection) }
            connection.keepsAlive = false
            refuse(
                Refusal(.requestTimeout, .invalidRequest, "The request took too long to arrive"),
                connection)
        case .keepAlive:
            keepAlive(connection)
        }
    }

    /// Forgets a connection, and has it closed. What it carried goes on without it.
    func discard(_ connection: ServerConnection) {
        guard !connection.isClosed else { return }
        let exchange = connection.exchange
        connection.exchange = .closed
        connection.output = nil
        connection.pipelined = nil
        stopWaiting(connection)
        connections.remove(connection.id)
        releaseFences(of: connection)
        switch exchange {
        case .request(let request): clientLeft(request)
        case .primary(let session): primaryLost(session, connection)
        case .idle, .receiving, .refused, .finishing, .lingering, .closed: break
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

    /// The exchange on a connection is over, and its response is queued as a whole.
    func exchangeEnded(on connection: ServerConnection) {
        guard !connection.isClosed else { return }
        spare.give(&connection.parser.head)
        guard connection.keepsAlive, !isClosing else {
            connection.exchange = .finishing
            return wait(isClosing ? .hangUp : .arrival, connection)
        }
        connection.exchange = .idle
        wait(.nextRequest, connection)
        if connection.pipelined != nil { resumable.append(connection) }
    }

    // MARK: Reading

    private func read(_ bytes: UnsafeRawBufferPointer, from connection: ServerConnection) {
        var rest = bytes
        var hasStopped = false
        while rest.count > 0 || hasStopped {
            switch connection.exchange {
            case .idle, .receiving, .refused: break
            case .request, .primary:
                if rest.count > 0 { postpone(rest, on: connection) }
                return
            case .finishing, .lingering, .closed: return
            }
            if connection.parser.head == nil { connection.parser.head = spare.takeHead() }
            let (step, used) = connection.parser.parse(rest)
            rest = rest.dropBytes(used)
            // A message without a body ends where its head does: no byte is left to say so.
            hasStopped = step == .head
            handle(step, on: connection)
        }
    }

    private func handle(_ step: HTTPParser.Step, on connection: ServerConnection) {
        switch step {
        case .needsMore:
            guard case .idle = connection.exchange, connection.parser.isInsideMessage else {
                return
            }
            connection.exchange = .receiving
            wait(.arrival, connection)
        case .head:
            headArrived(on: connection)
        case .message:
            if case .refused = connection.exchange {
                exchangeEnded(on: connection)
            } else {
                messageArrived(on: connection)
            }
        case .fault(let fault):
            if case .refused = connection.exchange { return discard(connection) }
            connection.keepsAlive = false
            refuse(ServerEngine.refusal(for: fault), connection)
        }
    }

    private func headArrived(on connection: ServerConnection) {
        guard let head = connection.parser.head else { return }
        if case .idle = connection.exchange {
            connection.exchange = .receiving
            wait(.arrival, connection)
        }
        connection.keepsAlive = head.keepsAlive && !head.isHTTP10
        connection.framing = head.isHTTP10 ? .untilClose : .chunked
        switch admission.judge(head) {
        case .refuse(let refusal):
            noteRefusal(refusal, head)
            refuse(refusal, connection)
        case .message:
            let body = spare.takeBuffer()
            body.reserve(Int(head.contentLength ?? 0))
            connection.parser.body = body
            if !head.isHTTP10, head[.expect]?.equalsIgnoringCase("100-continue") == true {
                write(to: connection) { $0.append("HTTP/1.1 100 Continue\r\n\r\n") }
            }
        case .primaryStream, .endOfSession:
            break
        }
    }

    /// Keeps what arrives behind a request that is not answered yet.
    private func postpone(_ bytes: UnsafeRawBufferPointer, on connection: ServerConnection) {
        let pipelined = connection.pipelined ?? ByteBuffer()
        connection.pipelined = pipelined
        pipelined.append(bytes)
        if pipelined.count > options.pipelinedBytesMax {
            log(
                .warning,
                "A client sent too much behind a request that waits; its connection is closed")
            discard(connection)
        }
    }

    func resumePipelines() {
        guard !isResuming else { return }
        isResuming = true
        while let connection = resumable.popLast() {
            guard let bytes = connection.pipelined else { continue }
            connection.pipelined = nil
            read(bytes.bytes, from: connection)
        }
        isResuming = false
    }

    private static func refusal(for fault: HTTPFault) -> Refusal {
        switch fault {
        case .malformed: Refusal(.badRequest, .invalidRequest, "Not a well-formed HTTP/1.1 request")
        case .version: Refusal(.versionNotSupported, .invalidRequest, "Only HTTP/1.1 is served")
        case .targetTooLong:
            Refusal(.targetTooLong, .invalidRequest, "The request target is too long")
        case .headersTooLarge: Refusal(.headersTooLarge, .invalidRequest, "The header is too large")
        case .bodyTooLarge: Refusal(.contentTooLarge, .invalidRequest, "The message is too large")
        }
    }

    /// Tells the operator which option would have admitted a request.
    private func noteRefusal(_ refusal: Refusal, _ head: HTTPHead) {
        if refusal == Admission.hostRefused {
            log(.warning, "Refused a Host that allowed_hosts would have to name: ", head[.host])
        } else if refusal == Admission.originRefused {
            log(
                .warning, "Refused an Origin that allowed_origins would have to name: ",
                head[.origin])
        }
    }
}
