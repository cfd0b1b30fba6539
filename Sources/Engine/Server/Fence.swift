import Link
import Wire

/// Answers that wait until progress before them is with another connection's socket, and for a
/// little longer: a client that reads its two streams in two tasks would otherwise see the answer
/// first (PROTOCOL, point 1).
///
/// This type alone writes a request's barriers and its held answer, the list of held answers of a
/// session, and the queue of a connection. An answer waits at one connection at a time.
struct Fences: ~Copyable {
    /// When a connection's queue releases its next answer: one list, by the connection's index.
    private var releases = DeadlineBoard(timeouts: [0])
    /// Requests whose answers no fence holds any more, for the caller to send.
    private var released: [OpenRequest] = []
    private var nextIndex = 0
    /// How long an answer waits after the last event before it, in milliseconds.
    private let breadth: Int64

    init(breadth: Int64) {
        self.breadth = breadth
    }

    // MARK: Barriers

    /// Progress of a request was given to the primary stream that `connection` carries.
    func addBarrier(to request: OpenRequest, on connection: ServerConnection) {
        request.fence.add(
            RequestFence.Barrier(connection: connection, events: connection.outbox.givenEvents))
    }

    /// The next barrier that an answer has to wait at; nil if it may leave.
    @inline(__always)
    func nextBarrier(of request: OpenRequest, at now: Instant) -> RequestFence.Barrier? {
        request.fence.barriers.isEmpty ? nil : nextUnpassed(of: request, at: now)
    }

    private func nextUnpassed(of request: OpenRequest, at now: Instant) -> RequestFence.Barrier? {
        while let next = request.fence.barriers.last {
            let isPassed =
                next.connection.isClosed
                || next.connection.fence.isPassed(next.events, breadth: breadth, at: now)
            guard isPassed else { return next }
            request.fence.barriers.removeLast()
        }
        return nil
    }

    /// The answer leaves: nothing else has to wait.
    func removeBarriers(of request: OpenRequest) {
        if !request.fence.barriers.isEmpty { request.fence.barriers = [] }
    }

    // MARK: Holding

    /// Makes an answer wait at a barrier. Returns the memory that it takes, which counts as unread
    /// by that connection's client.
    mutating func hold(
        _ answer: ByteBuffer, of request: OpenRequest, at barrier: RequestFence.Barrier,
        _ now: Instant
    ) -> Int {
        answer.trim()
        request.fence.answer = answer
        request.releaseMessage()
        request.session?.held.add(request)
        let connection = barrier.connection
        let count = request.fence.heldBytes
        request.fence.holder = connection
        connection.fence.count(count)
        connection.fence.hold(request, behind: barrier.events, breadth: breadth)
        if let release = connection.fence.nextRelease {
            releases.arm(connection.id.index, 0, at: release)
        }
        return count
    }

    /// Takes a held answer out. `change` is by how much the memory that waits changes.
    func take(from request: OpenRequest) -> (answer: ByteBuffer, change: Int)? {
        guard let answer = request.fence.answer else { return nil }
        var change = 0
        if let connection = request.fence.holder, !connection.isClosed {
            change = -request.fence.heldBytes
            connection.fence.count(change)
        }
        request.fence.answer = nil
        request.fence.holder = nil
        request.session?.held.remove(request)
        return (answer, change)
    }

    // MARK: Releasing

    /// A connection's socket has taken all that was composed for it.
    @inline(__always)
    mutating func drained(_ connection: ServerConnection, at now: Instant) {
        let events = connection.outbox.composedEvents
        if events > connection.fence.passedEvents { passed(events, on: connection, at: now) }
    }

    @inline(never)
    private mutating func passed(
        _ events: UInt64, on connection: ServerConnection, at now: Instant
    ) {
        connection.fence.passed(events, breadth: breadth, at: now)
        if !connection.fence.isEmpty { release(connection, at: now) }
    }

    private mutating func release(_ connection: ServerConnection, at now: Instant) {
        while let request = connection.fence.release(by: now) { released.append(request) }
        if let next = connection.fence.nextRelease {
            releases.arm(connection.id.index, 0, at: next)
        } else {
            releases.disarm(connection.id.index)
        }
    }

    /// A connection has ended: nothing waits for it any more.
    mutating func releaseAll(of connection: ServerConnection) {
        guard !connection.fence.isEmpty else { return }
        released += connection.fence.releaseAll()
        releases.disarm(connection.id.index)
    }

    @inline(__always)
    var nextDeadline: Instant? { releases.next }

    /// Releases the answers of all connections whose time has come.
    mutating func releaseDue(_ connections: borrowing Connections, at now: Instant) {
        while let due = releases.popDue(at: now) {
            if let connection = connections[index: due.index] { release(connection, at: now) }
        }
    }

    func isArmed(_ connection: ServerConnection) -> Bool { releases.isArmed(connection.id.index) }

    var hasReleased: Bool { nextIndex < released.count }

    /// The next request whose answer is to be sent, or to wait at another barrier.
    mutating func nextReleased() -> OpenRequest? {
        guard nextIndex < released.count else {
            if nextIndex > 0 {
                released.removeAll(keepingCapacity: released.count <= 64)
                nextIndex = 0
            }
            return nil
        }
        nextIndex += 1
        return released[nextIndex - 1]
    }
}

/// What a request's answer has to wait for, and the answer while it waits.
struct RequestFence {
    /// A number of events that must be with a connection's socket first.
    struct Barrier {
        let connection: ServerConnection
        let events: UInt64
    }

    /// One for each connection that has carried progress of the request.
    fileprivate(set) var barriers: [Barrier] = []
    fileprivate(set) var answer: ByteBuffer?
    /// The connection that the answer waits at.
    fileprivate(set) var holder: ServerConnection?
    /// The index of the request among those of its session.
    fileprivate(set) var index: Int?

    /// The memory of a request whose answer waits: the answer is all it still has.
    var heldBytes: Int { answer.map { $0.heldBytes + OpenRequest.ownBytes } ?? 0 }

    @_optimize(speed)
    fileprivate mutating func add(_ barrier: Barrier) {
        if barriers.last?.connection === barrier.connection {
            barriers.removeLast()
        } else {
            barriers.removeAll { $0.connection.isClosed }
        }
        barriers.append(barrier)
    }
}

/// Requests of a session whose answers are held, in no order.
struct HeldAnswers {
    private(set) var requests: [OpenRequest] = []

    fileprivate mutating func add(_ request: OpenRequest) {
        request.fence.index = requests.count
        requests.append(request)
    }

    fileprivate mutating func remove(_ request: OpenRequest) {
        guard let index = request.fence.index else { return }
        request.fence.index = nil
        requests.swapAt(index, requests.count - 1)
        if index < requests.count - 1 { requests[index].fence.index = index }
        requests.removeLast()
    }
}

#if !hasFeature(Embedded)
    extension Fences {
        mutating func sabotageRelease(of request: OpenRequest) { released.append(request) }
        mutating func sabotageTimer(of connection: ServerConnection, at now: Instant) {
            if isArmed(connection) {
                releases.disarm(connection.id.index)
            } else {
                releases.arm(connection.id.index, 0, at: now)
            }
        }
    }

    extension RequestFence {
        mutating func sabotageAnswer() { answer = ByteBuffer() }
        mutating func sabotageHolder() { holder = nil }
        mutating func sabotageIndex() { index = index.map { $0 + 1 } }
    }

    extension HeldAnswers {
        mutating func sabotage() { requests.removeLast() }
    }
#endif
