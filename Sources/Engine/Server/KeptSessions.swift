import Link
import MCP
import Replay
import Session
import Wire

/// What the host's session store is told, so that sessions outlive the process.
struct KeptSessions {
    /// Nil if sessions end with the process.
    private let store: SessionStore?
    /// How often the store hears which sessions are in use, in milliseconds; nil for never.
    private let interval: Int64?
    /// When it hears next, and when it last did.
    private(set) var nextReport: Instant?
    private var lastReport = Instant(milliseconds: 0)

    init(_ options: ServerOptions, _ orders: StoreOrders) {
        store = options.hasSessionStore && !options.isStateless ? SessionStore(orders) : nil
        interval = store == nil ? nil : options.sessionReportInterval
    }

    /// Whether sessions outlive the process.
    @inline(__always)
    var hasStore: Bool { store != nil }

    /// Stores a live session, or what has changed of it.
    mutating func keep(_ session: ServerSession, at now: Instant) {
        guard let store, !session.isOld, session.state.isLive,
            let revision = session.state.revision
        else { return }
        var primaries = session.past.primaries
        // An event store may not know a stream that nobody has used. Of a new session there is no
        // other.
        if session.past.hasBegunPrimary || primaries.isEmpty {
            primaries.append(session.primary.token)
            session.past.hasKeptPrimary = true
        }
        store.keep(
            session.id,
            as: SessionRecord(
                principal: session.principal, revision: revision,
                isReady: session.state.isReady, clientInfo: session.clientInfo,
                clientCapabilities: session.clientCapabilities, logLevel: session.logLevel,
                primaries: primaries.suffix(SessionRecord.primariesMax),
                subscriptions: session.subscriptions.uris))
        beginReports(at: now)
    }

    /// A session's primary stream is used: the store must know which it is.
    mutating func beginPrimary(of session: ServerSession, at now: Instant) {
        session.past.hasBegunPrimary = true
        if !session.past.hasKeptPrimary { keep(session, at: now) }
    }

    /// A session was found, and goes on.
    mutating func resume(_ session: ServerSession, at now: Instant) {
        store?.touch(session.id)
        beginReports(at: now)
    }

    /// Looks up a session.
    func find(_ id: SessionID) -> LoadKey? { store?.find(id) }

    /// A session has ended, for every process.
    func forget(_ session: ServerSession) {
        guard session.past.hasKeptPrimary || session.isResumed else { return }
        store?.forget(session.id)
    }

    // MARK: Reports

    /// Sessions are there to be reported.
    private mutating func beginReports(at now: Instant) {
        guard let interval, nextReport == nil else { return }
        lastReport = now
        nextReport = now.advanced(byMilliseconds: interval)
    }

    /// Tells the store which sessions are in use, or have been since the last time.
    mutating func report(_ sessions: borrowing Sessions, at now: Instant) {
        guard let store, let interval, let due = nextReport, due <= now else { return }
        for session in sessions.all where !session.isOld && session.state.isLive {
            if let since = sessions.quietSince(session), since < lastReport { continue }
            store.touch(session.id)
        }
        lastReport = now
        nextReport = sessions.count > 0 ? now.advanced(byMilliseconds: interval) : nil
    }
}

/// What a session has of earlier processes. `KeptSessions` and `ServerEngine.restore` write it.
struct SessionPast {
    /// Its primary streams there, the last one at the end.
    var primaries: [StreamToken] = []
    /// Whether the session store knows of its primary stream, and whether that was used.
    var hasKeptPrimary = false
    var hasBegunPrimary = false
}
