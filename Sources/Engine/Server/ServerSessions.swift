import Replay
import Session
import Wire

/// Sessions: how they begin, go on and end.
extension ServerEngine {
    /// S-200 to S-203, S-212.
    func initializeArrived(
        _ id: RequestID, _ message: borrowing Message, _ head: HTTPHead,
        on connection: ServerConnection
    ) {
        let params = message.envelope.params
        var session: ServerSession?
        if !options.isStateless {
            if head[.sessionID] != nil {
                switch findSession(head, of: connection.principal) {
                case .refused(let refusal): return refuse(refusal, connection, id: id)
                case .found:
                    let refusal = Refusal(
                        .badRequest, .invalidRequest, "The session is initialized already")
                    return refuse(refusal, connection, id: id)
                }
            }
            guard let added = addSession(params, of: connection.principal) else {
                let refusal = Refusal(.serviceUnavailable, .internalError, "Too many sessions")
                return refuse(refusal, connection, id: id)
            }
            session = added
        }
        let requested = params?["protocolVersion"]?.string
        let revision = requested.map { Revision.negotiated(for: $0.bytes) } ?? .latest
        guard
            let request = open(
                id, message, head, of: session, on: connection, revision: revision,
                isInitialize: true)
        else {
            if let session {
                sessions.remove(session.key, session.id)
                store?.forget(session.key)
            }
            return
        }
        guard let greeting = options.greeting else { return deliver(request, message) }
        if requested == nil || params?["capabilities"]?.isObject != true {
            let message: StaticString = "initialize needs protocolVersion and capabilities"
            try? fail(
                request, ErrorCode.invalidParams.rawValue, message.rawBytes,
                data: .init(start: nil, count: 0))
        } else {
            let result = greeting.result(revision)
            withExtendedLifetime(result) {
                try? succeed(initialize: request, revision, result.bytes)
            }
        }
    }

    private func addSession(_ params: JSONValue?, of principal: Principal?) -> ServerSession? {
        let id = SessionID(high: random(), low: random())
        let primary = store == nil ? StreamToken(high: 0, low: 0) : newToken()
        let session = sessions.insert(id) { key in
            store?.begin(primary, of: key)
            return ServerSession(
                key: key, id: id, principal: principal, primary: primary,
                clientInfo: ServerEngine.object(params?["clientInfo"]),
                clientCapabilities: ServerEngine.object(params?["capabilities"]))
        }
        if session != nil { counters.sessionsTotal += 1 }
        return session
    }

    private static func object(_ value: JSONValue?) -> ByteBuffer {
        let empty: StaticString = "{}"
        return ByteBuffer(copying: value.flatMap { $0.isObject ? $0.text : nil } ?? empty.rawBytes)
    }

    /// The host, or the engine for it, accepts `initialize`: the session goes live.
    func succeed(
        initialize request: OpenRequest, _ revision: Revision, _ result: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        let session = request.session
        session?.state.initializeSucceeded(revision)
        if let session {
            let event = HostEvent(.sessionOpened, of: session)
            event.head = request.head
            event.principal = session.principal
            effects.append(.deliver(event))
        }
        try answer(request, sessionID: session?.id) { $0.appendResult(id: request.id, result) }
    }

    /// Answers a request with an error. A refused `initialize` leaves no session (S-202).
    func fail(
        _ request: OpenRequest, _ code: Int32, _ message: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        if request.isInitialize, let session = request.session {
            session.state.end()
            sessions.remove(session.key, session.id)
            for call in session.ledger.openCalls { fail(call, .sessionEnded) }
            store?.forget(session.key)
        }
        try answer(request) { output in
            output.appendError(id: request.id, code: code, message: message, data: data)
        }
    }

    /// Starts or stops a session's time to live: it runs while nothing is under way (S-207).
    func noteActivity(of session: ServerSession) {
        guard session.state.isLive else { return }
        if session.ledger.openRequests == 0, session.primary.connection == nil {
            sessions.becameQuiet(session.key, isReady: session.state.isReady, at: now)
        } else {
            sessions.becameBusy(session.key)
        }
    }

    /// Ends a session and everything in it (S-206, S-241).
    func end(_ session: ServerSession, because reason: StaticString) {
        guard !session.state.hasEnded else { return }
        let wasLive = session.state.isLive
        session.state.end()
        sessions.remove(session.key, session.id)
        for key in session.ledger.requestKeys {
            guard let request = requests[key] else { continue }
            let event = HostEvent(.cancelled, of: session)
            event.request = key
            event.fault = .sessionEnded
            effects.append(.deliver(event))
            cut(request, because: reason, .sessionEnded)
        }
        for key in session.ledger.openCalls { fail(key, .sessionEnded) }
        if let connection = primaryConnection(of: session) {
            _ = session.primary.connectionLost(connection.id)
            endStream(on: connection)
        }
        session.held = []
        store?.forget(session.key)
        if wasLive { effects.append(.deliver(HostEvent(.sessionClosed, of: session))) }
    }
}
