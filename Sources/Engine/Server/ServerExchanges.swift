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
        case .delete, .head, .options, .other: deleteArrived(head, on: connection)
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
        let isInitialize = id != nil && envelope.method.equals("initialize")
        if isInitialize, let id {
            return initializeArrived(id, document, envelope, head, on: connection)
        }
        var session: ServerSession?
        if !options.isStateless {
            switch findSession(head) {
            case .found(let found): session = found
            case .refused(let refusal): return refuse(refusal, connection, id: id)
            }
        }
        switch envelope.kind {
        case .request(let id):
            requestArrived(id, document, envelope, head, of: session, on: connection)
        case .notification:
            accept(connection)
            notificationArrived(document, envelope, head, of: session)
        case .response(let id, _):
            accept(connection)
            responseArrived(id, document, of: session)
        }
        if let session { noteActivity(of: session) }
    }

    private func getArrived(_ head: HTTPHead, on connection: ServerConnection) {
        guard let session = findSessionOrRefuse(head, connection) else { return }
        openPrimary(of: session, on: connection)
    }

    private func deleteArrived(_ head: HTTPHead, on connection: ServerConnection) {
        guard let session = findSessionOrRefuse(head, connection) else { return }
        end(session, because: "Session ended")
        respondEmpty(.noContent, connection)
    }

    private func findSessionOrRefuse(
        _ head: HTTPHead, _ connection: ServerConnection
    ) -> ServerSession? {
        if let refusal = checkVersion(head) {
            refuse(refusal, connection, data: ServerEngine.versionsOffered(head))
            return nil
        }
        switch findSession(head) {
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

    /// S-204, S-205: the two answers differ, and say nothing else.
    func findSession(_ head: HTTPHead) -> Lookup {
        guard let text = head[.sessionID] else {
            return .refused(Refusal(.badRequest, .invalidRequest, "Mcp-Session-Id is required"))
        }
        guard head.occurrences(of: .sessionID) == 1, let id = SessionID(text: text),
            let key = sessions.key(for: id), let session = sessions[key], session.state.isLive
        else {
            return .refused(Refusal(.notFound, .invalidRequest, "Session not found"))
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
            connection.exchange = .request(request)
            if router.mode != .json, !isInitialize { wait(.keepAlive, connection) }
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
        effects.append(.deliver(event))
    }

    // MARK: Notifications and responses

    private func notificationArrived(
        _ document: JSONDocument, _ envelope: Envelope, _ head: HTTPHead, of session: ServerSession?
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
        else { return log(.debug, "Dropped a response that answers no call") }
        call.request?.calls.removeAll { $0 == key }
        let event = HostEvent(.response, of: session)
        event.call = key
        event.callData = call.data
        event.document = document
        effects.append(.deliver(event))
    }

    // MARK: Responses of our own

    /// Refuses a request whose body is not a message, with its id as far as it could be read.
    private func refuse(_ fault: Envelope.Fault, _ connection: ServerConnection) {
        switch fault {
        case .batch:
            refuse(Refusal(.badRequest, .invalidRequest, "Batches are not supported"), connection)
        case .illegalID:
            refuse(
                Refusal(.badRequest, .invalidRequest, "An id must be a string or a 64-bit integer"),
                connection)
        case .notAMessage(let id):
            refuse(
                Refusal(.badRequest, .invalidRequest, "Not a JSON-RPC 2.0 message"), connection,
                id: id)
        }
    }

    /// Answers a request with an error of ours. If the request is still arriving, the rest of it is
    /// skipped, or, if there may be much, the connection ends.
    func refuse(
        _ refusal: Refusal, _ connection: ServerConnection, id: RequestID? = nil,
        data: ByteBuffer? = nil
    ) {
        log(.debug, "Refused a request: ", refusal.message.rawBytes)
        let isArriving = connection.parser.isInsideMessage
        let hasMore = isArriving && connection.parser.head?.hasBody ?? true
        if hasMore { connection.keepsAlive = false }
        let error = spare.takeBuffer()
        error.appendError(
            id: id, code: refusal.code.rawValue, message: refusal.message.rawBytes,
            data: data?.bytes)
        write(to: connection) { output in
            output.beginHead(refusal.status)
            if let allow = refusal.allow { output.appendField("Allow", allow.rawBytes) }
            if refusal.status == .serviceUnavailable {
                output.appendField("Retry-After", ("1" as StaticString).rawBytes)
            }
            output.endHead(jsonLength: error.count, keepsAlive: connection.keepsAlive && !isClosing)
            if connection.parser.head?.method != .head { output.append(error) }
        }
        spare.give(error)
        if isArriving, connection.keepsAlive, !connection.isClosed {
            connection.exchange = .refused
        } else {
            exchangeEnded(on: connection)
        }
    }

    private func accept(_ connection: ServerConnection) {
        respondEmpty(.accepted, connection)
    }

    private func respondEmpty(_ status: HTTPStatus, _ connection: ServerConnection) {
        write(to: connection) { output in
            output.beginHead(status)
            output.endEmptyHead(status, keepsAlive: connection.keepsAlive && !isClosing)
        }
        exchangeEnded(on: connection)
    }

    /// Writes a whole response to a request that nothing has been written for: a stream of one
    /// event, or a JSON document, as the mode says.
    func respond(
        on connection: ServerConnection, sessionID: SessionID?, _ compose: (ByteBuffer) -> Void
    ) {
        let keepsAlive = connection.keepsAlive && !isClosing
        if router.mode == .stream {
            write(to: connection) { output in
                beginStream(on: connection, sessionID, output)
                output.appendPart(connection.framing) { SSEFrame.append(to: $0, compose) }
                output.endBody(connection.framing)
            }
            if connection.framing == .untilClose { connection.keepsAlive = false }
        } else {
            let message = spare.takeBuffer()
            compose(message)
            write(to: connection) { output in
                output.reserve(message.count + 256)
                output.beginHead(.ok)
                appendSessionID(sessionID, to: output)
                output.endHead(jsonLength: message.count, keepsAlive: keepsAlive)
                output.append(message)
            }
            spare.give(message)
        }
        exchangeEnded(on: connection)
    }

    func beginStream(on connection: ServerConnection, _ sessionID: SessionID?, _ output: ByteBuffer)
    {
        output.beginHead(.ok)
        appendSessionID(sessionID, to: output)
        output.endStreamHead(
            connection.framing, keepsAlive: connection.keepsAlive && !isClosing)
    }

    private func appendSessionID(_ id: SessionID?, to output: ByteBuffer) {
        guard let id else { return }
        output.append("Mcp-Session-Id: ")
        id.append(to: output)
        output.append("\r\n")
    }
}
