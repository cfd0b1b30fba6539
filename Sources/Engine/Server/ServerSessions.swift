import Link
import MCP
import Session
import Wire

/// Sessions: how they begin, time out and end.
extension ServerEngine {
    /// S-200 to S-203, S-212.
    func initializeArrived(
        _ id: RequestID, _ message: borrowing Message, _ head: RequestHead,
        on connection: ServerConnection
    ) {
        let params = InitializeParams(message.envelope.params)
        var session: ServerSession?
        if hasNodes, !relays.isReached {
            return refuse(.sessionStore, connection, id: id, message.envelope.method)
        }
        if !options.isStateless {
            if head[.sessionID] != nil {
                switch findSession(head, on: connection) {
                case .refused(let refusal):
                    return refuse(refusal, connection, id: id, message.envelope.method)
                case .found:
                    return refuse(
                        .sessionInitialized, connection, id: id, message.envelope.method)
                }
            }
            switch addSession(params, on: connection) {
            case .added(let added): session = added
            case .refused(let refusal):
                return refuse(refusal, connection, id: id, message.envelope.method)
            }
        }
        initialize(session, id, message, params, head, policy, on: connection)
    }

    /// Opens the request that initializes a session, or a client without one.
    func initialize(
        _ session: ServerSession?, _ id: RequestID, _ message: borrowing Message,
        _ params: InitializeParams, _ head: RequestHead, _ policy: ResponsePolicy,
        on connection: ServerConnection
    ) {
        let requested = params.protocolVersion?.string
        let revision = options.revisions.negotiated(for: requested?.bytes)
        let terms = RequestTerms(revision: revision, policy: policy, isInitialize: true)
        guard let request = open(id, message, head, of: session, on: connection, terms) else {
            if let session, !session.isOld { sessions.remove(session, &shares) }
            return
        }
        if let session { connection.access?.note(session) }
        guard let greeting else {
            let event = newEvent(.initialize, of: session, message, on: connection)
            event.request = request.key
            event.head = head
            event.revision = revision
            event.principal = connection.exchange.principal
            return core.perform(.deliver(event))
        }
        if requested == nil || params.capabilities?.isObject != true {
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

    enum Addition {
        case added(ServerSession)
        case refused(Refusal)
    }

    func addSession(
        _ params: InitializeParams, isOld: Bool = false, on connection: ServerConnection
    ) -> Addition {
        let clientInfo = ServerEngine.object(params.clientInfo)
        let capabilities = ServerEngine.object(params.capabilities)
        guard clientInfo.count + capabilities.count <= options.clientInfoBytesMax else {
            return .refused(.clientInfoTooLong)
        }
        let id = SessionID(high: core.randomBits(), low: core.randomBits())
        let session = openSession(id, clientInfo, capabilities, isOld: isOld, on: connection)
        guard let session else { return .refused(.tooManySessions) }
        core.counters.sessionsTotal += 1
        return .added(session)
    }

    /// Opens a session for the client of a connection; nil if there is no room for it. One half of
    /// the id of its primary stream may be given.
    func openSession(
        _ id: SessionID, primary high: UInt64? = nil, _ clientInfo: ByteBuffer,
        _ capabilities: ByteBuffer, isOld: Bool = false, isResumed: Bool = false,
        on connection: ServerConnection
    ) -> ServerSession? {
        let bytes =
            ServerSession.ownBytes + clientInfo.heldBytes + capabilities.heldBytes
        let hasRoom = makeRoom(forSession: bytes, in: shares(of: connection), on: connection)
        // Only now: evicting the last session of a share also removes the share.
        let shares = shares(of: connection)
        let primary =
            sessions.hasStore
            ? StreamToken(high: high ?? core.randomBits(), low: core.randomBits())
            : StreamToken(high: 0, low: 0)
        let opening = ServerSession.Opening(
            id: id, principal: connection.exchange.principal, isOld: isOld, shares: shares,
            primary: primary,
            clientInfo: clientInfo, clientCapabilities: capabilities, isResumed: isResumed)
        guard hasRoom, let session = sessions.open(opening, at: now) else {
            self.shares.forget(shares)
            return nil
        }
        return session
    }

    /// The shares of a connection's address and principal.
    func shares(of connection: ServerConnection) -> Shares {
        Shares(
            address: connection.share, principal: shares.share(of: connection.exchange.principal))
    }

    /// Sets what the client of a session says of itself; false if it is too long.
    func describe(_ session: ServerSession, _ params: InitializeParams) -> Bool {
        let clientInfo = ServerEngine.object(params.clientInfo)
        let capabilities = ServerEngine.object(params.capabilities)
        guard clientInfo.count + capabilities.count <= options.clientInfoBytesMax,
            hasRoom(for: clientInfo.heldBytes + capabilities.heldBytes, of: session)
        else { return false }
        sessions.describe(session, clientInfo, capabilities)
        return true
    }

    private static func object(_ value: JSONValue?) -> ByteBuffer {
        let empty: StaticString = "{}"
        return ByteBuffer(copying: value.flatMap { $0.isObject ? $0.text : nil } ?? empty.rawBytes)
    }

    /// The host, or the engine for it, has accepted `initialize`: the session becomes live.
    func succeed(
        initialize request: OpenRequest, _ revision: Revision, _ result: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        let session = request.session
        if let session {
            sessions.initializeSucceeded(session, revision)
            kept.keep(session, at: now)
            // The client's next request may go to another node.
            if hasNodes, let connection = request.connection { waitForStore(connection) }
            let event = HostEvent(.sessionOpened, of: session)
            event.head = request.head
            event.principal = session.principal
            event.peer = request.connection?.peer
            core.perform(.deliver(event))
            if session.isOld { notePrimary(of: session, request.head) }
        }
        try answer(request, sessionID: session?.id) { $0.appendResult(id: request.id, result) }
    }

    /// Answers a request with an error. An `initialize` that fails leaves no session (S-202).
    func fail(
        _ request: OpenRequest, _ code: Int32, _ message: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer, isInBand: Bool = false
    ) throws(CallerFault) {
        if request.isInitialize, let session = request.session {
            sessions.remove(session, &shares)
            for call in session.ledger.entries.openCalls { fail(call, .sessionEnded) }
            tellOfRoom(session, .notFound)
        }
        try answer(request, isInBand ? .ok : request.policy.status(of: code)) { output in
            output.appendError(id: request.id, code: code, message: message, data: data)
        }
        if let session = request.session, session.isOld, request.isInitialize {
            endPrimary(of: session)
        }
    }

    /// Starts or stops a session's idle time-out: it runs while nothing of it is open (S-207).
    func noteActivity(of session: ServerSession) {
        sessions.noteActivity(of: session, at: now)
    }

    /// Ends a session and everything in it (S-206, S-241). The event for the host has `fault`, if
    /// there is one. One that `livesOn` ends only for this process, if it was live.
    func end(
        _ session: ServerSession, because reason: StaticString, _ fault: CallerFault? = nil,
        livesOn: Bool = false
    ) {
        guard !session.state.hasEnded else { return }
        let wasLive = session.state.isLive
        let livesOn = livesOn && wasLive && !session.isOld
        if livesOn {
            kept.flush(session, at: now)
            defer { kept.release(session) }
            // Who resumes the stream of a request elsewhere gets the error that it ends with here.
            cutRequests(of: session, because: reason)
            sessions.remove(session, &shares, livesOn: true)
            refuseSeeking(of: session)
        } else {
            sessions.remove(session, &shares)
            if wasLive {
                kept.forget(session)
                endSeeking(of: session)
            }
            cutRequests(of: session, because: reason)
        }
        // A head that was admitted because its session was here has to be looked up from now on.
        if livesOn || hasNodes && wasLive { core.spare.forgetHeads() }
        for key in session.ledger.entries.openCalls { fail(key, .sessionEnded) }
        for uri in sessions.takeSubscriptions(of: session) { unwatch(uri, ofSession: true) }
        endPrimary(of: session)
        tellOfRoom(session, .notFound)
        guard wasLive else { return }
        let event = HostEvent(.sessionClosed, of: session)
        event.fault = fault
        core.perform(.deliver(event))
    }

    private func cutRequests(of session: ServerSession, because reason: StaticString) {
        for key in session.ledger.entries.requestKeys {
            guard let request = requests[key] else { continue }
            let event = HostEvent(.cancelled, of: session)
            event.request = key
            event.fault = .sessionEnded
            core.perform(.deliver(event))
            cut(request, because: reason, .sessionEnded)
        }
    }

    /// Ends the primary stream of a session that has ended.
    private func endPrimary(of session: ServerSession) {
        guard let connection = primaryConnection(of: session) else { return }
        _ = sessions.primaryLost(session, connection)
        endStream(on: connection)
    }
}
