import Session
import Wire

/// Requests as they arrive, and the responses they get.
extension ServerEngine {
    // MARK: Arrival

    func messageArrived(on connection: ServerConnection) {
        guard let head = connection.parser.head else { return }
        stopWaiting(connection)
        switch head.method {
        case .post: postArrived(head, on: connection)
        case .get: getArrived(head, on: connection)
        case .delete: deleteArrived(head, on: connection)
        case .head, .options, .other: preflightArrived(head, on: connection)
        }
    }

    private func postArrived(_ head: HTTPHead, on connection: ServerConnection) {
        guard let body = connection.parser.body else { return }
        connection.parser.body = nil
        let document: JSONDocument
        let envelope: Envelope
        do {
            document = try JSONDocument(body, depthMax: options.limits.jsonDepth)
        } catch {
            spare.give(body)
            return refuse(Refusal(.badRequest, .parseError, "Parse error"), connection)
        }
        do {
            envelope = try Envelope(document.root, limits: options.limits)
        } catch {
            return refuse(error, connection)
        }
        defer { withExtendedLifetime(document) {} }  // The envelope points into it.
        let id: RequestID? = if case .request(let id) = envelope.kind { id } else { nil }
        if let refusal = checkVersion(head) {
            return refuse(refusal, connection, id: id, data: ServerEngine.versionsOffered(head))
        }
        if isDraining, id != nil { return refuseWhileDraining(connection, id: id) }
        let isInitialize = id != nil && envelope.method.equals("initialize")
        if isInitialize, let id {
            return initializeArrived(id, document, envelope, head, on: connection)
        }
        var session: ServerSession?
        if !options.isStateless {
            switch findSession(head, of: connection.principal) {
            case .found(let found): session = found
            case .refused(let refusal): return refuse(refusal, connection, id: id)
            }
        }
        switch envelope.kind {
        case .request(let id):
            requestArrived(id, document, envelope, head, of: session, on: connection)
        case .notification:
            accept(connection)
            notificationArrived(document, envelope, head, of: session, by: connection.principal)
        case .response(let id, _):
            accept(connection)
            responseArrived(id, document, of: session)
        }
        if let session { noteActivity(of: session) }
    }

    private func getArrived(_ head: HTTPHead, on connection: ServerConnection) {
        guard let session = findSessionOrRefuse(head, connection) else { return }
        if let text = head[.lastEventID], !text.isEmpty {
            resume(after: text, of: session, on: connection)
        } else if isDraining {
            refuseWhileDraining(connection)
        } else {
            openPrimary(of: session, on: connection)
        }
    }

    private func deleteArrived(_ head: HTTPHead, on connection: ServerConnection) {
        guard let session = findSessionOrRefuse(head, connection) else { return }
        end(session, because: "Session ended")
        respondEmpty(.noContent, connection)
    }

    private func preflightArrived(_ head: HTTPHead, on connection: ServerConnection) {
        write(to: connection) { output in
            beginHead(.noContent, on: connection, output)
            crossOrigin?.appendPreflight(head, to: output)
            output.endEmptyHead(.noContent, keepsAlive: connection.keepsAlive && !isClosing)
        }
        exchangeEnded(on: connection)
    }

    private func findSessionOrRefuse(
        _ head: HTTPHead, _ connection: ServerConnection
    ) -> ServerSession? {
        if let refusal = checkVersion(head) {
            refuse(refusal, connection, data: ServerEngine.versionsOffered(head))
            return nil
        }
        switch findSession(head, of: connection.principal) {
        case .found(let session): return session
        case .refused(let refusal):
            refuse(refusal, connection)
            return nil
        }
    }

    enum Lookup {
        case found(ServerSession)
        case refused(Refusal)
    }

    static let sessionMissing = Refusal(
        .badRequest, .invalidRequest, "Mcp-Session-Id is required")
    static let sessionUnknown = Refusal(.notFound, .invalidRequest, "Session not found")

    /// S-204, S-205, S-500: the two answers differ, and say nothing else.
    func findSession(_ head: HTTPHead, of principal: Principal?) -> Lookup {
        guard let text = head[.sessionID] else {
            return .refused(ServerEngine.sessionMissing)
        }
        guard head.occurrences(of: .sessionID) == 1, let id = SessionID(text: text),
            let key = sessions.key(for: id), let session = sessions[key], session.state.isLive,
            session.principal == principal
        else {
            return .refused(ServerEngine.sessionUnknown)
        }
        return .found(session)
    }

    /// S-208: a version that is named must be one that is served.
    private func checkVersion(_ head: HTTPHead) -> Refusal? {
        guard let text = head[.protocolVersion] else { return nil }
        guard head.occurrences(of: .protocolVersion) == 1, Revision(text: text) != nil else {
            return Refusal(.badRequest, .unsupportedVersion, "Unsupported protocol version")
        }
        return nil
    }

    private static func versionsOffered(_ head: HTTPHead) -> ByteBuffer {
        let data = ByteBuffer(copying: ("{\"supported\":" as StaticString).rawBytes)
        data.append(Revision.listed)
        if let text = head[.protocolVersion], JSONDocument.isText(text) {
            data.append(",\"requested\":")
            data.append(jsonString: text)
        }
        data.append("}")
        return data
    }

    /// What the exchange of `head` is under: the session's revision decides (S-209, S-210).
    func revision(of session: ServerSession?, _ head: HTTPHead) -> Revision {
        session?.state.revision ?? head[.protocolVersion].flatMap { Revision(text: $0) } ?? .assumed
    }

    // MARK: Requests

    private func requestArrived(
        _ id: RequestID, _ document: JSONDocument, _ envelope: Envelope, _ head: HTTPHead,
        of session: ServerSession?, on connection: ServerConnection
    ) {
        if options.greeting != nil, envelope.method.equals("ping") {
            return respond(on: connection, sessionID: nil) { output in
                output.appendResult(id: id, ("{}" as StaticString).rawBytes)
            }
        }
        guard
            let request = open(
                id, envelope, head, of: session, on: connection,
                revision: revision(of: session, head), isInitialize: false)
        else { return }
        deliver(request, document, envelope)
    }

    /// Enters a request in the books, or refuses it.
    func open(
        _ id: RequestID, _ envelope: Envelope, _ head: HTTPHead, of session: ServerSession?,
        on connection: ServerConnection, revision: Revision, isInitialize: Bool
    ) -> OpenRequest? {
        let token = envelope.params?["_meta"]?["progressToken"].flatMap { token in
            token.integer != nil || token.string != nil ? token.serialized() : nil
        }
        let opened = requests.insert { key in
            OpenRequest(
                key: key, id: id, session: session, revision: revision, isInitialize: isInitialize,
                progressToken: token, head: head, connection: connection)
        }
        guard let request = opened else {
            refuse(ServerEngine.tooManyRequests, connection, id: id)
            return nil
        }
        let opening = session?.ledger.open(id, as: request.key, atMost: options.sessionRequestsMax)
        switch opening ?? .opened {
        case .opened:
            counters.requestsTotal += 1
            connection.exchange = .request(request)
            if router.mode != .json, !isInitialize {
                let isPrimed = router.mode == .stream && canResume(request) && revision.hasPriming
                wait(isPrimed ? .priming : .keepAlive, connection)
            }
            return request
        case .duplicate:
            requests.remove(request.key)
            refuse(
                Refusal(.badRequest, .invalidRequest, "A request with this id is still open"),
                connection, id: id)
        case .full:
            requests.remove(request.key)
            refuse(ServerEngine.tooManyRequests, connection, id: id)
        }
        return nil
    }

    private static var tooManyRequests: Refusal {
        Refusal(.serviceUnavailable, .internalError, "Too many requests are open")
    }

    func deliver(_ request: OpenRequest, _ document: JSONDocument, _ envelope: Envelope) {
        let event = HostEvent(.request, of: request.session)
        event.request = request.key
        event.document = document
        event.method = envelope.method
        let id = ByteBuffer()
        request.id.append(to: id)
        event.id = id
        event.head = request.head
        event.revision = request.revision
        event.principal = request.connection?.principal
        effects.append(.deliver(event))
    }

    // MARK: Notifications and responses

    private func notificationArrived(
        _ document: JSONDocument, _ envelope: Envelope, _ head: HTTPHead,
        of session: ServerSession?, by principal: Principal?
    ) {
        if envelope.method.equals("notifications/cancelled") {
            if let session { cancelArrived(document, envelope, of: session) }
            return
        }
        if envelope.method.equals("notifications/initialized") {
            session?.state.initializedArrived()
        }
        let event = HostEvent(.notification, of: session)
        event.document = document
        event.method = envelope.method
        event.head = head
        event.revision = revision(of: session, head)
        event.principal = principal
        effects.append(.deliver(event))
    }

    /// S-225, S-226. What names no open request is ignored.
    private func cancelArrived(
        _ document: JSONDocument, _ envelope: Envelope, of session: ServerSession
    ) {
        guard let named = envelope.params?["requestId"],
            let id = Envelope.requestID(named, limits: options.limits),
            let key = session.ledger.find(id), let request = requests[key], !request.isInitialize
        else { return }
        let event = HostEvent(.cancelled, of: session)
        event.request = request.key
        event.fault = .cancelled
        event.document = document
        event.method = envelope.method
        event.revision = request.revision
        effects.append(.deliver(event))
        cut(request, because: "Request cancelled", .cancelled)
    }

    /// S-243: a late or a strange answer is dropped.
    private func responseArrived(
        _ id: RequestID, _ document: JSONDocument, of session: ServerSession?
    ) {
        guard let session, let key = session.ledger.answered(id),
            let call = calls.removeValue(forKey: key)
        else {
            counters.responseDrops += 1
            return log(.debug, "Dropped a response that answers no call")
        }
        call.request?.calls.removeAll { $0 == key }
        let event = HostEvent(.response, of: session)
        event.call = key
        event.callData = call.data
        event.document = document
        effects.append(.deliver(event))
    }
}
