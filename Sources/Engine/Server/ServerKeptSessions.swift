import Link
import MCP
import Session
import Wire

/// Sessions that outlive the process: looking one up in the host's store, and going on with it.
extension ServerEngine {
    // MARK: Looking up

    /// Looks up the session of a request whose head has been admitted, if only the store may know
    /// it; false if there is nothing to wait for. Until the answer the connection is parked, as for
    /// a verdict. Whatever the answer is, `findSession` decides later: one refusal for all (S-205).
    @inline(never)
    func seek(_ head: RequestHead, on connection: ServerConnection) -> Bool {
        connection.exchange.setPlace(nil)
        guard !gate.isOld(head), classifier.header(of: head) != .modern,
            let text = head[.sessionID], let id = sessions.id(in: text),
            head.isUnanimous(.sessionID, FieldName.sessionID), sessions.key(for: id) == nil,
            kept.hasStore
        else { return false }
        // Looking for it would make it this node's.
        if hasNodes, isDraining {
            refuseWhileDraining(connection)
            return true
        }
        guard let load = kept.find(id) else { return false }
        connection.exchange.seek()
        parked.park(connection, for: load)
        move(connection, to: .seeking(load))
        wait(.load, connection)
        return true
    }

    /// The answer to a look-up: the session's record, or nothing if the store does not have it.
    package func found(_ load: LoadKey, _ record: UnsafeRawBufferPointer) throws(CallerFault) {
        guard let connection = parked[load], case .seeking = connection.exchange.state,
            let head = connection.head
        else { throw .notFound }
        enter {
            let refusal = record.isEmpty ? nil : restore(record, for: head, on: connection)
            endSeeking(load, on: connection, refusal)
            if hasNodes, !record.isEmpty { releaseUnused(head) }
        }
    }

    /// The store has made this node the owner of a session: if it was not opened, as for another
    /// principal or for want of room, any other may have it.
    private func releaseUnused(_ head: RequestHead) {
        guard let id = head[.sessionID].flatMap({ sessions.id(in: $0) }),
            sessions.key(for: id) == nil, seeking(id).isEmpty
        else { return }
        kept.release(id)
    }

    /// The connections that wait for a session.
    private func seeking(_ id: SessionID) -> [ServerConnection] {
        parked.waitingForStore.filter { connection in
            guard case .seeking = connection.exchange.state else { return false }
            return connection.head?[.sessionID].flatMap { sessions.id(in: $0) } == id
        }
    }

    /// This node has given a session up while others look it up, who may get an answer from before.
    func refuseSeeking(of session: ServerSession) {
        guard hasNodes else { return }
        for connection in seeking(session.id) {
            guard case .seeking(let load) = connection.exchange.state else { continue }
            endSeeking(load, on: connection, .sessionStore)
        }
    }

    /// The store does not say whether there is such a session. That is no word about the client.
    func seekingFailed(_ load: LoadKey, on connection: ServerConnection, isLate: Bool) {
        if isLate {
            log(.warning, "The session store took too long; a client was refused", on: connection)
        } else {
            log(.warning, "The session store failed; a client was refused", on: connection)
        }
        endSeeking(load, on: connection, .sessionStore)
    }

    /// Goes on with a request whose session was looked up, or refuses it.
    func endSeeking(
        _ load: LoadKey, on connection: ServerConnection, _ refusal: Refusal?
    ) {
        parked.end(load)
        move(connection, to: .receiving)
        if let returned = connection.exchange.takeReturned() {
            stopWaiting(connection)
            guard let refusal else { return dispatchAgain(returned, on: connection) }
            release(returned)
            return refuse(refusal, connection)
        }
        if let refusal {
            stopWaiting(connection)
            refuse(refusal, connection)
        } else {
            _ = connection.reader.awaitBody()
            wait(.body, connection)
            if let head = connection.head, head.method == .post {
                sendContinue(head, on: connection)
            }
        }
        readOn(connection)
    }

    /// A session has ended while others look it up, who may get an answer from before: they find
    /// nothing.
    func endSeeking(of session: ServerSession) {
        guard kept.hasStore else { return }
        for connection in seeking(session.id) {
            guard case .seeking(let load) = connection.exchange.state else { continue }
            endSeeking(load, on: connection, nil)
        }
    }

    /// What a request is refused with whose session is not here. If it was when the request's head
    /// came, another node may have it now: its client is to ask again.
    func refusal(
        ofUnknown text: UnsafeRawBufferPointer, _ connection: ServerConnection
    ) -> Refusal {
        guard hasNodes, !connection.exchange.isSought, let id = sessions.id(in: text),
            sessions.key(for: id) == nil
        else { return .sessionUnknown }
        return .sessionStore
    }

    // MARK: Going on

    /// Makes a session of its record, if it is the client's own. Returns why there is no room for
    /// it.
    private func restore(
        _ text: UnsafeRawBufferPointer, for head: RequestHead, on connection: ServerConnection
    ) -> Refusal? {
        guard let id = head[.sessionID].flatMap({ sessions.id(in: $0) }),
            sessions.key(for: id) == nil
        else { return nil }
        guard let record = SessionRecord(text, depthMax: options.limits.jsonDepth) else {
            log(
                .warning, "The session store returned what is no record of a session",
                on: connection)
            return nil
        }
        let principal = connection.exchange.principal
        guard record.principal == principal, options.revisions.contains(record.revision) else {
            return nil
        }
        if hasNodes, isDraining {
            connection.endAfterExchange()
            return .draining
        }
        // Each process has a primary stream of its own: numbers are never given twice, although the
        // store may have lost the last ones. One half of its id is the same in all of them.
        let high = record.primaries.last.flatMap { $0.high > 0 ? $0.high : nil }
        let session = openSession(
            id, primary: high, record.clientInfo, record.clientCapabilities, isResumed: true,
            on: connection)
        guard let session else { return .tooManySessions }
        core.counters.sessionsResumed += 1
        sessions.restore(session, from: record)
        kept.resume(session, from: record, at: now)
        let event = HostEvent(.sessionOpened, of: session)
        event.head = head
        event.principal = principal
        event.peer = connection.peer
        core.perform(.deliver(event))
        if keepsSubscriptions {
            for uri in record.subscriptions { _ = subscribe(session, to: uri) }
        }
        noteActivity(of: session)
        return nil
    }

    // MARK: What the store says

    /// Logs a line of the store's own.
    package func report(_ level: LogLevel, _ text: UnsafeRawBufferPointer) {
        enter { core.log(level, "", text) }
    }

    // MARK: Changes

    /// The client of a session wants log messages from a level on.
    package func setLogLevel(_ level: LogSeverity, of session: ServerSession) {
        guard session.logLevel != level else { return }
        sessions.setLogLevel(level, of: session)
        kept.noteChange(of: session, at: now)
    }
}
