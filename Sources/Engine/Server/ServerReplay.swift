import Link
import MCP
import Replay
import Session
import Wire

/// Streams that outlive their connections: storing their events, and resuming them.
extension ServerEngine {
    // MARK: Storing

    /// A random stream id, which cannot be guessed.
    func newToken() -> StreamToken {
        StreamToken(high: core.randomBits(), low: core.randomBits())
    }

    /// Assigns the id of a request's stream, before its first byte.
    func beginLog(of request: OpenRequest) {
        guard sessions.canResume(request), let session = request.session else { return }
        let token = newToken()
        request.begin(token)
        sessions.beginLog(token, for: request.id, of: session)
    }

    /// Stores an answer as a stream of its own, if its client could resume it; returns the id of
    /// that stream.
    @_optimize(speed)
    func keep(_ message: ByteBuffer, asStreamOf request: OpenRequest) -> StreamToken? {
        guard sessions.canResume(request), let session = request.session else { return nil }
        let token = newToken()
        sessions.record(whole: token, message, of: session, at: now)
        return token
    }

    // MARK: Resuming

    /// A stream that has not ended, and that a client may resume.
    private enum Resumable {
        case primary
        case request(OpenRequest)
    }

    /// Handles a GET with `Last-Event-ID`: sends everything after that event and then new events,
    /// or refuses (S-233 to S-237). It never sends only a part of them. If some events are gone,
    /// only a primary stream begins afresh: real clients never retry a stream that was refused
    /// (S-235).
    func resume(
        after text: UnsafeRawBufferPointer, of session: ServerSession,
        on connection: ServerConnection
    ) {
        guard let cursor = EventIDCodec.read(text), sessions.hasStore else {
            return refuseResume(connection)
        }
        if let place = session.past.primaries.firstIndex(of: cursor.stream) {
            return resume(after: cursor, inEarlierStream: place, of: session, on: connection)
        }
        let stream = resumable(of: session, cursor.stream)
        // The node that has it now knows all of its streams.
        if stream == nil, session.past.isReleased { return refuseWhileDraining(connection) }
        if hasNodes, stream == nil, resumeAtDrainer(of: session, on: connection) { return }
        if stream == nil, session.isResumed, cursor.stream.high == session.primary.token.high {
            // Its own primary, but the store has lost that, or it is too long ago (S-235).
            if isDraining { return refuseWhileDraining(connection) }
            return openPrimary(of: session, on: connection, hasGap: true)
        }
        if case .primary = stream, isDraining { return refuseWhileDraining(connection) }
        if let stream {
            let position = position(of: stream, session)
            // Nothing is missing, and a store may not know a stream that has had no event yet.
            if position == cursor.sequence {
                return goOn(stream, of: session, with: [], on: connection)
            }
            // The cursor names an event that was never sent: nothing is gone.
            guard position > cursor.sequence else { return refuseResume(connection) }
        }
        switch sessions.load(after: cursor, of: session, at: now) {
        case .gap, nil:
            guard case .primary = stream else { return refuseResume(connection) }
            openPrimary(of: session, on: connection, hasGap: true)
        case .all(let events, let hasEnded):
            guard hasEnded || stream != nil else { return refuseResume(connection) }
            guard !hasEnded, let stream else {
                core.counters.resumed += 1
                return replay(events, on: connection)
            }
            goOn(stream, of: session, with: events, on: connection)
        case .later(let load):
            let last = stream.map { position(of: $0, session) }
            var isPrimary = false
            if case .primary = stream { isPrimary = true }
            if stream == nil { endLoads(of: cursor.stream) }
            let resumption = Resumption(
                load, after: cursor, upTo: last, isPrimary: isPrimary, of: session)
            beginLoading(stream, resumption, on: connection)
        }
    }

    /// The same with an event of a primary stream that the session had in an earlier process: what
    /// that one has sent, what later ones have, and what this one has.
    private func resume(
        after cursor: EventID, inEarlierStream place: Int, of session: ServerSession,
        on connection: ServerConnection
    ) {
        if isDraining { return refuseWhileDraining(connection) }
        var cursors = [cursor]
        for token in session.past.primaries[(place + 1)...] {
            cursors.append(EventID(stream: token, sequence: 0))
        }
        let last = session.primary.position.sequence
        if last > 0 { cursors.append(EventID(stream: session.primary.token, sequence: 0)) }
        guard let first = cursors.popLast(),
            case .later(let load) = sessions.load(after: first, of: session, at: now)
        else { return openPrimary(of: session, on: connection, hasGap: true) }
        let resumption = Resumption(load, after: first, of: session, upTo: last, from: cursors)
        beginLoading(.primary, resumption, on: connection)
    }

    private func beginLoading(
        _ stream: Resumable?, _ resumption: Resumption, on connection: ServerConnection
    ) {
        let session = resumption.session
        parked.park(connection, for: resumption)
        move(connection, to: .loading)
        if let stream { attach(stream, of: session, to: connection) }
        connection.reader.endMessage(of: connection.id, &core.spare)
        if case .primary = stream { sendMailbox(of: session, on: connection) }
        wait(.load, connection)
    }

    /// The newest connection that resumes the stream of a request wins (S-237): only one may learn
    /// that the process of the request is gone.
    private func endLoads(of stream: StreamToken) {
        guard kept.hasStore else { return }
        for connection in parked.waitingForStore
        where connection.resumption?.cursor.stream == stream
            && connection.resumption?.last == nil
        {
            discard(connection)
        }
    }

    private func resumable(of session: ServerSession, _ token: StreamToken) -> Resumable? {
        if session.primary.token == token { return .primary }
        for key in session.ledger.entries.requestKeys {
            if let request = requests[key], request.stream?.token == token {
                return .request(request)
            }
        }
        return session.held.requests.first { $0.stream?.token == token }.map { .request($0) }
    }

    private func position(of stream: Resumable, _ session: ServerSession) -> UInt64 {
        switch stream {
        case .primary: session.primary.position.sequence
        case .request(let request): request.stream?.position.sequence ?? 0
        }
    }

    /// Moves a stream to the connection on which its client resumes it. The previous one may be
    /// half open; it ends (S-237).
    private func attach(
        _ stream: Resumable, of session: ServerSession, to connection: ServerConnection
    ) {
        guard case .request(let request) = stream else {
            attachPrimary(of: session, to: connection)
            return
        }
        if let superseded = request.detach() { endStream(on: superseded) }
        request.attach(to: connection)
        requests.attached(request)
        connection.reader.endMessage(of: connection.id, &core.spare)
        move(connection, to: .request(request))
    }

    private func goOn(
        _ stream: Resumable, of session: ServerSession, with events: [StoredEvent],
        on connection: ServerConnection
    ) {
        core.counters.resumed += 1
        attach(stream, of: session, to: connection)
        goOn(with: events, on: connection)
    }

    /// Sends the events that a client has missed, and then those that wait.
    private func goOn(
        with events: [StoredEvent], areMore: Bool = false, on connection: ServerConnection
    ) {
        let exchange = connection.exchange.state
        if case .primary = exchange {
            writePrimaryHead(to: connection)
        } else {
            writeStreamHead(to: connection)
        }
        send(missed: events, areMore: areMore, on: connection)
        if case .primary(let session) = exchange { sendMailbox(of: session, on: connection) }
    }

    /// Sends the events that a client has missed, before those that wait for it. The limits count
    /// them as one message, at most as long as the store's limits allow. If there `areMore`,
    /// these belong to it.
    private func send(
        missed events: [StoredEvent], areMore: Bool = false, on connection: ServerConnection
    ) {
        guard areMore || keepsUp(connection) else { return }
        connections.noteUnsent(
            connection.outbox.prepend(events.lazy.map { (id: $0.id, text: $0.message) }))
        composeBacklog(of: connection)
    }

    /// Sends the rest of a stream that has ended, and ends it; 204 if nothing is left (S-236).
    private func replay(_ events: [StoredEvent], on connection: ServerConnection) {
        guard !events.isEmpty else { return respondEmpty(.noContent, connection) }
        writeStreamHead(to: connection)
        send(missed: events, on: connection)
        endStream(on: connection)
    }

    func refuseResume(_ connection: ServerConnection) {
        core.counters.resumesRefused += 1
        refuse(.notResumable, connection)
    }

    // MARK: A store that answers later

    /// The result of a load from the host's store: the messages after the cursor, in order and
    /// without gaps, and how the stream went on. Nil if some are missing.
    package func loaded(
        _ load: LoadKey, _ found: [ByteBuffer]?, _ state: LoadedState
    ) throws(CallerFault) {
        guard let connection = parked[load] else { throw .notFound }
        if case .seeking = connection.exchange.state {
            guard found == nil else { throw .notFound }
            return enter { seekingFailed(load, on: connection, isLate: false) }
        }
        guard let resumption = connection.resumption else { throw .notFound }
        enter {
            let interrupted = resumption.last == nil ? state.request(options.limits) : nil
            guard let found,
                isComplete(found.count, state.isEnd || interrupted != nil, resumption)
            else {
                if hasNodes, !relays.isReached {
                    detach(connection)
                    core.counters.resumesRefused += 1
                    return refuse(.storeTimeout, connection)
                }
                if beginAfresh(on: connection) { return }
                detach(connection)
                return refuseResume(connection)
            }
            var events = resumption.events(found)
            if loadEarlier(before: events, on: connection) { return }
            finishLoading(on: connection)
            core.counters.resumed += 1
            if let interrupted { events.append(end(interrupted, after: events.last, resumption)) }
            guard resumption.last != nil else { return replay(events, on: connection) }
            goOn(with: events, areMore: resumption.hasFound, on: connection)
            if let end = resumption.end { endStream(on: connection) { $0.append(end) } }
        }
    }

    /// Loads events of an earlier stream, which come before those found; false if there is none.
    private func loadEarlier(
        before events: [StoredEvent], on connection: ServerConnection
    ) -> Bool {
        guard let resumption = connection.resumption,
            resumption.hasFound || keepsUp(connection),
            let cursor = resumption.nextCursor(),
            case .later(let load) = sessions.load(after: cursor, of: resumption.session, at: now)
        else { return connection.isClosed }
        connections.noteUnsent(
            connection.outbox.prepend(events.lazy.map { (id: $0.id, text: $0.message) }))
        parked.park(connection, for: load, after: cursor)
        wait(.load, connection)
        return true
    }

    /// The process that served a request is gone. Whoever resumes its stream learns so, once: the
    /// store keeps what it is told.
    private func end(
        _ request: RequestID, after last: StoredEvent?, _ resumption: Resumption
    ) -> StoredEvent {
        let message = ByteBuffer()
        message.appendError(
            id: request, code: ErrorCode.internalError.rawValue,
            message: ServerEngine.interrupted.rawBytes)
        let cursor = last?.id ?? resumption.cursor
        let event = StoredEvent(
            id: EventID(stream: cursor.stream, sequence: cursor.sequence + 1), message: message)
        sessions.record(last: event, of: resumption.session, at: now)
        return event
    }

    private static var interrupted: StaticString {
        "The server ended before it had answered; what it was asked for may have been done"
    }

    private func finishLoading(on connection: ServerConnection) {
        parked.endLoad(of: connection)
        stopWaiting(connection)
    }

    /// Begins a primary stream afresh, because the store does not return its events; false if the
    /// connection waits for another stream.
    private func beginAfresh(on connection: ServerConnection) -> Bool {
        guard let resumption = connection.resumption, resumption.isPrimary,
            let last = resumption.last
        else { return false }
        finishLoading(on: connection)
        guard case .primary(let session) = connection.exchange.state else {
            // The stream has ended, or another connection carries it, and the store has its events.
            dropBacklog(of: connection)
            writeStreamHead(to: connection)
            endStream(on: connection) { output in resumption.end.map { output.append($0) } }
            return true
        }
        // If only events of earlier processes are gone, this one's wait to be sent.
        let position = EventID(
            stream: session.primary.token, sequence: resumption.isEarlier ? 0 : last)
        beginPrimary(of: session, on: connection, from: position, hasGap: true)
        composeBacklog(of: connection)
        return true
    }

    /// Whether the events that were found reach from the cursor to the position that the stream
    /// had.
    private func isComplete(_ count: Int, _ hasEnded: Bool, _ resumption: Resumption) -> Bool {
        if resumption.isEarlier { return true }
        guard let last = resumption.last else { return hasEnded }
        let cursor = resumption.cursor.sequence
        return cursor <= last && UInt64(count) >= last - cursor
    }

    /// The store has not answered in time.
    func loadFailed(on connection: ServerConnection) {
        if case .seeking(let load) = connection.exchange.state {
            return seekingFailed(load, on: connection, isLate: true)
        }
        guard connection.resumption != nil else { return }
        log(
            .warning, "The event store took too long; a client has lost events", on: connection)
        if beginAfresh(on: connection) { return }
        detach(connection)
        core.counters.resumesRefused += 1
        refuse(.storeTimeout, connection)
    }

    /// Detaches the stream from a connection on which none of its bytes were sent.
    private func detach(_ connection: ServerConnection) {
        finishLoading(on: connection)
        dropBacklog(of: connection)
        let exchange = connection.exchange.state
        move(connection, to: .receiving)
        switch exchange {
        case .request(let request): clientLeft(request)
        case .primary(let session): primaryLost(session, connection)
        case .idle, .receiving, .receivingOther, .hosted, .authorizing, .seeking, .relayed,
            .refused, .listening, .loading, .finishing, .lingering, .closed:
            break
        }
    }

    private func dropBacklog(of connection: ServerConnection) {
        connections.noteUnsent(connection.outbox.dropBacklog())
    }
}
