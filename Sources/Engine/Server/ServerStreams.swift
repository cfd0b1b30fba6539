import Link
import MCP
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
        var message = core.spare.takeBuffer(for: length)
        compose(message)
        writeEvent(kind, of: request, message)
        core.spare.giveIfUnused(&message)
    }

    private func writeEvent(_ kind: Backlog.Kind, of request: OpenRequest, _ message: ByteBuffer) {
        let id = request.nextEventID()
        if let session = request.session, let id {
            sessions.record(id, message, isShared: false, of: session, at: now)
        }
        if let connection = request.connection { writeEvent(kind, message, id, to: connection) }
    }

    /// Sends one message, which may be one for many, on a session's primary stream, which
    /// `connection` carries.
    func writePrimaryEvent(
        _ kind: Backlog.Kind, _ session: ServerSession, to connection: ServerConnection,
        _ message: ByteBuffer, isShared: Bool = false
    ) {
        let id = sessions.nextPrimaryEvent(of: session)
        if let id { sessions.record(id, message, isShared: isShared, of: session, at: now) }
        writeEvent(kind, message, id, to: connection)
    }

    /// Begins a request's stream: its head and, for clients that understand it, an event that only
    /// tells where the stream begins (S-238).
    func beginStream(
        of request: OpenRequest, on connection: ServerConnection, sessionID: SessionID? = nil
    ) {
        guard !request.isStreaming else { return }
        connections.beginStream(of: request)
        beginLog(of: request)
        writeStreamHead(to: connection, sessionID)
        if let stream = request.stream, request.hasPriming {
            prime(stream.position, on: connection)
        }
    }

    private func prime(_ position: EventID, on connection: ServerConnection) {
        writeHead(to: connection) { appendPriming(position, to: $0, on: connection) }
    }

    private func appendPriming(
        _ id: EventID, to output: ByteBuffer, on connection: ServerConnection
    ) {
        output.appendPart(connection.exchange.framing) { part in
            SSEFrame.appendPriming(to: part) { EventIDCodec.append(id, to: $0) }
        }
    }

    /// Writes the head of an event stream.
    func writeStreamHead(to connection: ServerConnection, _ sessionID: SessionID? = nil) {
        gate.watchExpiry(of: connection)
        // What was written before it, such as 100 Continue, is no backlog of the stream's.
        wait(.keepAlive, connection)
        writeHead(to: connection) { beginStream(on: connection, sessionID, $0) }
        if connection.exchange.framing == .untilClose { connection.endAfterExchange() }
    }

    /// Writes what comes before a stream's first message.
    private func writeHead(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        let before = connection.outbox.queuedBytes
        write(to: connection, compose)
        connection.exchange.wroteHead(connection.outbox.queuedBytes - before)
    }

    /// A quiet connection gets a sign of life (S-135, S-246). A request that has no answer yet
    /// becomes a stream for it: a client cannot wait for a head for ever (S-130).
    func keepAlive(_ connection: ServerConnection) {
        // Nothing of what waits has been taken since the last time: the peer is dead or as good.
        let isStuck = connection.exchange.isStuck(connection.outbox)
        switch connection.exchange.state {
        case .request(let request):
            beginStream(of: request, on: connection)
        case .primary:
            break
        case .idle, .receiving, .authorizing, .refused, .loading, .finishing, .lingering, .closed:
            return
        }
        guard !isStuck else {
            core.counters.slowConnections += 1
            core.log(
                .notice, "A stream was not read between two keep-alives; its connection is closed")
            return discard(connection)
        }
        write(to: connection) { output in
            output.appendPart(connection.exchange.framing) { $0.append(SSEFrame.keepAlive) }
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
            core.counters.resultDrops += 1
            core.log(.notice, "Dropped a result whose client is gone")
            throw .disconnected
        }
        guard let barrier = nextBarrier(of: request) else {
            return write(answerOf: request, sessionID, about: length, compose)
        }
        let held = ByteBuffer(capacity: length)
        compose(held)
        hold(held, of: request, at: barrier)
    }

    /// The next barrier that an answer has to wait at: none once the server closes.
    @inline(__always)
    private func nextBarrier(of request: OpenRequest) -> RequestFence.Barrier? {
        shutdown.isClosing ? nil : fences.nextBarrier(of: request, at: now)
    }

    /// Makes an answer wait at a connection. It counts as unread by that connection's client, which
    /// is what it waits for.
    private func hold(
        _ answer: ByteBuffer, of request: OpenRequest, at barrier: RequestFence.Barrier
    ) {
        connections.noteUnsent(fences.hold(answer, of: request, at: barrier, now))
        _ = keepsUp(barrier.connection)
    }

    /// Takes a request's answer from the connection that it waits at.
    private func takeHeldAnswer(of request: OpenRequest) -> ByteBuffer? {
        guard let (answer, change) = fences.take(from: request) else { return nil }
        connections.noteUnsent(change)
        return answer
    }

    /// A connection does not hold a request's answer any more; another one may.
    func releaseAnswer(of request: OpenRequest) {
        guard let held = takeHeldAnswer(of: request) else { return }
        if let barrier = nextBarrier(of: request) { return hold(held, of: request, at: barrier) }
        write(answerOf: request, nil, about: held.count) { $0.append(held) }
    }

    private func write(
        answerOf request: OpenRequest, _ sessionID: SessionID?, about length: Int = 128,
        _ compose: (ByteBuffer) -> Void
    ) {
        fences.removeBarriers(of: request)
        request.releaseHead()
        if policy.hasDocument, !request.isStreaming {
            guard let connection = request.detach() else { return }
            return respond(on: connection, sessionID: sessionID, about: length, compose)
        }
        var message = core.spare.takeBuffer(for: length)
        compose(message)
        if !request.isStreaming, message.count < ServerEngine.longBytes,
            let connection = request.detach()
        {
            respond(on: connection, withStreamOf: message, for: request, sessionID)
        } else {
            endStream(of: request, with: message, sessionID)
        }
        core.spare.giveIfUnused(&message)
    }

    /// Writes a response that is a stream of one event.
    func respond(
        on connection: ServerConnection, withStreamOf message: ByteBuffer,
        for request: OpenRequest?, _ sessionID: SessionID?
    ) {
        guard keepsUp(connection) else {
            core.counters.resultDrops += 1
            return
        }
        let token = request.flatMap { keep(message, asStreamOf: $0) }
        write(to: connection) { output in
            beginStream(on: connection, sessionID, output)
            if let token, request?.hasPriming == true {
                appendPriming(EventID(stream: token, sequence: 0), to: output, on: connection)
            }
            let id = token.map { EventID(stream: $0, sequence: 1) }
            Outbox.append(message, id, connection.exchange.framing, to: output)
            output.endBody(connection.exchange.framing)
        }
        if connection.exchange.framing == .untilClose { connection.endAfterExchange() }
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
        sessions.endLog(of: request)
        guard let connection = request.detach() else {
            // Gone before the answer, or because of it.
            if request.stream == nil { core.counters.resultDrops += 1 }
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

    /// Closes a request. Its calls fail: nobody waits for what they would return.
    private func close(_ request: OpenRequest, _ fault: CallerFault) {
        requests.close(request, &shares)
        if !request.calls.isEmpty { failCalls(of: request, fault) }
        guard let session = request.session else {
            return request.shares.forEach { shares.forget($0) }
        }
        noteActivity(of: session)
    }

    /// The client of a request has gone. That is no cancellation (S-224): the host goes on, and
    /// what it sends is kept if the client can come back for it. An answer that a fence holds back
    /// stays held back: the client may be here again before the fence is passed.
    func clientLeft(_ request: OpenRequest) {
        request.detach()
        if requests[request.key] != nil { requests.setDetached(request, true, at: now) }
        guard request.stream == nil else { return }
        _ = takeHeldAnswer(of: request)
        failCalls(of: request, .disconnected)
        guard requests[request.key] != nil else { return }
        if policy.onDisconnect == .cancel { return giveUp(request) }
        if request.isInitialize, let session = request.session {
            end(session, because: "Session ended")  // S-202
        }
    }

    /// Ends a request whose client has not come back in time. If it still does, it learns so.
    func giveUp(_ request: OpenRequest) {
        let event = HostEvent(.cancelled, of: request.session)
        event.request = request.key
        event.fault = .disconnected
        core.perform(.deliver(event))
        cut(request, because: "The client was away for too long", .disconnected)
    }

    private func failCalls(of request: OpenRequest, _ fault: CallerFault) {
        for key in request.calls { fail(key, fault) }
    }

    /// Closes a call that will never be answered, and tells the host.
    func fail(_ key: CallKey, _ fault: CallerFault) {
        guard let call = requests.close(key, &shares) else { return }
        let event = HostEvent(.response, of: call.session)
        event.call = key
        event.callData = call.data
        event.fault = fault
        core.perform(.deliver(event))
    }

    // MARK: The primary stream

    /// Opens a session's primary stream for a client that has not had it, or whose cursor in it is
    /// of no use any more.
    func openPrimary(
        of session: ServerSession, on connection: ServerConnection, hasGap: Bool = false
    ) {
        attachPrimary(of: session, to: connection)
        beginPrimary(of: session, on: connection, from: session.primary.position, hasGap: hasGap)
        sendMailbox(of: session, on: connection)
    }

    /// Begins a primary stream on its connection, where its client has no use for a cursor.
    func beginPrimary(
        of session: ServerSession, on connection: ServerConnection, from position: EventID,
        hasGap: Bool
    ) {
        if hasGap {
            core.counters.primaryGaps += 1
            core.log(.notice, "A client came back for events that are not kept any more")
            core.perform(.deliver(HostEvent(.primaryGap, of: session)))
        }
        writePrimaryHead(to: connection, hasGap: hasGap)
        // A client that has come back has a cursor; any other learns where it comes in (M-025).
        if sessions.hasStore, session.state.revision?.hasPriming == true {
            prime(position, on: connection)
        }
    }

    /// Lets a connection carry a session's primary stream. The newest wins (S-231).
    func attachPrimary(of session: ServerSession, to connection: ServerConnection) {
        let superseded = sessions.attachPrimary(of: session, to: connection)
            .flatMap { connections[$0] }
        if let superseded { endStream(on: superseded) }
        connection.reader.endMessage(of: connection.id, &core.spare)
        move(connection, to: .primary(session))
        core.perform(.deliver(HostEvent(.primaryOpened, of: session)))
    }

    /// Writes the head of a primary stream. If its client has lost events, it learns so first.
    func writePrimaryHead(to connection: ServerConnection, hasGap: Bool = false) {
        writeStreamHead(to: connection)
        let comment = hasGap ? SSEFrame.gap : SSEFrame.opening
        writeHead(to: connection) { output in
            output.appendPart(connection.exchange.framing) { $0.append(comment) }
        }
    }

    /// Sends what has waited for the primary stream.
    func sendMailbox(of session: ServerSession, on connection: ServerConnection) {
        for message in sessions.takeMailbox(of: session) {
            if !sessions.hasStore, connection.isClosed {
                _ = sessions.keep(message, inMailboxOf: session, isBounded: false)
            } else {
                writePrimaryEvent(.essential, session, to: connection, message)
            }
        }
    }

    func primaryLost(_ session: ServerSession, _ connection: ServerConnection) {
        guard sessions.primaryLost(session, connection) else { return }
        noteActivity(of: session)
        core.perform(.deliver(HostEvent(.primaryClosed, of: session)))
    }

    /// The connection that carries a session's primary stream.
    func primaryConnection(of session: ServerSession?) -> ServerConnection? {
        session?.primary.connection.flatMap { connections[$0] }
    }
}
