import Session
import Wire

/// An event as a store keeps it.
package struct StoredEvent {
    package let id: EventID
    package let message: ByteBuffer
    /// Whether other sessions get the message too, so that it stays in memory anyway.
    package let isShared: Bool

    package init(id: EventID, message: ByteBuffer, isShared: Bool = false) {
        self.id = id
        self.message = message
        self.isShared = isShared
    }
}

/// Where events are kept for clients that come back for them: the port.
///
/// The engine calls it in the order of the wire, in the same step in which it numbers and sends an
/// event. A store that is far away writes behind and answers `load` later; the order of its
/// answers is the order in which it was told. Every call names the session: what is kept for one
/// is never found by another (S-503).
package class EventStore {
    package enum Answer {
        /// Everything after the cursor, in order, and whether that is the stream's end.
        case all([StoredEvent], hasEnded: Bool)
        /// Something after the cursor is gone, or the stream or the event is not known.
        case gap
        /// The answer will come under this key.
        case later(LoadKey)
    }

    init() {}

    /// Begins to keep a session's streams, whose memory counts in `shares`.
    package func open(_ session: SessionKey, in shares: Shares) {}

    /// Begins to keep a stream.
    package func begin(_ stream: StreamToken, of session: SessionKey) {}

    /// Keeps an event of a stream that has begun. Events come in the order of their numbers.
    package func keep(_ event: StoredEvent, of session: SessionKey, at now: Instant) {}

    /// Notes that no event will follow.
    package func end(_ stream: StreamToken, of session: SessionKey) {}

    /// Keeps a stream of one event, which has begun and ended.
    package func keep(
        whole stream: StreamToken, _ message: ByteBuffer, of session: SessionKey, at now: Instant
    ) {
        begin(stream, of: session)
        let id = EventID(stream: stream, sequence: 1)
        keep(StoredEvent(id: id, message: message), of: session, at: now)
        end(stream, of: session)
    }

    /// What the cursor's stream has sent after it.
    package func load(after cursor: EventID, of session: SessionKey, at now: Instant) -> Answer {
        .gap
    }

    /// Lets go of everything that is kept for a session.
    package func forget(_ session: SessionKey) {}

    /// When to call `deadlineReached`; nil for never.
    package var nextDeadline: Instant? { nil }
    package func deadlineReached(at now: Instant) {}

    /// The bytes that are kept in this process.
    package var byteCount: Int { 0 }

    /// What is kept of a session in this process, for those who look into it.
    package func log(of session: SessionKey) -> EventLog? { nil }

    /// What somebody else is to do for the store next, in order; nil if there is nothing.
    package func nextOrder() -> StoreOrder? { nil }
}

/// What the store of a host is asked to do.
package enum StoreOrder {
    case keep(StoredEvent, of: SessionKey)
    case end(StreamToken, of: SessionKey)
    case load(LoadKey, after: EventID, of: SessionKey)
    case forget(SessionKey)
}

/// The port's side of a store that the host has: it hands on what it is told.
package final class HostEventStore: EventStore {
    private var orders: [StoreOrder] = []
    private var first = 0
    private var lastLoad: UInt64

    package init(loadsAfter serial: UInt64 = 0) {
        lastLoad = serial >> 20
    }

    package override func keep(
        _ event: StoredEvent, of session: SessionKey, at now: Instant
    ) {
        orders.append(.keep(event, of: session))
    }

    package override func end(_ stream: StreamToken, of session: SessionKey) {
        orders.append(.end(stream, of: session))
    }

    package override func load(
        after cursor: EventID, of session: SessionKey, at now: Instant
    ) -> Answer {
        lastLoad += 1
        let load = LoadKey(rawValue: lastLoad)
        orders.append(.load(load, after: cursor, of: session))
        return .later(load)
    }

    package override func forget(_ session: SessionKey) {
        orders.append(.forget(session))
    }

    package override func nextOrder() -> StoreOrder? {
        guard first < orders.count else { return nil }
        let order = orders[first]
        first += 1
        if first == orders.count {
            orders.removeAll(keepingCapacity: orders.count <= 64)
            first = 0
        }
        return order
    }
}
