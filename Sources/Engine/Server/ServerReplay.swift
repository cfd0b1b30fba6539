import Replay
import Session
import Wire

/// Streams that outlive their connections: what is kept of them, and how clients come back.
extension ServerEngine {
    // MARK: Keeping

    /// Whether a request's stream can be resumed.
    func canResume(_ request: OpenRequest) -> Bool {
        request.session?.log != nil && request.session?.state.isLive == true
    }

    /// A name for a stream that nobody can guess.
    func newToken() -> StreamToken {
        StreamToken(high: random(), low: random())
    }

    /// Gives a request's stream its identity, before its first byte.
    func beginLog(of request: OpenRequest) {
        guard canResume(request), let session = request.session else { return }
        let token = newToken()
        request.stream = EventStream(token)
        session.log?.begin(token)
    }

    /// Keeps an event, and lets go of the oldest ones that are too many (S-245).
    func record(_ id: EventID, _ message: ByteBuffer, of session: ServerSession) {
        guard session.log != nil else { return }
        session.log?.append(id, message, at: now)
        replayBytes += message.count
        trimLog(of: session, countMax: options.replayEventsMax)
        while replayBytes > options.replayTotalBytesMax, let oldest = replayDeadlines.first(in: 0),
            let session = sessions[index: oldest]
        {
            trimLog(of: session, countMax: 0)
        }
    }

    /// Drops what is too much or too old.
    private func trimLog(of session: ServerSession, countMax: Int) {
        let limit = options.replayAge.map { now.advanced(byMilliseconds: -$0) }
        let freed = session.log?.trim(
            countMax: countMax, bytesMax: options.replayBytesMax,
            before: limit ?? Instant(milliseconds: .min))
        replayBytes -= freed ?? 0
        guard let oldest = session.log?.oldest else {
            return replayDeadlines.disarm(place(of: session))
        }
        if freed != 0 || session.log?.count == 1 {
            replayDeadlines.arm(place(of: session), 0, at: oldest)
        }
    }

    /// Lets go of everything that a session has kept.
    func dropLog(of session: ServerSession) {
        replayBytes -= session.log?.byteCount ?? 0
        replayDeadlines.disarm(place(of: session))
        session.log = nil
        session.held = []
    }

    /// Drops events that have become too old.
    func replayDeadlineReached() {
        while let due = replayDeadlines.popDue(at: now) {
            guard let session = sessions[index: due.index] else { continue }
            trimLog(of: session, countMax: options.replayEventsMax)
        }
    }

    private func place(of session: ServerSession) -> Int {
        SlotTable<SessionKey, ServerSession>.index(of: session.key)
    }

    // MARK: Coming back

    /// A GET with `Last-Event-ID`: everything after that event and then what follows, or a refusal
    /// (S-233 to S-237). The one thing that never happens is a part of it.
    func resume(
        after text: UnsafeRawBufferPointer, of session: ServerSession,
        on connection: ServerConnection
    ) {
        trimLog(of: session, countMax: options.replayEventsMax)
        guard let cursor = EventIDCodec.read(text), let log = session.log,
            case .all(let events, let hasEnded) = log.events(after: cursor)
        else { return refuseResume(connection) }
        counters.resumed += 1
        if session.primary.token == cursor.stream {
            openPrimary(of: session, on: connection, replaying: events)
        } else if hasEnded {
            replay(events, on: connection)
        } else if let request = openRequest(of: session, cursor.stream) {
            take(request, to: connection, replaying: events)
        } else {
            counters.resumed -= 1
            refuseResume(connection)
        }
    }

    private func refuseResume(_ connection: ServerConnection) {
        counters.resumesRefused += 1
        refuse(
            Refusal(.badRequest, .invalidRequest, "Last-Event-ID is not resumable"), connection)
    }

    private func openRequest(of session: ServerSession, _ stream: StreamToken) -> OpenRequest? {
        for key in session.ledger.requestKeys {
            if let request = requests[key], request.stream?.token == stream { return request }
        }
        return session.held.first { $0.stream?.token == stream }
    }

    /// Sends the rest of a stream that has ended, and ends it; 204 says that there is none (S-236).
    private func replay(
        _ events: [(id: EventID, message: ByteBuffer)], on connection: ServerConnection
    ) {
        guard !events.isEmpty else { return respondEmpty(.noContent, connection) }
        writeStreamHead(to: connection)
        for event in events {
            writeEvent(.essential, event.message, event.id, to: connection)
        }
        endStream(on: connection)
    }

    /// Moves a request's stream to the connection on which its client has come back. The old one
    /// may be half open; it ends (S-237).
    private func take(
        _ request: OpenRequest, to connection: ServerConnection,
        replaying events: [(id: EventID, message: ByteBuffer)]
    ) {
        if let superseded = request.connection {
            request.connection = nil
            endStream(on: superseded)
        }
        request.connection = connection
        spare.give(&connection.parser.head)
        connection.exchange = .request(request)
        counters.streams += 1
        writeStreamHead(to: connection)
        for event in events {
            writeEvent(.essential, event.message, event.id, to: connection)
        }
    }

    // MARK: Hanging up

    /// Ends the connection of a request's stream and keeps the stream: the client comes back for
    /// it after `retry` milliseconds (S-239).
    package func hangUp(_ key: RequestKey, retry: Int64) throws(CallerFault) {
        let request = try findForMessages(key)
        let route = router.relatedCall(clientIsWaiting: request.connection != nil)
        if case .none(let obstacle) = route { throw CallerFault(obstacle) }
        guard let connection = request.connection else { throw .disconnected }
        guard canResume(request), request.revision.hasPolling else { throw .notResumable }
        beginStream(of: request, on: connection)
        request.connection = nil
        hangUp(connection, retry: retry)
    }

    /// The same for a session's primary stream.
    package func hangUp(_ key: SessionKey, retry: Int64) throws(CallerFault) {
        guard let session = sessions[key] else { throw .notFound }
        guard session.log != nil, session.state.revision?.hasPolling == true else {
            throw .notResumable
        }
        guard let connection = primaryConnection(of: session) else { throw .noStream }
        primaryLost(session, connection)
        hangUp(connection, retry: retry)
    }

    func hangUp(_ connection: ServerConnection, retry: Int64) {
        endStream(on: connection) { output in
            output.appendPart(connection.framing) { SSEFrame.appendRetry(retry, to: $0) }
        }
        resumePipelines()
    }
}
