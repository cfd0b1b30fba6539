import Link
import MCP
import Replay
import Session
import Wire

/// Streams whose events the host's store returns later.
extension ServerEngine {
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

    /// Loads events of an earlier stream, which come before those that were found; false if there
    /// is no other.
    private func loadEarlier(before events: [StoredEvent], on connection: ServerConnection) -> Bool
    {
        guard let resumption = connection.resumption, resumption.hasFound || keepsUp(connection),
            let cursor = resumption.nextCursor()
        else { return connection.isClosed }
        connections.noteUnsent(
            connection.outbox.prepend(events.lazy.map { (id: $0.id, text: $0.message) }))
        guard case .later(let load) = sessions.load(after: cursor, of: resumption.session, at: now)
        else { return false }
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
        case .idle, .receiving, .receivingOther, .hosted, .authorizing, .seeking, .refused,
            .listening, .loading, .finishing, .lingering, .closed:
            break
        }
    }

    private func dropBacklog(of connection: ServerConnection) {
        connections.noteUnsent(connection.outbox.dropBacklog())
    }
}

/// How a stream that was loaded from the host's store goes on.
package enum LoadedState {
    case ended
    /// It has not ended. The record says which request it is for, if the store has one.
    case open(record: ByteBuffer?)

    fileprivate var isEnd: Bool {
        if case .ended = self { true } else { false }
    }

    /// The id of the request that has not been answered.
    fileprivate func request(_ limits: Limits) -> RequestID? {
        guard case .open(let record?) = self else { return nil }
        return StreamRecord.id(record.bytes, limits: limits)
    }
}

extension Resumption {
    /// The events that were found and that the client has missed. What the stream has sent since
    /// the load began is in the backlog, in the store or not.
    fileprivate func events(_ found: [ByteBuffer]) -> [StoredEvent] {
        let missed = isEarlier ? nil : last.map { Int($0 - cursor.sequence) }
        return found.prefix(missed ?? found.count).enumerated().map { index, message in
            let sequence = cursor.sequence + UInt64(index) + 1
            return StoredEvent(
                id: EventID(stream: cursor.stream, sequence: sequence), message: message)
        }
    }
}
