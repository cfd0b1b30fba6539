import Replay
import Session
import Wire

/// Streams and answers: what is written where, once the router has decided.
extension ServerEngine {
    /// Sends one message on a request's own stream, which begins with it. If the client is away and
    /// can come back, the message is kept for it. `length` is about how long it will be.
    func writeEvent(
        _ kind: Backlog.Kind, of request: OpenRequest, about length: Int = 128,
        _ compose: (ByteBuffer) -> Void
    ) {
        if let connection = request.connection { beginStream(of: request, on: connection) }
        var message = spare.takeBuffer(for: length)
        compose(message)
        writeEvent(kind, of: request, message)
        spare.giveIfUnused(&message)
    }

    private func writeEvent(_ kind: Backlog.Kind, of request: OpenRequest, _ message: ByteBuffer) {
        let id = request.stream?.next()
        if let session = request.session, let id { record(id, message, of: session) }
        if let connection = request.connection { writeEvent(kind, message, id, to: connection) }
    }

    /// Sends one message, which may be one for many, on a session's primary stream, which
    /// `connection` carries.
    func writePrimaryEvent(
        _ kind: Backlog.Kind, _ session: ServerSession, to connection: ServerConnection,
        _ message: ByteBuffer, isShared: Bool = false
    ) {
        let id = store == nil ? nil : session.primary.next()
        if let id { record(id, message, isShared: isShared, of: session) }
        writeEvent(kind, message, id, to: connection)
    }

    /// Begins a request's stream: its head and, for clients that understand it, an event that only
    /// tells where the stream begins (S-238).
    func beginStream(
        of request: OpenRequest, on connection: ServerConnection, sessionID: SessionID? = nil
    ) {
        guard !request.isStreaming else { return }
        request.isStreaming = true
        counters.streams += 1
        beginLog(of: request)
        writeStreamHead(to: connection, sessionID)
        if let stream = request.stream, request.hasPriming { prime(stream, on: connection) }
    }

    private func prime(_ stream: EventStream, on connection: ServerConnection) {
        writeHead(to: connection) { appendPriming(stream.position, to: $0, on: connection) }
    }

    private func appendPriming(
        _ id: EventID, to output: ByteBuffer, on connection: ServerConnection
    ) {
        output.appendPart(connection.framing) { part in
            SSEFrame.appendPriming(to: part) { EventIDCodec.append(id, to: $0) }
        }
    }

    /// Writes the head of an event stream.
    func writeStreamHead(to connection: ServerConnection, _ sessionID: SessionID? = nil) {
        watchExpiry(of: connection)
        writeHead(to: connection) { beginStream(on: connection, sessionID, $0) }
        if connection.framing == .untilClose { connection.keepsAlive = false }
    }

    /// Writes what comes before a stream's first message.
    private func writeHead(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        let before = connection.queuedBytes
        write(to: connection, compose)
        connection.headBytes += connection.queuedBytes - before
    }

    /// A quiet connection gets a sign of life (S-135, S-246). A request that has no answer yet
    /// becomes a stream for it: a client cannot wait for a head for ever (S-130).
    func keepAlive(_ connection: ServerConnection) {
        // Nothing of what waits has been taken since the last time: the peer is dead or as good.
        let isStuck =
            connection.handedBytes < connection.queuedBytes
            && connection.handedBytes == connection.handedAtKeepAlive
        switch connection.exchange {
        case .request(let request):
            beginStream(of: request, on: connection)
        case .primary:
            break
        case .idle, .receiving, .authorizing, .refused, .loading, .finishing, .lingering, .closed:
            return
        }
        guard !isStuck else {
            counters.slowConnections += 1
            log(.notice, "A stream was not read between two keep-alives; its connection is closed")
            return discard(connection)
        }
        connection.handedAtKeepAlive = connection.handedBytes
        write(to: connection) { output in
            output.appendPart(connection.framing) { $0.append(SSEFrame.keepAlive) }
        }
        wait(.keepAlive, connection)
    }

    // MARK: Answers

    /// Ends a request with its answer, behind the fence if there is one (PROTOCOL, point 1).
    func answer(
        _ request: OpenRequest, sessionID: SessionID? = nil, about length: Int = 128,
        _ compose: (ByteBuffer) -> Void
    ) throws(CallerFault) {
        close(request, .cancelled)
        guard request.isReachable else {
            counters.resultDrops += 1
            log(.notice, "Dropped a result whose client is gone")
            throw .disconnected
        }
        dropPassedFences(of: request)
        guard request.fences.isEmpty else {
            let held = ByteBuffer(capacity: length)
            compose(held)
            request.heldAnswer = held
            request.session?.held.append(request)
            for fence in request.fences { fence.connection.fenced.append(request) }
            return
        }
        write(answerOf: request, sessionID, about: length, compose)
    }

    /// Lets go of the answers that only a connection's bytes have held back.
    func releaseFences(of connection: ServerConnection) {
        guard !connection.fenced.isEmpty else { return }
        let waiting = connection.fenced
        connection.fenced = []
        for request in waiting {
            dropPassedFences(of: request)
            if request.fences.isEmpty {
                releaseAnswer(of: request)
            } else if request.fences.contains(where: { $0.connection === connection }) {
                connection.fenced.append(request)
            }
        }
    }

    private func dropPassedFences(of request: OpenRequest) {
        guard !request.fences.isEmpty else { return }
        request.fences.removeAll { fence in
            fence.connection.isClosed || fence.events <= fence.connection.handedEvents
        }
    }

    private func releaseAnswer(of request: OpenRequest) {
        guard let held = request.heldAnswer else { return }
        request.heldAnswer = nil
        request.session?.held.removeAll { $0 === request }
        write(answerOf: request, nil, about: held.count) { $0.append(held) }
    }

    private func write(
        answerOf request: OpenRequest, _ sessionID: SessionID?, about length: Int = 128,
        _ compose: (ByteBuffer) -> Void
    ) {
        request.fences = []
        request.head = nil
        if router.mode != .stream, !request.isStreaming {
            guard let connection = request.takeConnection() else { return }
            return respond(on: connection, sessionID: sessionID, about: length, compose)
        }
        var message = spare.takeBuffer(for: length)
        compose(message)
        if !request.isStreaming, message.count < ServerEngine.longBytes,
            let connection = request.takeConnection()
        {
            respond(on: connection, withStreamOf: message, for: request, sessionID)
        } else {
            endStream(of: request, with: message, sessionID)
        }
        spare.giveIfUnused(&message)
    }

    /// Writes a response that is a stream of one event.
    func respond(
        on connection: ServerConnection, withStreamOf message: ByteBuffer,
        for request: OpenRequest?, _ sessionID: SessionID?
    ) {
        guard keepsUp(connection) else {
            counters.resultDrops += 1
            return
        }
        let token = request.flatMap { keep(message, asStreamOf: $0) }
        write(to: connection) { output in
            beginStream(on: connection, sessionID, output)
            if let token, request?.hasPriming == true {
                appendPriming(EventID(stream: token, sequence: 0), to: output, on: connection)
            }
            let id = token.map { EventID(stream: $0, sequence: 1) }
            appendEvent(message, id, to: output, on: connection)
            output.endBody(connection.framing)
        }
        if connection.framing == .untilClose { connection.keepsAlive = false }
        exchangeEnded(on: connection)
    }

    /// Ends a stream that has begun, or whose one event is long.
    private func endStream(
        of request: OpenRequest, with message: ByteBuffer, _ sessionID: SessionID?
    ) {
        if let connection = request.connection {
            beginStream(of: request, on: connection, sessionID: sessionID)
        }
        writeEvent(.essential, of: request, message)
        endLog(of: request)
        guard let connection = request.takeConnection() else {
            // Gone before the answer, or because of it.
            if request.stream == nil { counters.resultDrops += 1 }
            return
        }
        endStream(on: connection)
    }

    /// Ends a request without the host: its client gets an error, and late answers find nothing.
    func cut(_ request: OpenRequest, because reason: StaticString, _ fault: CallerFault) {
        close(request, fault)
        guard request.isReachable else { return }
        write(answerOf: request, nil) { output in
            output.appendError(
                id: request.id, code: ErrorCode.cancelled.rawValue, message: reason.rawBytes)
        }
    }

    /// Takes a request off the books. Its calls fail: nobody waits for what they would tell.
    private func close(_ request: OpenRequest, _ fault: CallerFault) {
        requests.remove(request.key)
        detachedDeadlines.disarm(request.key.index)
        failCalls(of: request, fault)
        guard let session = request.session else { return }
        session.ledger.close(request.key)
        noteActivity(of: session)
    }

    /// The client of a request has gone. That is no cancellation (S-224): the host goes on, and
    /// what it sends is kept if the client can come back for it. An answer that a fence holds back
    /// stays held back: the client may be here again before the fence is passed.
    func clientLeft(_ request: OpenRequest) {
        request.connection = nil
        if requests[request.key] != nil { detachedDeadlines.arm(request.key.index, 0, at: now) }
        guard request.stream == nil else { return }
        request.heldAnswer = nil
        request.session?.held.removeAll { $0 === request }
        failCalls(of: request, .disconnected)
        if request.isInitialize, requests[request.key] != nil, let session = request.session {
            end(session, because: "Session ended")  // S-202
        }
    }

    /// Ends a request whose client has not come back in time. If it still does, it learns so.
    func giveUp(_ request: OpenRequest) {
        let event = HostEvent(.cancelled, of: request.session)
        event.request = request.key
        event.fault = .disconnected
        effects.append(.deliver(event))
        cut(request, because: "The client was away for too long", .disconnected)
    }

    private func failCalls(of request: OpenRequest, _ fault: CallerFault) {
        let open = request.calls
        request.calls = []
        for key in open { fail(key, fault) }
    }

    /// Closes a call that will never be answered, and tells the host.
    func fail(_ key: CallKey, _ fault: CallerFault) {
        guard let call = calls.removeValue(forKey: key) else { return }
        call.session.ledger.close(key)
        let event = HostEvent(.response, of: call.session)
        event.call = key
        event.callData = call.data
        event.fault = fault
        effects.append(.deliver(event))
    }

    // MARK: The primary stream

    /// Opens a session's primary stream for a client that has not had it, or has no cursor in it.
    func openPrimary(of session: ServerSession, on connection: ServerConnection) {
        attachPrimary(of: session, to: connection)
        writePrimaryHead(to: connection)
        // A client that has come back has a cursor; any other learns where it comes in (M-025).
        if store != nil, session.state.revision?.hasPriming == true {
            prime(session.primary, on: connection)
        }
        sendMailbox(of: session, on: connection)
    }

    /// Lets a connection carry a session's primary stream. The newest wins (S-231).
    func attachPrimary(of session: ServerSession, to connection: ServerConnection) {
        let superseded = session.primary.attach(connection.id).flatMap { connections[$0] }
        if let superseded { endStream(on: superseded) }
        spare.takeParser(of: connection)
        connection.exchange = .primary(session)
        counters.streams += 1
        sessions.becameBusy(session.key)
        effects.append(.deliver(HostEvent(.primaryOpened, of: session)))
    }

    func writePrimaryHead(to connection: ServerConnection) {
        writeStreamHead(to: connection)
        writeHead(to: connection) { output in
            output.appendPart(connection.framing) { $0.append(SSEFrame.opening) }
        }
    }

    /// Sends what has waited for the primary stream.
    func sendMailbox(of session: ServerSession, on connection: ServerConnection) {
        for message in session.mailbox.takeAll() {
            if store == nil, connection.isClosed {
                _ = session.mailbox.keep(message, countMax: .max, byteMax: .max)
            } else {
                writePrimaryEvent(.essential, session, to: connection, message)
            }
        }
    }

    func primaryLost(_ session: ServerSession, _ connection: ServerConnection) {
        guard session.primary.connectionLost(connection.id) else { return }
        noteActivity(of: session)
        effects.append(.deliver(HostEvent(.primaryClosed, of: session)))
    }

    /// The connection that carries a session's primary stream.
    func primaryConnection(of session: ServerSession?) -> ServerConnection? {
        session?.primary.connection.flatMap { connections[$0] }
    }
}
