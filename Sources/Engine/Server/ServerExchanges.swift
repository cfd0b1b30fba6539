import Link
import MCP
import Session
import Wire

/// Dispatches requests that have arrived, and opens those that the host must answer.
extension ServerEngine {
    // MARK: Arrival

    @inline(__always)
    func messageArrived(on connection: ServerConnection) {
        guard let head = connection.head else { return }
        stopWaiting(connection)
        if hasNodes, let node = connection.exchange.takePlace() {
            if connection.origin != nil { return giveBack(connection) }
            return relay(head, to: node, on: connection)
        }
        switch head.method {
        case .post: postArrived(head, on: connection)
        case .get: getArrived(head, on: connection)
        case .delete: deleteArrived(head, on: connection)
        case .head, .options, .other: preflightArrived(head, on: connection)
        }
    }

    @_optimize(speed)
    private func postArrived(_ head: RequestHead, on connection: ServerConnection) {
        guard let body = connection.reader.takeBody() else { return }
        do {
            let message = try Message(body, limits: options.limits)
            connection.access?.note(method: message.envelope.method)
            if gate.isOld(head) { return oldMessageArrived(message, head, on: connection) }
            messageArrived(message, head, on: connection)
        } catch .batch where !gate.isOld(head) {
            batchArrived(body, head, on: connection)
        } catch {
            if let buffer = body.buffer { core.spare.give(buffer) }
            refuse(error, connection)
        }
    }

    private func messageArrived(
        _ message: borrowing Message, _ head: RequestHead, on connection: ServerConnection
    ) {
        let id: RequestID? = if case .request(let id) = message.envelope.kind { id } else { nil }
        if let id, !message.meta.isWithin(options.limits) {
            return refuse(.progressTokenTooLong, connection, id: id, message.envelope.method)
        }
        let isInitialize = id != nil && message.envelope.method.equals(Method.initialize)
        let route = classifier.route(
            message.envelope.kind, isInitialize: isInitialize, hasClaim: message.meta.claim != nil,
            classifier.header(of: head))
        switch route {
        case .modern: return modernArrived(message, head, on: connection)
        case .legacy: break
        case .ignore: return accept(connection)
        case .unserved, .modernOnly, .response:
            return refuse(route, connection, id: id, message.envelope.method)
        }
        if isDraining, id != nil { return refuseWhileDraining(connection, id: id) }
        if isInitialize, let id {
            return initializeArrived(id, message, head, on: connection)
        }
        var session: ServerSession?
        if !options.isStateless {
            switch findSession(head, on: connection) {
            case .found(let found): session = found
            case .refused(let refusal):
                return refuse(refusal, connection, id: id, message.envelope.method)
            }
        }
        if id == nil {
            if hasNodes, relayToDrainer(message, head, of: session, on: connection) { return }
            accept(connection)
        }
        dispatch(message, head, of: session, on: connection)
        if let session { noteActivity(of: session) }
    }

    private func refuse(
        _ route: Classifier.Route, _ connection: ServerConnection, id: RequestID?,
        _ method: UnsafeRawBufferPointer
    ) {
        guard let (refusal, era) = route.refusal else { return }
        let asked = connection.head?[.protocolVersion]
        refuse(
            refusal, connection, id: id, method,
            data: era.map { versionsOffered($0, asked: asked) })
    }

    /// Passes a message on. One that needs no answer has been accepted.
    @inline(__always)
    func dispatch(
        _ message: borrowing Message, _ head: RequestHead, of session: ServerSession?,
        on connection: ServerConnection
    ) {
        switch message.envelope.kind {
        case .request(let id):
            requestArrived(id, message, head, of: session, on: connection)
        case .notification:
            notificationArrived(message, head, of: session, on: connection)
        case .response(let id, _):
            responseArrived(id, message, head, of: session, on: connection)
        case .strayError:
            dropResponse(of: session, on: connection)
        }
    }

    private func getArrived(_ head: RequestHead, on connection: ServerConnection) {
        if gate.isOld(head) { return oldStreamArrived(head, on: connection) }
        guard let session = findSessionOrRefuse(head, connection) else { return }
        if !head.isUnanimous(.lastEventID, "last-event-id") {
            refuseResume(connection)
        } else if let text = head[.lastEventID], !text.isEmpty {
            resume(after: text, of: session, on: connection)
        } else if isDraining {
            refuseWhileDraining(connection)
        } else {
            openPrimary(of: session, on: connection)
        }
    }

    private func deleteArrived(_ head: RequestHead, on connection: ServerConnection) {
        guard let session = findSessionOrRefuse(head, connection) else { return }
        if session.past.isReleased { return refuseWhileDraining(connection) }
        // The other nodes would go on with it.
        if hasNodes, !relays.isReached { return refuse(.sessionStore, connection) }
        end(session, because: "Session ended")
        if hasNodes { waitForStore(connection) }
        respondEmpty(.noContent, connection)
    }

    private func preflightArrived(_ head: RequestHead, on connection: ServerConnection) {
        write(to: connection) { output in
            beginHead(.noContent, on: connection, output)
            gate.appendPreflight(head, to: output)
            output.endEmptyHead(.noContent, keepsAlive: keepsAlive(connection))
        }
        exchangeEnded(on: connection)
    }

    private func findSessionOrRefuse(
        _ head: RequestHead, _ connection: ServerConnection
    ) -> ServerSession? {
        // S-021 rows 2 and 3; `Admission` has refused row 1.
        if classifier.header(of: head) == .unknown {
            refuse(
                .revision, connection, data: versionsOffered(.legacy, asked: head[.protocolVersion])
            )
            return nil
        }
        switch findSession(head, on: connection) {
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

    /// S-204, S-205, S-500: the two refusals differ, and reveal nothing else.
    @_optimize(speed)
    func findSession(_ head: RequestHead, on connection: ServerConnection) -> Lookup {
        guard let text = head[.sessionID] else {
            return .refused(.sessionMissing)
        }
        guard head.isUnanimous(.sessionID, FieldName.sessionID) else {
            return .refused(.sessionUnknown)
        }
        guard let session = sessions.find(text, of: connection.exchange.principal) else {
            return .refused(refusal(ofUnknown: text, connection))
        }
        connection.access?.note(session)
        return .found(session)
    }

    /// The revision that applies to an exchange: the session's, if it has one (S-209, S-210).
    func revision(of session: ServerSession?, _ head: RequestHead) -> Revision {
        session?.state.revision ?? head[.protocolVersion].flatMap { Revision(text: $0) } ?? .assumed
    }

    // MARK: Requests

    func requestArrived(
        _ id: RequestID, _ message: borrowing Message, _ head: RequestHead,
        of session: ServerSession?, on connection: ServerConnection
    ) {
        if greeting != nil, message.envelope.method.equals(Method.ping) {
            return answerAtOnce(of: session, on: connection) { output in
                output.appendResult(id: id, ("{}" as StaticString).rawBytes)
            }
        }
        if keepsSubscriptions, let session,
            subscriptionArrived(id, message, of: session, on: connection)
        {
            return
        }
        let terms = RequestTerms(
            revision: revision(of: session, head),
            policy: session?.isOld == true ? oldPolicy : policy)
        guard let request = open(id, message, head, of: session, on: connection, terms) else {
            return
        }
        deliver(request, message, on: connection)
    }

    /// Answers a request that the host does not hear of.
    func answerAtOnce(
        of session: ServerSession?, on connection: ServerConnection, _ compose: (ByteBuffer) -> Void
    ) {
        guard let session, session.isOld else {
            return respond(on: connection, policy, .ok, compose)
        }
        accept(connection)
        guard let primary = primaryConnection(of: session) else { return }
        let message = ByteBuffer()
        compose(message)
        writePrimaryEvent(.essential, session, to: primary, message)
    }

    /// Opens a request, or refuses it and returns nil.
    func open(
        _ id: RequestID, _ message: borrowing Message, _ head: RequestHead,
        of session: ServerSession?, on connection: ServerConnection, _ terms: RequestTerms
    ) -> OpenRequest? {
        let token = progressToken(of: message)
        let bytes = OpenRequest.bytes(id, head, token)
        let hasRoom = makeRoom(
            forRequest: bytes, in: session?.shares ?? shares(of: connection), on: connection)
        // Only now: evicting the last request of a share also removes the share.
        let ownShares = session == nil ? shares(of: connection) : nil
        var refusal = Refusal.tooManyRequests
        if hasRoom {
            do throws(Requests.Obstacle) {
                let request = try requests.open(
                    id, message.envelope.method, of: session, ownShares, terms,
                    progressToken: token, head: head, bytes: bytes, on: connection, &core)
                opened(request, on: connection)
                return request
            } catch {
                refusal = self.refusal(
                    for: error, of: session, on: connection, message.envelope.method)
            }
        } else {
            log(
                .warning, "Open requests hold too much; others are refused (request_bytes_max)",
                on: connection, of: session, message.envelope.method)
        }
        if let ownShares { shares.forget(ownShares) }
        refuse(refusal, connection, id: id, message.envelope.method)
        return nil
    }

    @inline(__always)
    func progressToken(of message: borrowing Message) -> ByteBuffer? {
        message.meta.progressToken.map { token in
            let copy = ByteBuffer(capacity: token.text.count)
            copy.append(jsonLine: token.text)
            return copy
        }
    }

    @inline(__always)
    func opened(_ request: OpenRequest, on connection: ServerConnection) {
        core.counters.requestsTotal += 1
        if request.policy.answersOnPrimary {
            request.detach()
            return accept(connection)
        }
        move(connection, to: .request(request))
        guard !request.isInitialize else { return }
        if let session = request.session { sessions.markUsed(session) }
        guard request.policy.mayStream else { return }
        let isEarly = request.policy.beginsEarly && options.responseHead != nil
        wait(isEarly ? .responseHead : .keepAlive, connection)
    }

    private func refusal(
        for obstacle: Requests.Obstacle, of session: ServerSession?,
        on connection: ServerConnection, _ method: UnsafeRawBufferPointer
    ) -> Refusal {
        switch obstacle {
        case .duplicate:
            return .duplicateID
        case .sessionFull:
            log(
                .warning, "A session has all requests that it may (session_requests_max)",
                on: connection, of: session, method)
            return .tooManyRequests
        case .full:
            return .tooManyRequests
        }
    }

    @_optimize(speed)
    func newEvent(
        _ kind: HostEvent.Kind, of session: ServerSession?, _ message: borrowing Message,
        on connection: ServerConnection
    ) -> HostEvent {
        let event = core.objects.takeEvent() ?? HostEvent(kind)
        event.begin(kind, of: session, message, on: connection)
        return event
    }

    @_optimize(speed)
    func deliver(
        _ request: OpenRequest, _ message: borrowing Message, on connection: ServerConnection
    ) {
        let event = newEvent(.request, of: request.session, message, on: connection)
        event.request = request.key
        event.head = request.head
        event.revision = request.revision
        event.principal = connection.exchange.principal
        core.perform(.deliver(event))
    }

    // MARK: Notifications and responses

    private func notificationArrived(
        _ message: borrowing Message, _ head: RequestHead, of session: ServerSession?,
        on connection: ServerConnection
    ) {
        if message.envelope.method.equals(Method.cancelled), let session,
            cancelArrived(message, head, of: session, on: connection)
        {
            return
        }
        if message.envelope.method.equals(Method.initialized) {
            if let session {
                let wasReady = session.state.isReady
                sessions.initializedArrived(session)
                if !wasReady { kept.keep(session, at: now) }
            }
        }
        let event = newEvent(.notification, of: session, message, on: connection)
        event.head = head
        event.revision = revision(of: session, head)
        event.principal = connection.exchange.principal
        core.perform(.deliver(event))
    }

    /// S-225, S-226. False if it names no open request: the host gets it as a notification, to
    /// ignore.
    private func cancelArrived(
        _ message: borrowing Message, _ head: RequestHead, of session: ServerSession,
        on connection: ServerConnection
    ) -> Bool {
        guard let named = message.envelope.params?["requestId"],
            let id = try? Envelope.requestID(named, limits: options.limits),
            let key = session.ledger.entries.find(id), let request = requests[key],
            !request.isInitialize
        else { return false }
        let event = newEvent(.cancelled, of: session, message, on: connection)
        event.head = head
        event.request = request.key
        event.fault = .cancelled
        event.revision = request.revision
        core.perform(.deliver(event))
        cut(request, because: "Request cancelled", .cancelled)
        return true
    }

    /// S-243: a late or unexpected response is dropped.
    private func responseArrived(
        _ id: RequestID, _ message: borrowing Message, _ head: RequestHead,
        of session: ServerSession?, on connection: ServerConnection
    ) {
        guard let session, let (key, call) = requests.answer(id, of: session, &shares) else {
            return dropResponse(of: session, on: connection)
        }
        let event = newEvent(.response, of: session, message, on: connection)
        event.head = head
        event.call = key
        event.callData = call.data
        core.perform(.deliver(event))
    }

    func dropResponse(of session: ServerSession?, on connection: ServerConnection) {
        core.counters.responseDrops += 1
        log(
            .debug, "Dropped a response that answers no call", on: connection, of: session)
    }
}
