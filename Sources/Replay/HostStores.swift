import Link
import Session
import Wire

/// An order for a store of the host. It names sessions by the ids that clients know: the keys of
/// this process mean nothing to a store that outlives it.
package enum StoreOrder {
    // For its event store.
    case begin(StreamToken, record: ByteBuffer, of: SessionID)
    case keep(StoredEvent, of: SessionID)
    case end(StreamToken, of: SessionID)
    case load(LoadKey, after: EventID, of: SessionID)
    case forget(SessionID)
    // For its session store.
    case keepSession(SessionID, record: ByteBuffer)
    case touchSession(SessionID)
    case findSession(LoadKey, SessionID)
    case forgetSession(SessionID)
    // For a store of several nodes.
    case releaseSession(SessionID)
    case send(ByteBuffer, to: NodeID?)

    /// Whether a client would miss what it stores.
    fileprivate var isEssential: Bool {
        switch self {
        case .load, .findSession, .touchSession, .releaseSession, .send: false
        case .begin, .keep, .end, .forget, .keepSession, .forgetSession: true
        }
    }
}

/// The orders for the host's stores, of both in the order in which they were given.
package final class StoreOrders {
    private var orders: [StoreOrder] = []
    private var first = 0
    private var lastLoad: UInt64
    /// How many there have ever been: the number of the last one.
    package private(set) var count: UInt64 = 0
    /// Whether all have been taken. It is asked for all the time.
    package private(set) var isEmpty = true
    /// The number of the last one that is essential: until it is written, something is missing.
    package private(set) var lastStored: UInt64 = 0

    package init(loadsAfter serial: UInt64 = 0) {
        lastLoad = serial >> 20
    }

    func append(_ order: StoreOrder) {
        count += 1
        isEmpty = false
        if order.isEssential { lastStored = count }
        orders.append(order)
    }

    func newLoad() -> LoadKey {
        lastLoad += 1
        return LoadKey(rawValue: lastLoad)
    }

    @inline(never)
    package func next() -> StoreOrder? {
        guard first < orders.count else { return nil }
        let order = orders[first]
        first += 1
        if first == orders.count {
            orders.removeAll(keepingCapacity: orders.count <= 64)
            first = 0
            isEmpty = true
        }
        return order
    }
}

/// The event store that forwards all calls to the host's store.
package final class HostEventStore: EventStore {
    private let orders: StoreOrders
    private let keepsRecords: Bool

    package init(_ orders: StoreOrders, keepsRecords: Bool) {
        self.orders = orders
        self.keepsRecords = keepsRecords
    }

    package override func begin(
        _ stream: StreamToken, of session: SessionIdentity, as record: () -> ByteBuffer
    ) {
        guard keepsRecords else { return }
        orders.append(.begin(stream, record: record(), of: session.id))
    }

    package override func beginPrimary(_ stream: StreamToken, of session: SessionIdentity) {
        guard keepsRecords else { return }
        orders.append(.begin(stream, record: StreamRecord.ofPrimary, of: session.id))
    }

    package override func keep(
        _ event: StoredEvent, of session: SessionIdentity, at now: Instant
    ) {
        orders.append(.keep(event, of: session.id))
    }

    package override func end(_ stream: StreamToken, of session: SessionIdentity) {
        orders.append(.end(stream, of: session.id))
    }

    package override func load(
        after cursor: EventID, of session: SessionIdentity, at now: Instant
    ) -> Answer {
        let load = orders.newLoad()
        orders.append(.load(load, after: cursor, of: session.id))
        return .later(load)
    }

    package override func forget(_ session: SessionIdentity) {
        orders.append(.forget(session.id))
    }

    package override func release(_ session: SessionIdentity) {}
}

/// The session store of the host: where sessions are kept, so that they outlive the process.
package struct SessionStore {
    private let orders: StoreOrders

    package init(_ orders: StoreOrders) {
        self.orders = orders
    }

    /// Stores a session, or what has changed of it.
    package func keep(_ session: SessionID, as record: SessionRecord) {
        orders.append(.keepSession(session, record: record.text))
    }

    /// A session is in use.
    package func touch(_ session: SessionID) {
        orders.append(.touchSession(session))
    }

    /// Looks a session up that this process does not know. The answer has the key.
    package func find(_ session: SessionID) -> LoadKey {
        let load = orders.newLoad()
        orders.append(.findSession(load, session))
        return load
    }

    /// A session has ended.
    package func forget(_ session: SessionID) {
        orders.append(.forgetSession(session))
    }

    /// This node is done with a session, which any other may go on with.
    package func release(_ session: SessionID) {
        orders.append(.releaseSession(session))
    }

    /// Sends a message to a node, or to all others.
    package func send(_ message: ByteBuffer, to node: NodeID?) {
        orders.append(.send(message, to: node))
    }
}
