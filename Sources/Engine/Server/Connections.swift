import Link
import Session
import Wire

/// One connection: what it carries now, what it reads, and what it has to write.
///
/// Between requests it owns neither a parser nor a buffer.
package final class ServerConnection {
    package let id: ConnectionID
    /// The driver's object for the connection. The engine only keeps it.
    package let driver: UnsafeMutableRawPointer

    // Hot fields first, to share cache lines.
    /// The request and the response that it carries now.
    var exchange = Exchange()
    fileprivate(set) var isQueuedForWriting = false
    /// Its place among the `ReadableConnections`, which write it; -1 for none.
    var readableIndex = -1
    var outbox = Outbox()
    /// Answers that wait until events given before have been handed over.
    var fence = FenceQueue()
    var reader = MessageReader()
    /// Whether another request may follow the current one.
    private(set) var keepsAlive = true
    /// The other server that its request is for.
    package internal(set) var diversion: Diversion?
    /// What the client resumes, while the store looks for it.
    private(set) var resumption: Resumption?
    /// What the client's address has of the server; nil if it has no address.
    let share: Share?
    private let peerName: PeerName
    private var peerText: ByteBuffer?
    /// The records of its exchanges; nil if nobody wants them.
    let access: AccessBook?
    /// Where its client is, if that is at another node: then it has no socket.
    private(set) var origin: RelayOrigin?
    /// The number of the order that has to be written before it may write.
    var needed: UInt64 = 0
    /// Up to where it may write, if it has to wait for the store. `KeptOutput` writes it.
    var mark: OutputMark?

    fileprivate init(
        id: ConnectionID, driver: UnsafeMutableRawPointer, share: Share?, peerName: PeerName,
        access: AccessBook?
    ) {
        self.access = access
        self.id = id
        self.driver = driver
        self.share = share
        self.peerName = peerName
    }

    /// About the memory of a connection: this object, the driver's, its handle, the peer's address,
    /// a small buffer for output, and its slots in tables.
    package static var heldBytes: Int { 1_600 }

    /// Where the client is, as text; nil if that is not known. Made at the first use, and kept.
    var peer: ByteBuffer? { peerText ?? makePeer() }

    func setOrigin(_ origin: RelayOrigin) {
        self.origin = origin
        peerText = origin.terms.peer
    }

    @inline(never)
    private func makePeer() -> ByteBuffer? {
        peerText = peerName.text
        return peerText
    }

    var peerBytes: Int { peerText?.heapBytes ?? 0 }

    /// The head of the current request.
    @inline(__always)
    var head: RequestHead? { reader.head }

    /// Whether the engine has forgotten the connection.
    package var hasEnded: Bool { isClosed }

    var isClosed: Bool { exchange.isClosed }

    /// The memory that waits for the client to read.
    @inline(__always)
    package var unsentBytes: Int {
        isClosed ? 0 : outbox.unsentBytes + fence.heldBytes + (access?.heldBytes ?? 0)
    }

    /// Begins an exchange with a request's head. `principal` is known already if an equal head was
    /// authorized on this connection.
    @inline(__always)
    func begin(
        _ head: RequestHead, crossOriginFields: ByteBuffer?, as principal: Principal?,
        at now: Instant
    ) {
        reader.beginBody()
        keepsAlive = head.keepsAlive && !head.isHTTP10
        access?.note(head)
        exchange.begin(head, crossOriginFields: crossOriginFields, as: principal, at: now)
    }

    /// Called by `Parked`, which keeps the table of these.
    func setResumption(_ resumption: Resumption?) {
        self.resumption = resumption
    }

    /// No request follows the current one.
    func endAfterExchange() {
        keepsAlive = false
    }
}

/// The connections there are, with their timers, the totals over all of them, and the orders in
/// which they write and are relieved of unread output.
struct Connections: ~Copyable {
    private var table = SlotTable<ConnectionID, ServerConnection>()
    private var deadlines: DeadlineBoard
    private var streams = StreamCount()
    /// The memory that waits for clients to read; a message that waits for many counts once.
    private(set) var unsentBytes = 0
    /// The memory of requests that have arrived in part, or wait for earlier ones.
    private(set) var arrivingBytes = 0
    private var writable: [ServerConnection] = []
    private var nextWritableIndex = 0
    /// Whether the composed output is so large that it is written before the iteration ends.
    private(set) var hasMuchToWrite = false
    var readable = ReadableConnections()
    private var relief = ReliefOrder()
    private let keepsRecords: Bool
    private let bytesEach: Int
    /// The number of exchanges under way that have a record.
    private(set) var recordCount = 0

    init(_ options: ServerOptions) {
        keepsRecords = options.reportsExchanges
        bytesEach = ServerConnection.heldBytes + (keepsRecords ? AccessBook.ownBytes : 0)
        deadlines = DeadlineBoard(timeouts: [
            options.connectionIdle, options.headArrival, options.bodyArrival, options.bodyArrival,
            options.responseHead, options.keepAlive, options.load, options.linger,
            options.authorizationWait,
        ])
    }

    // MARK: The table

    var count: Int { table.count }
    var slotCount: Int { table.slotCount }
    /// The memory of the connections themselves.
    var heldBytes: Int { count * bytesEach + recordCount * AccessRecord.openBytes }
    var heapBytes: Int { table.heapBytes + deadlines.heapBytes }
    /// The connections that carry an event stream.
    var streamCount: Int { streams.value }
    /// All connections there are now, so that the caller may close some meanwhile.
    var all: [ServerConnection] { table.elements }

    subscript(id: ConnectionID) -> ServerConnection? { table[id] }
    subscript(index index: Int) -> ServerConnection? { table[index: index] }

    mutating func open(
        driver: UnsafeMutableRawPointer, share: Share?, named name: PeerName, at now: Instant,
        isRecorded: Bool = true
    ) -> ServerConnection? {
        let connection = table.insert { id in
            ServerConnection(
                id: id, driver: driver, share: share, peerName: name,
                access: keepsRecords && isRecorded ? AccessBook() : nil)
        }
        guard let connection else { return nil }
        share?.connections += 1
        wait(.nextRequest, connection, at: now)
        return connection
    }

    /// Removes a connection with all that it holds. Returns what its exchange was.
    mutating func close(_ connection: ServerConnection, _ core: inout Core) -> Exchange.State {
        let state = connection.exchange.state
        unsentBytes += connection.outbox.close() - connection.fence.heldBytes
        connection.exchange.enter(.closed, &streams)
        connection.reader.close(of: connection.id, &core.spare)
        arrivingBytes += connection.reader.count()
        deadlines.disarm(connection.id.index)
        readable.remove(connection)
        table.remove(connection.id)
        connection.share?.connections -= 1
        return state
    }

    // MARK: States

    /// Changes the state of a connection's exchange.
    mutating func move(_ connection: ServerConnection, to state: Exchange.State) {
        connection.exchange.enter(state, &streams)
    }

    /// Ends a connection's exchange, whose response is queued completely.
    @inline(__always)
    mutating func endExchange(
        of connection: ServerConnection, _ state: Exchange.State, _ core: inout Core
    ) {
        connection.reader.endMessage(of: connection.id, &core.spare)
        connection.exchange.end(state, &streams)
    }

    /// Begins the stream of the request that a connection carries.
    mutating func beginStream(of request: OpenRequest, on connection: ServerConnection) {
        request.beginStreaming()
        connection.exchange.beginStreaming(&streams)
    }

    // MARK: Timers

    @inline(__always)
    mutating func wait(_ wait: Wait, _ connection: ServerConnection, at now: Instant) {
        deadlines.arm(connection.id.index, wait.rawValue, at: now)
    }

    @inline(__always)
    mutating func stopWaiting(_ connection: ServerConnection) {
        deadlines.disarm(connection.id.index)
    }

    func currentWait(of connection: ServerConnection) -> Wait? {
        deadlines.list(of: connection.id.index).flatMap { Wait(rawValue: $0) }
    }

    @inline(__always)
    var nextDeadline: Instant? { deadlines.next }

    /// Takes a timer that has expired off the board.
    mutating func popDue(at now: Instant) -> (wait: Wait, connection: ServerConnection)? {
        while let due = deadlines.popDue(at: now) {
            guard let connection = table[index: due.index], let wait = Wait(rawValue: due.list)
            else { continue }
            return (wait, connection)
        }
        return nil
    }

    // MARK: Writing

    /// Lets `compose` append to what `connection` has to write. Not inlined: each of many callers
    /// would carry a copy.
    @inline(never)
    mutating func write(
        to connection: ServerConnection, _ core: inout Core, _ compose: (ByteBuffer) -> Void
    ) {
        guard !connection.isClosed else { return }
        let wasDrained = connection.outbox.isDrained
        unsentBytes += connection.outbox.append(&core.spare, compose)
        composed(on: connection, wasDrained: wasDrained, at: core.now)
    }

    /// Writes a long text without a copy. Nobody may change it any more.
    mutating func write(long text: ByteBuffer, to connection: ServerConnection) {
        guard !connection.isClosed else { return }
        unsentBytes += connection.outbox.append(long: text)
        hasMuchToWrite = true  // Its buffer can be the next one's when it has been written.
    }

    /// Writes one message as an event of the stream that `connection` carries, or keeps it in the
    /// backlog if the socket takes no more. With an `id`, a client can resume after it.
    @_optimize(speed)
    mutating func writeEvent(
        _ kind: Backlog.Kind, _ text: ByteBuffer, _ id: EventID?, to connection: ServerConnection,
        _ core: inout Core
    ) {
        let wasDrained = connection.outbox.isDrained
        let framing = connection.exchange.framing
        switch connection.outbox.give(kind, text, id, framing, &core.spare) {
        case .waits(let change): unsentBytes += change
        case .composed(let change):
            unsentBytes += change
            if text.count >= Outbox.longBytes { hasMuchToWrite = true }
            composed(on: connection, wasDrained: wasDrained, at: core.now)
        }
    }

    /// Writes a short message, which `compose` writes and `keep` is passed, as an event of the
    /// stream that `connection` carries. Its outbox is open.
    @inline(__always)
    mutating func writeEvent(
        _ id: EventID?, to connection: ServerConnection, _ core: inout Core,
        _ compose: (ByteBuffer) -> Void, keep: (UnsafeRawBufferPointer) -> Void
    ) {
        let wasDrained = connection.outbox.isDrained
        let framing = connection.exchange.framing
        unsentBytes += connection.outbox.compose(id, framing, &core.spare, compose, keep: keep)
        composed(on: connection, wasDrained: wasDrained, at: core.now)
    }

    /// Composes what waits in the backlog, as far as there is space in the output.
    @_optimize(speed)
    mutating func composeBacklog(
        of connection: ServerConnection, _ core: inout Core,
        atMost limit: Int = Outbox.composedBytesMax
    ) {
        guard !connection.isClosed else { return }
        let wasDrained = connection.outbox.isDrained
        let framing = connection.exchange.framing
        guard let change = connection.outbox.composeBacklog(framing, &core.spare, atMost: limit)
        else { return }
        unsentBytes += change
        composed(on: connection, wasDrained: wasDrained, at: core.now)
    }

    /// Queues a connection with new output for writing.
    @inline(__always)
    private mutating func composed(
        on connection: ServerConnection, wasDrained: Bool, at now: Instant
    ) {
        if connection.outbox.isFull { hasMuchToWrite = true }
        // Unread output keeps its deadline: a client that does not read is found out, however much
        // is written.
        if wasDrained, connection.exchange.isStreaming { wait(.keepAlive, connection, at: now) }
        noteWritable(connection)
    }

    /// A connection has bytes to write.
    @inline(__always)
    mutating func noteWritable(_ connection: ServerConnection) {
        guard !connection.isQueuedForWriting else { return }
        connection.isQueuedForWriting = true
        writable.append(connection)
    }

    /// A connection that has bytes to write; nil if there is none left in this iteration.
    mutating func nextWritable() -> ServerConnection? {
        guard nextWritableIndex < writable.count else {
            if nextWritableIndex == 1 {
                writable.removeLast()  // Mostly there is one, and this is quicker.
            } else if nextWritableIndex > 0 {
                writable.removeAll(keepingCapacity: writable.count <= 64)
            }
            nextWritableIndex = 0
            hasMuchToWrite = false
            return nil
        }
        let connection = writable[nextWritableIndex]
        nextWritableIndex += 1
        connection.isQueuedForWriting = false
        return connection
    }

    var hasWritable: Bool { nextWritableIndex < writable.count }

    /// The connections that `nextWritable` has yet to return.
    var writableNow: ArraySlice<ServerConnection> { writable[nextWritableIndex...] }

    /// `count` bytes of what the driver took are with the socket.
    @inline(__always)
    mutating func sent(_ count: Int, on connection: ServerConnection) {
        unsentBytes += connection.outbox.sent(count)
    }

    /// Updates the total of what waits for clients to read.
    mutating func noteUnsent(_ change: Outbox.Change) {
        unsentBytes += change
    }

    mutating func countRecord(_ change: Int) {
        recordCount += change
    }

    // MARK: Reading

    /// Counts what a connection holds of requests that are not complete, or wait.
    mutating func countArriving(on connection: ServerConnection) {
        arrivingBytes += connection.reader.count()
    }

    // MARK: Relief

    /// The next connection to relieve when all clients together leave too much unread; nil if none
    /// is left. A new order, which sorts all connections, is made only if `mayLook`.
    mutating func nextToRelieve(at now: Instant, mayLook: inout Bool) -> ServerConnection? {
        while true {
            if !relief.isCurrent(at: now) {
                guard mayLook else { return nil }
                mayLook = false
                relief = ReliefOrder(heaviestFirst(all) { $0.unsentBytes }, at: now)
            }
            guard let id = relief.popFirst() else { return nil }
            if let connection = table[id] { return connection }
        }
    }
}

#if !hasFeature(Embedded)
    extension Connections {
        mutating func sabotageStreamCount() { streams.add() }
        mutating func sabotageArrivingTotal() { arrivingBytes += 1 }
        func sabotageQueueing(of connection: ServerConnection) {
            connection.isQueuedForWriting.toggle()
        }
    }
#endif
