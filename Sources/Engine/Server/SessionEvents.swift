import Link
import Replay
import Session
import Wire

/// Events that are kept for clients that resume.
extension Sessions {
    var hasStore: Bool { store != nil }

    /// Whether a request's stream can be resumed.
    func canResume(_ request: OpenRequest) -> Bool {
        store != nil && request.session?.state.isLive == true && request.session?.isOld == false
    }

    /// Lets other processes know a session's primary stream, before it has an event.
    func beginLog(ofPrimaryOf session: ServerSession) {
        guard !session.isOld else { return }
        store?.beginPrimary(session.primary.token, of: session.identity)
    }

    /// Begins to keep the events of a request's stream.
    func beginLog(_ stream: StreamToken, for id: RequestID, of session: ServerSession) {
        store?.begin(stream, of: session.identity) { StreamRecord.text(of: id) }
    }

    /// Keeps an event of a session that has not ended.
    @inline(__always)
    func record(
        _ id: EventID, _ message: ByteBuffer, isShared: Bool, of session: ServerSession,
        at now: Instant
    ) {
        guard !session.state.hasEnded else { return }
        let event = StoredEvent(id: id, message: message, isShared: isShared)
        store?.keep(event, of: session.identity, at: now)
    }

    /// The same for a short message whose bytes are only borrowed.
    @inline(__always)
    func record(
        _ id: EventID, copying message: UnsafeRawBufferPointer, of session: ServerSession,
        at now: Instant
    ) {
        guard !session.state.hasEnded else { return }
        store?.keep(id, copying: message, of: session.identity, at: now)
    }

    /// Keeps a stream that is one event.
    func record(
        whole stream: StreamToken, _ message: ByteBuffer, of session: ServerSession,
        at now: Instant
    ) {
        store?.keep(whole: stream, message, of: session.identity, at: now)
    }

    /// Keeps the last event of a stream that another process had.
    func record(last event: StoredEvent, of session: ServerSession, at now: Instant) {
        guard !session.state.hasEnded else { return }
        store?.keep(event, of: session.identity, at: now)
        store?.end(event.id.stream, of: session.identity)
    }

    /// A request's stream has had its last event.
    func endLog(of request: OpenRequest) {
        guard let stream = request.stream, let session = request.session, !session.state.hasEnded
        else { return }
        store?.end(stream.token, of: session.identity)
    }

    /// What a stream has sent after a cursor; nil without a store.
    func load(
        after cursor: EventID, of session: ServerSession, at now: Instant
    ) -> EventStore.Answer? {
        store?.load(after: cursor, of: session.identity, at: now)
    }

    @inline(__always)
    var nextStoreDeadline: Instant? { store?.nextDeadline }

    func storeDeadlineReached(at now: Instant) {
        store?.deadlineReached(at: now)
    }

    /// The bytes of events that are kept in this process.
    var storeBytes: Int { store?.byteCount ?? 0 }

    /// What is kept of a session in this process.
    func log(of session: ServerSession) -> EventLog? { store?.log(of: session.identity) }
}
