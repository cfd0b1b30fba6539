import Replay
import Session
import Wire

/// Streams and answers: what is written where, once the router has decided.
extension ServerEngine {
    /// Writes one message on a request's own stream, which begins with it.
    func writeEvent(of request: OpenRequest, _ compose: (ByteBuffer) -> Void) {
        guard let connection = request.connection else { return }
        beginStream(of: request, on: connection)
        writeEvent(to: connection, compose)
    }

    private func beginStream(of request: OpenRequest, on connection: ServerConnection) {
        guard !request.isStreaming else { return }
        request.isStreaming = true
        write(to: connection) { beginStream(on: connection, nil, $0) }
        if connection.framing == .untilClose { connection.keepsAlive = false }
    }

    /// A quiet connection gets a sign of life (S-135, S-246). A request that has no answer yet
    /// becomes a stream for it: a client cannot wait for a head for ever (S-130).
    func keepAlive(_ connection: ServerConnection) {
        switch connection.exchange {
        case .request(let request):
            beginStream(of: request, on: connection)
        case .primary:
            break
        case .idle, .receiving, .refused, .finishing, .lingering, .closed:
            return
        }
        write(to: connection) { output in
            output.appendPart(connection.framing) { $0.append(SSEFrame.keepAlive) }
        }
    }

    // MARK: Answers

    /// Ends a request with its answer, behind the fence if there is one (PROTOCOL, point 1).
    func answer(
        _ request: OpenRequest, sessionID: SessionID? = nil, _ compose: (ByteBuffer) -> Void
    ) throws(CallerFault) {
        close(request, .cancelled)
        guard let connection = request.connection else {
            log(.notice, "Dropped a result whose client is gone")
            throw .disconnected
        }
        dropPassedFences(of: request)
        guard request.fences.isEmpty else {
            let held = ByteBuffer()
            compose(held)
            request.heldAnswer = held
            for fence in request.fences { fence.connection.fenced.append(request) }
            return
        }
        write(answerOf: request, on: connection, sessionID, compose)
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
        request.fences.removeAll { fence in
            fence.connection.isClosed || fence.position <= fence.connection.handedBytes
        }
    }

    private func releaseAnswer(of request: OpenRequest) {
        guard let held = request.heldAnswer, let connection = request.connection else { return }
        request.heldAnswer = nil
        write(answerOf: request, on: connection, nil) { $0.append(held) }
    }

    private func write(
        answerOf request: OpenRequest, on connection: ServerConnection, _ sessionID: SessionID?,
        _ compose: (ByteBuffer) -> Void
    ) {
        request.connection = nil
        request.fences = []
        request.head = nil
        guard request.isStreaming else {
            return respond(on: connection, sessionID: sessionID, compose)
        }
        writeEvent(to: connection, compose)
        write(to: connection) { $0.endBody(connection.framing) }
        exchangeEnded(on: connection)
    }

    /// Ends a request without the host: its client gets an error, and late answers find nothing.
    func cut(_ request: OpenRequest, because reason: StaticString, _ fault: CallerFault) {
        close(request, fault)
        guard let connection = request.connection else { return }
        request.fences = []
        write(answerOf: request, on: connection, nil) { output in
            output.appendError(
                id: request.id, code: ErrorCode.cancelled.rawValue, message: reason.rawBytes)
        }
    }

    /// Takes a request off the books. Its calls fail: nobody waits for what they would tell.
    private func close(_ request: OpenRequest, _ fault: CallerFault) {
        requests.remove(request.key)
        failCalls(of: request, fault)
        guard let session = request.session else { return }
        session.ledger.close(request.key)
        noteActivity(of: session)
    }

    /// The client of a request has gone. That is no cancellation (S-224): the host goes on.
    func clientLeft(_ request: OpenRequest) {
        request.connection = nil
        request.heldAnswer = nil
        failCalls(of: request, .disconnected)
        if request.isInitialize, requests[request.key] != nil, let session = request.session {
            end(session, because: "Session ended")  // S-202
        }
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

    /// Opens a session's primary stream. The newest wins (S-231); what waited for it goes first.
    func openPrimary(of session: ServerSession, on connection: ServerConnection) {
        let superseded = session.primary.attach(connection.id).flatMap { connections[$0] }
        if let superseded {
            write(to: superseded) { $0.endBody(superseded.framing) }
            exchangeEnded(on: superseded)
        }
        if connection.framing == .untilClose { connection.keepsAlive = false }
        spare.give(&connection.parser.head)
        connection.exchange = .primary(session)
        write(to: connection) { output in
            beginStream(on: connection, nil, output)
            output.appendPart(connection.framing) { $0.append(SSEFrame.opening) }
        }
        for message in session.mailbox.takeAll() {
            writeEvent(to: connection) { $0.append(message) }
        }
        sessions.becameBusy(session.key)
        effects.append(.deliver(HostEvent(.primaryOpened, of: session)))
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
