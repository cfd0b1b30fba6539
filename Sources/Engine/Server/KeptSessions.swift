import Link
import MCP
import Replay
import Session
import Wire

/// What the host's session store is told, so that sessions outlive the process.
struct KeptSessions {
    /// Nil if sessions end with the process.
    private let store: SessionStore?
    /// How often the store hears of each session that is in use, in milliseconds; nil for never.
    private let interval: Int64?
    /// Whether everything is stored at once, because answers wait for it.
    private let isPrompt: Bool
    /// The name of this server among several.
    private let node: NodeID?
    /// When some of the sessions are next reported, and which was the last one.
    private var nextReport: Instant?
    private var reportIndex = 0
    /// Sessions that have changed, some of which may have ended since, and when they are stored: a
    /// client that changes something all the time causes no more than a write each second.
    private var changed: [SessionKey] = []
    private var nextFlush: Instant?

    private static var pause: Int64 { 1_000 }
    /// How many sessions are reported in a turn, unless there are very many.
    private static var reportCount: Int { 128 }

    init(_ options: ServerOptions, _ orders: StoreOrders) {
        store = options.hasSessionStore && !options.isStateless ? SessionStore(orders) : nil
        interval = store == nil ? nil : options.sessionReportInterval
        isPrompt = options.waitsForStore
        node = options.node
    }

    /// Whether sessions outlive the process.
    @inline(__always)
    var hasStore: Bool { store != nil }

    // MARK: What is stored

    /// Stores a live session.
    mutating func keep(_ session: ServerSession, at now: Instant) {
        guard let store, !session.isOld, session.state.isLive, !session.past.isReleased,
            let revision = session.state.revision
        else { return }
        session.past.hasChanged = false
        session.past.lastKeep = now
        var primaries = session.past.primaries
        // An event store may not know a stream that nobody has used. Of a new session there is no
        // other.
        if session.past.hasBegunPrimary || primaries.isEmpty {
            primaries.append(session.primary.token)
        }
        store.keep(
            session.id,
            as: SessionRecord(
                principal: session.principal, revision: revision,
                isReady: session.state.isReady, clientInfo: session.clientInfo,
                clientCapabilities: session.clientCapabilities, logLevel: session.logLevel,
                primaries: primaries.suffix(SessionRecord.primariesMax),
                subscriptions: session.subscriptions.uris,
                drainer: session.past.isDraining ? node : nil))
        beginReports(at: now)
    }

    /// Stores what has changed of a session: now, or within a second if it has just been stored.
    mutating func noteChange(of session: ServerSession, at now: Instant) {
        guard hasStore, !session.past.hasChanged else { return }
        let isQuiet = session.past.lastKeep.advanced(byMilliseconds: KeptSessions.pause) <= now
        if isPrompt || isQuiet { return keep(session, at: now) }
        session.past.hasChanged = true
        changed.append(session.key)
        if nextFlush == nil { nextFlush = now.advanced(byMilliseconds: KeptSessions.pause) }
    }

    /// A session's primary stream is used: the store must know which it is. Of a new session it
    /// does.
    mutating func beginPrimary(of session: ServerSession, at now: Instant) {
        session.past.hasBegunPrimary = true
        if session.isResumed { keep(session, at: now) }
    }

    /// A session was found, and goes on.
    mutating func resume(_ session: ServerSession, from record: SessionRecord, at now: Instant) {
        session.past.primaries = record.primaries
        session.past.drainer = record.drainer
        store?.touch(session.id)
        beginReports(at: now)
    }

    /// Stores what has changed of a session.
    mutating func flush(_ session: ServerSession, at now: Instant) {
        if session.past.hasChanged { keep(session, at: now) }
    }

    /// A session has ended, for every process.
    func forget(_ session: ServerSession) {
        if !session.isOld { store?.forget(session.id) }
    }

    /// This node is done with a session: any other may go on with it.
    func release(_ session: ServerSession) {
        guard node != nil, !session.isOld, !session.past.isReleased else { return }
        session.past.isReleased = true
        store?.release(session.id)
    }

    /// This node has found a session, and does not use it.
    func release(_ id: SessionID) {
        if node != nil { store?.release(id) }
    }

    /// Sends a message to a node, or to all others.
    func send(_ message: ByteBuffer, to node: NodeID?) {
        store?.send(message, to: node)
    }

    /// Looks up a session.
    func find(_ id: SessionID) -> LoadKey? { store?.find(id) }

    // MARK: What is due

    var nextDeadline: Instant? {
        guard let nextFlush else { return nextReport }
        return nextReport.map { min($0, nextFlush) } ?? nextFlush
    }

    /// Sessions are there to be reported.
    private mutating func beginReports(at now: Instant) {
        guard nextReport == nil else { return }
        nextReport = interval.map { now.advanced(byMilliseconds: $0) }
    }

    mutating func deadlineReached(_ sessions: borrowing Sessions, at now: Instant) {
        if let due = nextFlush, due <= now { flush(sessions, at: now) }
        if let due = nextReport, due <= now { report(sessions, at: now) }
    }

    /// Stores all that has changed.
    mutating func flush(_ sessions: borrowing Sessions, at now: Instant) {
        nextFlush = nil
        for key in changed {
            if let session = sessions[key] { flush(session, at: now) }
        }
        changed = []
    }

    /// Tells the store which of the next sessions are in use, or have been since the last time.
    /// Within an interval each has its turn.
    private mutating func report(_ sessions: borrowing Sessions, at now: Instant) {
        guard let store, let interval else { return }
        let slots = sessions.slotCount
        let parts = max(1, min(slots / KeptSessions.reportCount, 64))
        let pause = max(1, interval / Int64(parts))
        let last = now.advanced(byMilliseconds: -interval - pause)
        for _ in 0..<min(slots, slots / parts + 1) {
            reportIndex = reportIndex + 1 < slots ? reportIndex + 1 : 0
            guard let session = sessions[index: reportIndex], !session.isOld,
                session.state.isLive, !session.past.isReleased,
                sessions.quietSince(session).map({ $0 >= last }) ?? true
            else { continue }
            store.touch(session.id)
        }
        nextReport = sessions.count > 0 ? now.advanced(byMilliseconds: pause) : nil
    }
}

/// What a session has of earlier processes, and what the store knows of it.
struct SessionPast {
    /// Its primary streams there, the last one at the end.
    var primaries: [StreamToken] = []
    /// Whether its primary stream in this process was used.
    var hasBegunPrimary = false
    /// The node that still answers requests of it.
    var drainer: NodeID?
    /// Whether this node is that for the next one.
    var isDraining = false
    /// Whether another node may go on with it: this one stores nothing of it any more.
    var isReleased = false
    /// Whether something has changed that the store does not know, and when it was last told.
    var hasChanged = false
    var lastKeep = Instant(milliseconds: 0)
}
