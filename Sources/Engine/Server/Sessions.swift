import Link
import MCP
import Replay
import Session
import Wire

/// One session with everything that belongs to it.
package final class ServerSession {
    package let key: SessionKey
    package let id: SessionID
    /// What the server puts before the ids of sessions; nil for nothing.
    private let prefix: ByteBuffer?
    /// Who opened it, and may use it (S-500); nil without authorization.
    package let principal: Principal?
    /// The shares of who opened it.
    let shares: Shares
    /// When it was created.
    let since: Instant
    package fileprivate(set) var state = Session()
    /// The host's pointer.
    package private(set) var data: UnsafeMutableRawPointer?
    /// The client's own words about itself, as JSON objects.
    package fileprivate(set) var clientInfo: ByteBuffer
    package fileprivate(set) var clientCapabilities: ByteBuffer
    /// Whether it has the transport of the first revision: everything comes on its primary stream.
    let isOld: Bool
    /// Whether it was found in the session store.
    package let isResumed: Bool
    /// What it has of earlier processes. `KeptSessions` writes it.
    var past = SessionPast()

    /// The open requests, both ways. `Requests` writes it.
    var ledger = SessionLedger()
    fileprivate(set) var primary: EventStream
    fileprivate(set) var mailbox = PrimaryMailbox()
    /// The resources that its client is told of, if the engine keeps them.
    fileprivate(set) var subscriptions = Subscriptions()
    /// Requests whose answers a fence holds. `Fences` writes it.
    var held = HeldAnswers()
    /// The least severe log message that its client wants; nil if it has not said so.
    package fileprivate(set) var logLevel: LogSeverity?
    /// Whether it has had a primary stream or a request, so that somebody may miss it.
    fileprivate(set) var isUsed = false
    /// Whether it may be evicted: nobody has used it, and nothing is under way.
    fileprivate(set) var mayGiveWay = false
    /// Whether the host waits for room on its primary stream.
    var awaitsRoom = false

    /// As event stores know it.
    var identity: SessionIdentity { SessionIdentity(key: key, id: id) }

    fileprivate init(
        _ opening: borrowing Opening, key: SessionKey, prefix: ByteBuffer?, at now: Instant
    ) {
        since = now
        self.prefix = prefix
        self.key = key
        id = opening.id
        principal = opening.principal
        isOld = opening.isOld
        shares = opening.shares
        primary = EventStream(opening.primary)
        clientInfo = opening.clientInfo
        clientCapabilities = opening.clientCapabilities
        isResumed = opening.isResumed
    }

    /// What a new session is made of.
    struct Opening {
        let id: SessionID
        let principal: Principal?
        var isOld = false
        let shares: Shares
        let primary: StreamToken
        let clientInfo: ByteBuffer
        let clientCapabilities: ByteBuffer
        var isResumed = false
    }

    /// Its memory without the mailbox: this object, its ledger, its log, its slots in tables, and
    /// what the client says of itself.
    @_optimize(speed)
    var heldBytes: Int {
        ServerSession.ownBytes + clientInfo.heldBytes + clientCapabilities.heldBytes
            + subscriptions.heldBytes
    }

    package static var ownBytes: Int { 750 }

    /// The id as `Mcp-Session-Id` has it. Made at the first use, and then kept.
    package private(set) lazy var wireID = newWireID

    /// The same, made anew. Any thread.
    package var newWireID: ByteBuffer {
        let text = ByteBuffer()
        if let prefix { text.append(prefix) }
        id.append(to: text)
        return text
    }

    func attach(_ data: UnsafeMutableRawPointer?) {
        self.data = data
    }
}

/// The sessions there are, with their primary streams, mailboxes and kept events.
struct Sessions: ~Copyable {
    private var table: SessionTable<ServerSession>
    /// What clients may resume from; nil if they cannot. For this type alone.
    let store: EventStore?
    /// The memory of sessions and mailboxes; a message in many mailboxes counts once.
    private(set) var heldBytes = 0
    /// Sessions that may be evicted.
    private(set) var idleCount = 0
    private let mailboxMessagesMax: Int
    private let mailboxBytesMax: Int
    private let prefix: ByteBuffer?

    init(_ options: ServerOptions, _ orders: StoreOrders, keysAfter serial: UInt64) {
        table = SessionTable(
            capacity: options.sessionsMax, keysAfter: serial, initializeTimeout: options.initialize,
            idleTimeout: options.sessionIdle)
        store = options.makeStore(orders)
        mailboxMessagesMax = options.mailboxMessagesMax
        mailboxBytesMax = options.mailboxBytesMax
        prefix = options.sessionIDPrefix
    }

    var count: Int { table.count }
    var slotCount: Int { table.slotCount }
    var heapBytes: Int { table.heapBytes }
    var isFull: Bool { table.isFull }
    /// All sessions there are now, so that the caller may end some meanwhile.
    var all: [ServerSession] { table.all }
    /// The numbers of all keys, in no order.
    var numbers: [UInt64] { table.numbers }

    subscript(key: SessionKey) -> ServerSession? { table[key] }
    subscript(index index: Int) -> ServerSession? { table[index: index] }

    func key(for id: SessionID) -> SessionKey? { table.key(for: id) }

    /// The id that a text means, whatever server's prefix it has if this one has one: a balancer
    /// looks at that, and the id alone names the session.
    @inline(__always)
    func id(in text: UnsafeRawBufferPointer) -> SessionID? {
        guard prefix != nil, text.count > SessionID.textLength else { return SessionID(text: text) }
        return SessionID(text: text.dropBytes(text.count - SessionID.textLength))
    }

    /// The session that a client means with its id, if it is live and the principal's own.
    @inline(__always)
    func find(
        _ text: UnsafeRawBufferPointer, of principal: Principal?, isOld: Bool = false
    ) -> ServerSession? {
        guard let id = id(in: text), let key = table.key(for: id),
            let session = table[key], session.state.isLive || isOld, session.isOld == isOld,
            session.principal == principal
        else { return nil }
        return session
    }

    // MARK: Life

    /// Adds a session; nil if there are as many as there may be.
    mutating func open(
        _ opening: borrowing ServerSession.Opening, at now: Instant
    ) -> ServerSession? {
        let session = table.insert(opening.id) { key in
            ServerSession(opening, key: key, prefix: prefix, at: now)
        }
        guard let session else { return nil }
        store?.open(session.identity, in: session.shares)
        store?.begin(opening.primary, of: session.identity)
        session.shares.forEach { $0.sessions += 1 }
        count(session.heldBytes, session.heldBytes, in: session)
        return session
    }

    /// The client of a session says what it is, which is not known yet.
    mutating func describe(
        _ session: ServerSession, _ clientInfo: ByteBuffer, _ capabilities: ByteBuffer
    ) {
        let before = session.heldBytes
        session.clientInfo = clientInfo
        session.clientCapabilities = capabilities
        let change = session.heldBytes - before
        count(change, change, in: session)
    }

    /// The host has accepted `initialize`.
    func initializeSucceeded(_ session: ServerSession, _ revision: Revision) {
        session.state.initializeSucceeded(revision)
    }

    func initializedArrived(_ session: ServerSession) {
        session.state.initializedArrived()
    }

    func setLogLevel(_ level: LogSeverity, of session: ServerSession) {
        session.logLevel = level
    }

    /// Makes a session what its record says.
    func restore(_ session: ServerSession, from record: SessionRecord) {
        session.state.initializeSucceeded(record.revision)
        if record.isReady { session.state.initializedArrived() }
        session.logLevel = record.logLevel
        // Its client has used it, or would not come back.
        session.isUsed = true
    }

    /// Removes a session. What is open of it is left for the caller to end. Its events go, too,
    /// unless it lives on elsewhere.
    mutating func remove(
        _ session: ServerSession, _ shares: inout ShareTable, livesOn: Bool = false
    ) {
        session.state.end()
        set(session, mayGiveWay: false)
        table.remove(session.key, session.id)
        let own = session.heldBytes + session.mailbox.addedBytes
        count(session.mailbox.takeAll().change - session.heldBytes, -own, in: session)
        session.shares.forEach { $0.sessions -= 1 }
        shares.forget(session.shares)
        if livesOn {
            store?.release(session.identity)
        } else {
            store?.forget(session.identity)
        }
    }

    /// A request or a primary stream of a session has begun: somebody may miss it.
    func markUsed(_ session: ServerSession) {
        session.isUsed = true
    }

    /// Starts or stops a session's time to live: it runs while nothing is under way (S-207).
    @inline(__always)
    mutating func noteActivity(of session: ServerSession, at now: Instant) {
        guard session.state.isLive else { return }
        if session.ledger.entries.openRequests == 0, session.primary.connection == nil {
            set(session, mayGiveWay: !session.isUsed)
            table.becameQuiet(
                session.key, isReady: session.state.isReady, isUsed: session.isUsed, at: now)
        } else {
            set(session, mayGiveWay: false)
            table.becameBusy(session.key)
        }
    }

    /// Since when nothing of a session has been under way; nil if something is.
    func quietSince(_ session: ServerSession) -> Instant? { table.quietSince(session.key) }

    private mutating func set(_ session: ServerSession, mayGiveWay: Bool) {
        guard session.mayGiveWay != mayGiveWay else { return }
        session.mayGiveWay = mayGiveWay
        let change = mayGiveWay ? 1 : -1
        idleCount += change
        session.shares.forEach { $0.idleSessions += change }
    }

    /// Of the sessions that may be evicted, the one that has been idle for longest; of a share, if
    /// one is given.
    func idlest(of share: Share?) -> ServerSession? {
        guard share?.idleSessions ?? idleCount > 0 else { return nil }
        return table.idlest { session in
            session.mayGiveWay && share.map { session.shares.include($0) } ?? true
        }
    }

    @inline(__always)
    var nextDeadline: Instant? { table.nextDeadline }

    mutating func popExpired(at now: Instant) -> ServerSession? { table.popExpired(at: now) }

    /// Shares count what a session has added, and no more and no less when it is released: the last
    /// mailbox that has a message may be another one's than the first.
    private mutating func count(_ change: Int, _ own: Int, in session: ServerSession) {
        heldBytes += change
        session.shares.forEach { $0.sessionBytes += own }
    }

    // MARK: Subscriptions

    /// Subscribes a session to a resource that it has not subscribed to.
    mutating func subscribe(_ session: ServerSession, to uri: ByteBuffer) {
        guard session.subscriptions.add(uri) else { return }
        let bytes = Subscriptions.bytes(of: uri)
        count(bytes, bytes, in: session)
    }

    /// Removes and returns a session's subscription; nil if there is none.
    mutating func unsubscribe(
        _ session: ServerSession, from uri: UnsafeRawBufferPointer
    ) -> ByteBuffer? {
        guard let removed = session.subscriptions.remove(uri) else { return nil }
        let bytes = Subscriptions.bytes(of: removed)
        count(-bytes, -bytes, in: session)
        return removed
    }

    /// Removes and returns all subscriptions of a session that has been removed: an event that the
    /// host keeps may refer to it.
    func takeSubscriptions(of session: ServerSession) -> [ByteBuffer] {
        session.subscriptions.takeAll()
    }

    /// The memory of resources that only sessions watched has changed; see `WatchedResources`.
    mutating func countLeft(_ change: Int) {
        heldBytes += change
    }

    // MARK: Primary streams

    /// Lets a connection carry a session's primary stream. Returns the one that did (S-231).
    mutating func attachPrimary(
        of session: ServerSession, to connection: ServerConnection
    ) -> ConnectionID? {
        session.isUsed = true
        table.becameBusy(session.key)
        return session.primary.attach(connection.id)
    }

    /// Returns whether the connection carried the session's primary stream.
    func primaryLost(_ session: ServerSession, _ connection: ServerConnection) -> Bool {
        session.primary.connectionLost(connection.id)
    }

    /// Numbers the next event of a primary stream; nil if it cannot be resumed.
    func nextPrimaryEvent(of session: ServerSession) -> EventID? {
        store == nil || session.isOld ? nil : session.primary.next()
    }

    /// Keeps a message until a primary stream begins; false if there is no space. Without bounds it
    /// is put back where it was.
    mutating func keep(
        _ message: ByteBuffer, inMailboxOf session: ServerSession, isBounded: Bool = true
    ) -> Bool {
        let change = session.mailbox.keep(
            message, countMax: isBounded ? mailboxMessagesMax : .max,
            byteMax: isBounded ? mailboxBytesMax : .max)
        guard let change else { return false }
        count(change, change, in: session)
        return true
    }

    /// Whether a mailbox is less than half full.
    func hasRoom(inMailboxOf session: ServerSession) -> Bool {
        session.mailbox.count < (mailboxMessagesMax + 1) / 2
            && session.mailbox.byteCount < mailboxBytesMax / 2
    }

    /// Takes all messages out of a mailbox.
    mutating func takeMailbox(of session: ServerSession) -> [ByteBuffer] {
        let own = session.mailbox.addedBytes
        let (messages, change) = session.mailbox.takeAll()
        count(change, -own, in: session)
        return messages
    }
}

#if !hasFeature(Embedded)
    extension Sessions {
        mutating func sabotageTotal() { heldBytes += 1 }
        mutating func sabotageIdleCount() { idleCount += 1 }
    }
#endif
