import Link
import Session
import Wire

/// An event in a store.
package struct StoredEvent {
    package let id: EventID
    package let message: ByteBuffer
    /// Whether the message is shared with other sessions, so that it stays in memory anyway.
    package let isShared: Bool

    package init(id: EventID, message: ByteBuffer, isShared: Bool = false) {
        self.id = id
        self.message = message
        self.isShared = isShared
    }
}

/// The interface of event stores, which keep events for clients that resume.
///
/// The engine calls it in the order in which events are sent, in the same step that numbers and
/// sends an event. A remote store may write later (write-behind) and answer `load` later; its
/// answers must reflect the calls in the order in which it received them. Every call names the
/// session: events of one session are never found by another (S-503).
package class EventStore {
    package enum Answer {
        /// All events after the cursor, in order, and whether the stream ends with them.
        case all([StoredEvent], hasEnded: Bool)
        /// An event after the cursor was dropped, or the stream or the event is unknown.
        case gap
        /// The answer will arrive later, with this key.
        case later(LoadKey)
    }

    init() {}

    /// Starts to keep a session's streams, whose memory counts in `shares`.
    package func open(_ session: SessionIdentity, in shares: Shares) {}

    /// Opens a stream.
    package func begin(_ stream: StreamToken, of session: SessionIdentity) {}

    /// Opens the stream of a request. `record` is for a process that may have to end it.
    package func begin(
        _ stream: StreamToken, of session: SessionIdentity, as record: () -> ByteBuffer
    ) {
        begin(stream, of: session)
    }

    /// A session's primary stream is used, and another process may resume it from its beginning.
    package func beginPrimary(_ stream: StreamToken, of session: SessionIdentity) {}

    /// Stores an event of an open stream. Events arrive in the order of their numbers.
    package func keep(_ event: StoredEvent, of session: SessionIdentity, at now: Instant) {}

    /// The same for a short message whose bytes are only borrowed.
    package func keep(
        _ id: EventID, copying message: UnsafeRawBufferPointer, of session: SessionIdentity,
        at now: Instant
    ) {
        let event = StoredEvent(id: id, message: ByteBuffer(copying: message))
        keep(event, of: session, at: now)
    }

    /// Ends a stream: no event follows.
    package func end(_ stream: StreamToken, of session: SessionIdentity) {}

    /// Stores a stream of one event, which has already ended.
    package func keep(
        whole stream: StreamToken, _ message: ByteBuffer, of session: SessionIdentity,
        at now: Instant
    ) {
        begin(stream, of: session)
        let id = EventID(stream: stream, sequence: 1)
        keep(StoredEvent(id: id, message: message), of: session, at: now)
        end(stream, of: session)
    }

    /// The events of the cursor's stream after the cursor.
    package func load(after cursor: EventID, of session: SessionIdentity, at now: Instant) -> Answer
    {
        .gap
    }

    /// Drops all events of a session that has ended.
    package func forget(_ session: SessionIdentity) {}

    /// This process is done with a session, which lives on elsewhere.
    package func release(_ session: SessionIdentity) {
        forget(session)
    }

    /// When to call `deadlineReached`; nil for never.
    package var nextDeadline: Instant? { nil }
    package func deadlineReached(at now: Instant) {}

    /// The memory of the events in this process, in bytes.
    package var byteCount: Int { 0 }

    /// The log of a session in this process, for inspection.
    package func log(of session: SessionIdentity) -> EventLog? { nil }
}
