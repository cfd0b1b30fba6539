import Link
import MCP
import Session
import Wire

/// One request of a client, from its arrival to the last byte of its answer. Objects are recycled.
final class OpenRequest {
    fileprivate(set) var key = RequestKey(rawValue: 0)
    private(set) var id = RequestID.integer(0)
    private(set) var session: ServerSession?
    /// The shares that its memory counts in if it belongs to no session.
    private var ownShares: Shares?
    private(set) var terms = RequestTerms()
    private(set) var method = ShortText()
    /// When it arrived.
    private(set) var since = Instant(milliseconds: 0)
    /// The client's progress token as JSON text; nil if it wants no progress.
    private(set) var progressToken: ByteBuffer?
    /// The HTTP head, for the host; nil once the request has ended.
    private(set) var head: RequestHead?
    /// The connection that waits for the answer; nil once the client is gone.
    private(set) var connection: ServerConnection?
    /// Whether the head of an event stream has been written.
    private(set) var isStreaming = false
    /// The request's own stream, once it has begun in a way that can be resumed.
    private(set) var stream: EventStream?
    /// The host's requests to the client that were sent on this request's stream.
    fileprivate(set) var calls: [CallKey] = []
    /// What the answer has to wait for, and the answer while it waits.
    var fence = RequestFence()
    /// What it asks its client for; nil if it has not asked. `Continuations` writes it.
    var trip: RoundTrip?
    /// Whether its client has gone, and may reconnect.
    fileprivate(set) var isDetached = false
    /// Whether the host waits for room on its stream.
    var awaitsRoom = false
    /// Its memory while it is open, as it was counted, without what it asks for.
    fileprivate(set) var heldBytes = 0

    /// The memory of a request besides its head, its token and its id.
    static var ownBytes: Int { 420 }

    /// The memory that a request will take.
    @inline(__always)
    static func bytes(_ id: RequestID, _ head: RequestHead, _ progressToken: ByteBuffer?) -> Int {
        ownBytes + head.heldBytes + (progressToken?.heldBytes ?? 0) + 2 * id.byteCount
    }

    @_optimize(speed)
    var shares: Shares {
        session?.shares ?? ownShares ?? Shares(address: nil, principal: nil)
    }

    /// Whether what is sent now reaches the client, at once or when it resumes the stream.
    @inline(__always)
    var isReachable: Bool {
        connection != nil || stream != nil || isParked || policy.answersOnPrimary
    }

    /// Whether its client has to come back with what it was asked for.
    @inline(__always)
    var isParked: Bool { trip?.state != nil }

    var revision: Revision { terms.revision }
    var policy: ResponsePolicy { terms.policy }
    var isInitialize: Bool { terms.isInitialize }

    /// Whether its client understands an event that has only an id: where the stream begins.
    var hasPriming: Bool { (session?.state.revision ?? revision).hasPriming }

    /// Makes this a client's request; the object is new, or was recycled.
    @inline(__always)
    fileprivate func begin(
        _ id: RequestID, _ method: UnsafeRawBufferPointer, of session: ServerSession?,
        _ ownShares: Shares?, _ terms: RequestTerms, progressToken: ByteBuffer?, head: RequestHead,
        on connection: ServerConnection, at now: Instant
    ) {
        self.method.set(method)
        since = now
        self.id = id
        self.session = session
        self.ownShares = ownShares
        self.terms = terms
        self.progressToken = progressToken
        self.head = head
        self.connection = connection
    }

    /// Releases what the client sent: a held answer may wait for long.
    func releaseMessage() {
        head = nil
        progressToken = nil
    }

    func releaseHead() {
        head = nil
    }

    /// The head of its event stream is about to be written.
    func beginStreaming() {
        isStreaming = true
    }

    /// From its first event on, its stream can be resumed under this token.
    func begin(_ stream: StreamToken) {
        self.stream = EventStream(stream)
    }

    /// Numbers the next event of its stream; nil if the stream cannot be resumed.
    @_optimize(speed)
    func nextEventID() -> EventID? { stream?.next() }

    /// Its client has reconnected, on `connection`.
    func attach(to connection: ServerConnection) {
        self.connection = connection
    }

    /// Removes the connection that waits for the answer, and returns it.
    @discardableResult
    func detach() -> ServerConnection? {
        var taken: ServerConnection?
        swap(&taken, &connection)
        return taken
    }

    /// Its client has got an answer, and comes back with another request.
    func park() {
        connection = nil
        isStreaming = false
    }

    /// Its client has come back with another request in its place.
    func goOn(
        _ id: RequestID, _ message: borrowing Message, _ head: RequestHead,
        _ progressToken: ByteBuffer?, bytes: Int, terms: RequestTerms,
        on connection: ServerConnection
    ) {
        self.id = id
        self.head = head
        self.progressToken = progressToken
        let digest = self.terms.digest
        self.terms = terms
        self.terms.digest = digest
        self.connection = connection
        heldBytes = bytes
    }

    /// Releases everything, so that the object can be recycled.
    @_optimize(speed)
    func end() {
        key = RequestKey(rawValue: 0)
        id = .integer(0)
        session = nil
        ownShares = nil
        terms = RequestTerms()
        method = ShortText()
        since = Instant(milliseconds: 0)
        releaseMessage()
        connection = nil
        isStreaming = false
        stream = nil
        calls = []
        fence = RequestFence()
        trip = nil
        isDetached = false
        heldBytes = 0
    }
}

/// One request of the host's to a client, until it is answered.
struct OpenCall {
    /// Nil if its client has none.
    let session: ServerSession?
    /// The request on whose stream it was sent; nil for the primary.
    let request: OpenRequest?
    let data: UnsafeMutableRawPointer?
    let method: ShortText
    /// When it was made.
    let since: Instant

    /// The memory of a call, with its entries in tables.
    static var heldBytes: Int { 240 }
}

/// The ledger of one session, which `Requests` alone writes.
struct SessionLedger {
    fileprivate(set) var entries = RequestLedger()
}

/// The open requests, both ways, with the sessions' ledgers, the deadlines of requests whose
/// clients have gone, and the memory of them all.
struct Requests: ~Copyable {
    private var table: SlotTable<RequestKey, OpenRequest>
    private var callTable: [CallKey: OpenCall] = [:]
    /// How long requests whose clients have gone may go on: one list, by their indexes.
    private var detachedDeadlines: DeadlineBoard
    /// The memory of open requests and calls.
    private(set) var heldBytes = 0
    private let sessionRequestsMax: Int

    init(_ options: ServerOptions, keysAfter serial: UInt64) {
        table = SlotTable(after: serial)
        detachedDeadlines = DeadlineBoard(timeouts: [options.detached])
        sessionRequestsMax = options.sessionRequestsMax
    }

    var count: Int { table.count }
    var callCount: Int { callTable.count }
    var slotCount: Int { table.slotCount }
    var heapBytes: Int { table.heapBytes + detachedDeadlines.heapBytes }
    /// The numbers of all keys, in no order.
    var numbers: [UInt64] { table.numbers }
    /// All requests there are now, so that the caller may close some meanwhile.
    var all: [OpenRequest] { table.elements }
    var allCalls: [CallKey: OpenCall] { callTable }

    subscript(key: RequestKey) -> OpenRequest? { table[key] }
    subscript(call key: CallKey) -> OpenCall? { callTable[key] }

    // MARK: Requests of clients

    /// Why a request cannot be opened.
    enum Obstacle: Error {
        /// A request of the session with the same id is still open (S-214).
        case duplicate
        /// The session has as many as it may have.
        case sessionFull
        case full
    }

    /// Opens a request that takes `bytes` of memory. Without a session it counts in `ownShares`.
    @inline(__always)
    mutating func open(
        _ id: RequestID, _ method: UnsafeRawBufferPointer, of session: ServerSession?,
        _ ownShares: Shares?, _ terms: RequestTerms, progressToken: ByteBuffer?, head: RequestHead,
        bytes: Int, on connection: ServerConnection, _ core: inout Core
    ) throws(Obstacle) -> OpenRequest {
        let request = core.objects.takeRequest() ?? OpenRequest()
        request.begin(
            id, method, of: session, ownShares, terms, progressToken: progressToken, head: head,
            on: connection, at: core.now)
        let added = table.insert { key in
            request.key = key
            return request
        }
        guard added != nil else { throw .full }
        if let session {
            let opening = session.ledger.entries.open(
                id, as: request.key, atMost: sessionRequestsMax)
            guard opening == .opened else {
                table.remove(request.key)
                throw opening == .duplicate ? .duplicate : .sessionFull
            }
        }
        request.heldBytes = bytes
        count(bytes, in: request)
        return request
    }

    /// Removes a request. Its calls are left for the caller to fail.
    @inline(__always)
    mutating func close(_ request: OpenRequest, _ shares: inout ShareTable) {
        table.remove(request.key)
        count(-request.heldBytes, in: request)
        request.heldBytes = 0
        attached(request)
        if let session = request.session {
            if session.state.hasEnded { shares.forget(session.shares) }
            session.ledger.entries.close(request.key)
        }
    }

    /// The client of a request has gone: starts its deadline.
    mutating func detached(_ request: OpenRequest, at now: Instant) {
        guard !request.isDetached else { return }
        request.isDetached = true
        request.shares.forEach { $0.detachedRequests += 1 }
        detachedDeadlines.arm(request.key.index, 0, at: now)
    }

    /// The client of a request is back, or the request ends: stops its deadline.
    @inline(__always)
    mutating func attached(_ request: OpenRequest) {
        guard request.isDetached else { return }
        request.isDetached = false
        request.shares.forEach { $0.detachedRequests -= 1 }
        detachedDeadlines.disarm(request.key.index)
    }

    func hasDeadline(_ request: OpenRequest) -> Bool {
        detachedDeadlines.isArmed(request.key.index)
    }

    @inline(__always)
    var nextDeadline: Instant? { detachedDeadlines.next }

    /// The next request whose client has not reconnected in time.
    mutating func popDue(at now: Instant) -> OpenRequest? {
        while let due = detachedDeadlines.popDue(at: now) {
            if let request = table[index: due.index] { return request }
        }
        return nil
    }

    /// Of the requests whose clients have gone, the one whose client went first; of a share, if one
    /// is given.
    func firstDetached(of share: Share?) -> OpenRequest? {
        guard share?.detachedRequests ?? 1 > 0 else { return nil }
        var found: OpenRequest?
        detachedDeadlines.forEach(in: 0) { index, _ in
            guard let request = table[index: index],
                share.map({ request.shares.include($0) }) ?? true
            else { return true }
            found = request
            return false
        }
        return found
    }

    // MARK: Calls: requests to clients

    /// Enters a call; false if its session has as many as it may have.
    mutating func open(_ key: CallKey, _ call: OpenCall) -> Bool {
        let isOpen =
            call.session.map { $0.ledger.entries.open(key, atMost: sessionRequestsMax) }
            ?? (call.request.map { $0.calls.count < sessionRequestsMax } ?? false)
        guard isOpen else { return false }
        callTable[key] = call
        call.request?.calls.append(key)
        count(OpenCall.heldBytes, of: call)
        return true
    }

    /// Removes a call; nil if there is none.
    mutating func close(_ key: CallKey, _ shares: inout ShareTable) -> OpenCall? {
        guard let call = callTable.removeValue(forKey: key) else { return nil }
        call.session?.ledger.entries.close(key)
        call.request?.calls.removeAll { $0 == key }
        count(-OpenCall.heldBytes, of: call)
        if let session = call.session, session.state.hasEnded { shares.forget(session.shares) }
        return call
    }

    /// Removes the call that a client's response with `id` answers (S-243).
    mutating func answer(
        _ id: RequestID, of session: ServerSession, _ shares: inout ShareTable
    ) -> (key: CallKey, call: OpenCall)? {
        guard let key = session.ledger.entries.answered(id), let call = close(key, &shares) else {
            return nil
        }
        return (key, call)
    }

    // MARK: Memory

    /// A request's memory has changed.
    @inline(__always)
    mutating func count(_ change: Int, in request: OpenRequest) {
        guard let session = request.session else {
            return count(change, in: request.shares)
        }
        count(change, in: session)
    }

    /// The memory of something else that counts as requests do has changed.
    @_optimize(speed)
    mutating func count(_ change: Int, in shares: Shares) {
        heldBytes += change
        shares.forEach { $0.requestBytes += change }
    }

    private mutating func count(_ change: Int, of call: OpenCall) {
        if let session = call.session { return count(change, in: session) }
        if let request = call.request { count(change, in: request) }
    }

    @inline(__always)
    private mutating func count(_ change: Int, in session: ServerSession) {
        heldBytes += change
        session.shares.address?.requestBytes += change
        session.shares.principal?.requestBytes += change
    }
}

#if !hasFeature(Embedded)
    extension Requests {
        mutating func sabotageTotal() { heldBytes += 1 }
        mutating func sabotageDeadline(of request: OpenRequest) {
            detachedDeadlines.disarm(request.key.index)
        }
    }

    extension OpenRequest {
        func sabotageCalls(_ change: (inout [CallKey]) -> Void) { change(&calls) }
    }

    extension SessionLedger {
        mutating func sabotage(_ change: (inout RequestLedger) -> Void) { change(&entries) }
    }
#endif
