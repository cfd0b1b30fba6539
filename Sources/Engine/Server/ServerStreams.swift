import Link
import MCP
import Session
import Wire

/// Event streams and answers: writes messages to the stream that the router has selected.
extension ServerEngine {
    /// Sends one message on a request's own stream, and begins the stream if necessary. If the
    /// client has disconnected and can resume, the message is stored. `length` is the expected
    /// length.
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

    /// The same for a message that is short. Where it need not wait, it is composed in the output,
    /// and kept from there.
    @inline(__always)
    func writeShortEvent(
        _ kind: Backlog.Kind, of request: OpenRequest, _ compose: (ByteBuffer) -> Void
    ) {
        guard let connection = request.connection, request.isStreaming, connection.outbox.isOpen,
            keepsUp(connection)
        else { return writeEvent(kind, of: request, compose) }
        let id = request.nextEventID()
        let now = core.now
        connections.writeEvent(id, to: connection, &core, compose) { text in
            guard let id else { return }
            // The request keeps it: references to it are not counted.
            request.session.map { Unmanaged.passUnretained($0) }?._withUnsafeGuaranteedRef {
                sessions.record(id, copying: text, of: $0, at: now)
            }
        }
    }

    private func writeEvent(_ kind: Backlog.Kind, of request: OpenRequest, _ message: ByteBuffer) {
        let id = request.nextEventID()
        if let session = request.session, let id {
            sessions.record(id, message, isShared: false, of: session, at: now)
        }
        if let connection = request.connection { writeEvent(kind, message, id, to: connection) }
    }

    /// Sends one message on a session's primary stream, which `connection` carries. If it
    /// `isShared`, other sessions get the same buffer.
    @_optimize(speed)
    func writePrimaryEvent(
        _ kind: Backlog.Kind, _ session: ServerSession, to connection: ServerConnection,
        _ message: ByteBuffer, isShared: Bool = false
    ) {
        let id = sessions.nextPrimaryEvent(of: session)
        if let id { sessions.record(id, message, isShared: isShared, of: session, at: now) }
        writeEvent(kind, message, id, to: connection)
    }

    /// Begins a request's stream: its head and, for clients that understand it, a priming event,
    /// which has only the id of the stream's beginning (S-238).
    func beginStream(
        of request: OpenRequest, on connection: ServerConnection, sessionID: SessionID? = nil
    ) {
        guard !request.isStreaming else { return }
        connections.beginStream(of: request, on: connection)
        beginLog(of: request)
        if let batch = connection.exchange.batch {
            guard batch.hasStream else { return beginStream(of: batch, on: connection) }
            // The head was written for an earlier message.
            gate.watchExpiry(of: connection)
            return wait(.keepAlive, connection)
        }
        writeStreamHead(to: connection, sessionID)
        if let stream = request.stream, request.hasPriming {
            prime(stream.position, on: connection)
        }
    }

    func prime(_ position: EventID, on connection: ServerConnection) {
        writeHead(to: connection) { appendPriming(position, to: $0, on: connection) }
    }

    @_optimize(speed)
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
        // Output before the head, such as 100 Continue, is no backlog of the stream.
        wait(.keepAlive, connection)
        writeHead(to: connection) { beginStream(on: connection, sessionID, $0) }
        if connection.exchange.framing == .untilClose { connection.endAfterExchange() }
    }

    /// Writes what comes before a stream's first message, and counts it in `headBytes`.
    func writeHead(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        let before = connection.outbox.queuedBytes
        write(to: connection, compose)
        connection.exchange.wroteHead(connection.outbox.queuedBytes - before)
    }

    /// Sends a keep-alive on a quiet connection (S-135, S-246). A request without an answer becomes
    /// a stream for it, because a client does not wait for a head for ever (S-130).
    func keepAlive(_ connection: ServerConnection) {
        // The socket has taken nothing since the last keep-alive: the peer is dead or does not
        // read.
        let isStuck = connection.exchange.isStuck(connection.outbox)
        switch connection.exchange.state {
        case .request(let request):
            beginStream(of: request, on: connection)
        case .primary, .listening:
            break
        case .relayed:
            // The other node sends keep-alives.
            guard isStuck else { return wait(.keepAlive, connection) }
        case .idle, .receiving, .receivingOther, .hosted, .authorizing, .seeking, .refused,
            .loading, .finishing, .lingering, .closed:
            return
        }
        guard !isStuck else {
            core.counters.slowConnections += 1
            log(
                .notice, "A stream was not read between two keep-alives; its connection is closed",
                on: connection)
            return discard(connection)
        }
        write(to: connection) { output in
            output.appendPart(connection.exchange.framing) { $0.append(SSEFrame.keepAlive) }
        }
        wait(.keepAlive, connection)
    }

    // MARK: Answers

    /// Ends a request with its answer, after the fence if there is one (PROTOCOL, point 1).
    func answer(
        _ request: OpenRequest, _ status: HTTPStatus = .ok, sessionID: SessionID? = nil,
        about length: Int = 128, _ compose: (ByteBuffer) -> Void
    ) throws(CallerFault) {
        close(request, .cancelled)
        if request.isParked { return try keep(answerOf: request, status, compose) }
        guard request.isReachable else {
            core.counters.resultDrops += 1
            log(.notice, "Dropped a result whose client is gone", about: request)
            throw .disconnected
        }
        guard let barrier = nextBarrier(of: request) else {
            return write(answerOf: request, status, sessionID, about: length, compose)
        }
        let held = ByteBuffer(capacity: length)
        compose(held)
        hold(held, of: request, at: barrier)
    }

    /// The next barrier that an answer has to wait at; nil once the server is closing.
    @inline(__always)
    private func nextBarrier(of request: OpenRequest) -> RequestFence.Barrier? {
        shutdown.isClosing ? nil : fences.nextBarrier(of: request, at: now)
    }

    /// Holds an answer at a connection. It counts as unread by that connection's client, because
    /// the answer waits for that client.
    private func hold(
        _ answer: ByteBuffer, of request: OpenRequest, at barrier: RequestFence.Barrier
    ) {
        connections.noteUnsent(fences.hold(answer, of: request, at: barrier, now))
        _ = keepsUp(barrier.connection)
    }

    /// Removes a request's answer from the connection that holds it.
    private func takeHeldAnswer(of request: OpenRequest) -> ByteBuffer? {
        let holder = request.fence.holder
        guard let (answer, change) = fences.take(from: request) else { return nil }
        connections.noteUnsent(change)
        // It counted as unread there, and may have kept pipelined requests waiting.
        if let holder, case .idle = holder.exchange.state { connections.readable.add(holder) }
        return answer
    }

    /// A connection no longer holds a request's answer; another one may.
    func releaseAnswer(of request: OpenRequest) {
        guard let held = takeHeldAnswer(of: request) else { return }
        if let barrier = nextBarrier(of: request) { return hold(held, of: request, at: barrier) }
        write(answerOf: request, .ok, nil, about: held.count) { $0.append(held) }
    }

    private func write(
        answerOf request: OpenRequest, _ status: HTTPStatus, _ sessionID: SessionID?,
        about length: Int = 128, _ compose: (ByteBuffer) -> Void
    ) {
        fences.removeBarriers(of: request)
        request.releaseHead()
        if request.policy.answersOnPrimary {
            return writeOnPrimary(answerOf: request, compose)
        }
        if let connection = request.connection, let batch = connection.exchange.batch {
            let message = ByteBuffer(capacity: length)
            compose(message)
            request.detach()
            return add(message, to: batch, of: request, on: connection)
        }
        if request.policy.hasDocument, !request.isStreaming {
            guard let connection = request.detach() else { return }
            return respond(
                on: connection, request.policy, status, sessionID: sessionID, about: length, compose
            )
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

    /// Writes a complete response: a stream of one event.
    @_optimize(speed)
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

    /// Ends a stream that has begun, or whose only event is long.
    private func endStream(
        of request: OpenRequest, with message: ByteBuffer, _ sessionID: SessionID?
    ) {
        if let connection = request.connection {
            beginStream(of: request, on: connection, sessionID: sessionID)
        }
        writeEvent(.essential, of: request, message)
        sessions.endLog(of: request)
        guard let connection = request.detach() else {
            // The connection was lost before the answer, or closed because of it.
            if request.stream == nil { core.counters.resultDrops += 1 }
            return
        }
        endStream(on: connection)
    }

    /// Ends a request without the host: the client gets an error, and a late answer is `.notFound`.
    func cut(_ request: OpenRequest, because reason: StaticString, _ fault: CallerFault) {
        close(request, fault)
        endTrip(of: request)
        guard request.isReachable else { return }
        write(answerOf: request, .ok, nil) { output in
            output.appendError(
                id: request.id, code: ErrorCode.cancelled.rawValue, message: reason.rawBytes)
        }
    }

    /// Closes a request. Its calls fail, because nobody waits for their results.
    private func close(_ request: OpenRequest, _ fault: CallerFault) {
        requests.close(request, &shares)
        if !request.calls.isEmpty { failCalls(of: request, fault) }
        if request.trip != nil, !request.isParked { endTrip(of: request) }
        if request.awaitsRoom { tellOfRoom(request, .notFound) }
        guard let session = request.session else {
            return shares.forget(request.shares)
        }
        noteActivity(of: session)
    }

    /// The client of a request has disconnected. That does not cancel the request (S-224), unless
    /// nobody can resume and the mode says so: the host continues, and its messages are stored if
    /// the client can resume. An answer of such a stream stays held by its fence, because the
    /// client may be back before it is released.
    func clientLeft(_ request: OpenRequest) {
        request.detach()
        if requests[request.key] != nil { requests.detached(request, at: now) }
        guard request.stream == nil else { return noteRoom(of: request) }
        _ = takeHeldAnswer(of: request)
        failCalls(of: request, .disconnected)
        guard requests[request.key] != nil else { return }
        if request.policy.onDisconnect == .cancel { return giveUp(request) }
        if request.isInitialize, let session = request.session {
            end(session, because: "Session ended")  // S-202
        }
        noteRoom(of: request)
    }

    /// Ends a request whose client has not reconnected in time. If it still does, it gets the
    /// error.
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

    /// Closes a call that will never be answered, and notifies the host.
    func fail(_ key: CallKey, _ fault: CallerFault) {
        guard let call = requests.close(key, &shares) else { return }
        forgetQuestion(key, of: call.request)
        let event = HostEvent(.response, of: call.session)
        event.call = key
        event.callData = call.data
        event.fault = fault
        core.perform(.deliver(event))
    }
}
