import MCP
import Replay
import Session
import Wire

/// The kinds of clients that can reach a server.
package enum Reach: Int, Sendable {
    case network
    /// Only clients on this machine.
    case loopback
    /// Only clients on this machine, and no browser.
    case unixSocket
}

/// A server's configuration, validated and complete. Times are in milliseconds; nil means for ever.
package struct ServerOptions {
    package var path = ByteBuffer(copying: OptionDefaults.path.rawBytes)
    /// The path of the transport of the first revision; nil if it is not served.
    package var oldPath: ByteBuffer?
    package var isStateless = false
    /// What stands before the ids of sessions, so that a balancer can find this server.
    package var sessionIDPrefix: ByteBuffer?
    /// The revisions that are served.
    package var revisions = RevisionSet.all
    package var responseMode = ResponseMode.stream
    package var progressRoute = ProgressRoute.primary
    /// The engine's answers to `initialize` and `server/discover`; nil if the host answers them.
    package var greeting: Greeting?
    package var allowedOrigins: AccessList?
    package var allowedHosts: AccessList?
    /// The origins whose pages may read responses; nil for none.
    package var crossOrigins: AccessList?
    /// Whether the host answers requests for other paths.
    package var hasOtherPaths = false
    package var authorization = AuthorizationPolicy.none
    /// The metadata that tells clients how to be authorized; nil for none.
    package var resourceMetadata: ResourceMetadata?
    package var logLevel: LogLevel? = .warning
    /// Whether each HTTP exchange ends in an event of the kind `access`.
    package var reportsExchanges = false

    package var limits = Limits()
    package var connectionsMax = OptionDefaults.connectionsMax
    /// The process's limit of descriptors, which limits connections as well.
    package var descriptorsMax = Int.max
    package var sessionsMax = OptionDefaults.sessionsMax
    package var sessionRequestsMax = OptionDefaults.sessionRequestsMax
    /// Streams that listen to changes, and the resources that one of them, or one session, may have
    /// subscribed to.
    package var listensMax = OptionDefaults.listensMax
    package var subscriptionsMax = OptionDefaults.subscriptionsMax
    /// Whether the engine keeps the subscriptions of sessions.
    package var keepsSubscriptions = false
    /// Requests that ask their clients for something, and how long these may take to come back.
    package var parkedMax = OptionDefaults.parkedMax
    package var parked: Int64? = OptionDefaults.parked
    package var mailboxMessagesMax = OptionDefaults.mailboxMessagesMax
    package var mailboxBytesMax = OptionDefaults.mailboxBytesMax
    /// Whether streams can be resumed. Without sessions they never can (M-024).
    package var hasReplay = true
    /// Whether the host stores the events; the bounds for replay are then its own.
    package var hasHostStore = false
    /// Whether that store keeps what streams are for, so that another process can end them.
    package var keepsStreamRecords = true
    /// Whether the host stores sessions, so that they outlive the process.
    package var hasSessionStore = false
    /// The name of this server among those that share the store; nil if it has it for itself.
    package var node: NodeID?
    /// Whether nothing is sent before the host's stores have written what they were told.
    package var waitsForStore = false
    /// Events, and their bytes, that are stored for a session so that its streams can be resumed.
    package var replayEventsMax = OptionDefaults.replayEventsMax
    package var replayBytesMax = OptionDefaults.replayBytesMax
    /// Bytes of events stored for all sessions.
    package var replayTotalBytesMax = OptionDefaults.replayTotalBytesMax
    /// The maximum of unread output in bytes: of one connection, of all connections that carry a
    /// session's streams, and of all connections. Beyond it, progress is coalesced and the oldest
    /// log lines are dropped; if that is not enough, the connection with the most is closed.
    package var unsentBytesMax = OptionDefaults.unsentBytesMax
    package var sessionUnsentBytesMax = OptionDefaults.sessionUnsentBytesMax
    package var totalUnsentBytesMax = OptionDefaults.totalUnsentBytesMax
    /// Bytes of pipelined requests that wait for the previous one; also the unread output beyond
    /// which no further one is read.
    package var pipelinedBytesMax = 64 << 10
    /// Memory of requests that have arrived in part, or wait for previous ones.
    package var arrivingBytesMax = OptionDefaults.arrivingBytesMax
    /// Memory of open requests, and of calls to their clients.
    package var requestBytesMax = OptionDefaults.requestBytesMax
    /// Memory of sessions, their mailboxes included.
    package var sessionBytesMax = OptionDefaults.sessionBytesMax
    /// Bytes of `clientInfo` and `capabilities` in a client's `initialize`.
    package var clientInfoBytesMax = OptionDefaults.clientInfoBytesMax
    /// The percentage of each limit that one address, and one principal, may use.
    package var addressSharePercent = OptionDefaults.addressSharePercent
    package var principalSharePercent = OptionDefaults.principalSharePercent

    package var sessionIdle: Int64? = OptionDefaults.sessionIdle
    package var initialize: Int64? = OptionDefaults.initialize
    package var keepAlive: Int64? = OptionDefaults.keepAlive
    /// How long the head of a request may take to arrive, and then its body. The latter also limits
    /// how long a client may take to read its last response.
    package var headArrival: Int64? = OptionDefaults.headArrival
    package var bodyArrival: Int64? = OptionDefaults.bodyArrival
    /// How long an event is stored.
    package var replayAge: Int64? = OptionDefaults.replayAge
    /// How long a request may wait for its answer before its stream begins without one: clients and
    /// proxies wait for a head, and then for an id to resume from. Nil: until the keep-alive.
    package var responseHead: Int64? = OptionDefaults.responseHead
    /// How long a result waits after progress of its request was sent on the primary stream.
    package var fenceBreadth = OptionDefaults.fenceBreadth
    /// Whether a client may close its sending direction and still get its answers.
    package var allowsHalfClose = false
    package var connectionIdle: Int64? = OptionDefaults.connectionIdle
    /// How long a request may continue after its client has disconnected.
    package var detached: Int64? = OptionDefaults.detached
    /// How long the host's store may take to load events that a client has missed.
    package var load: Int64 = 10_000
    /// How long the host may take to allow or refuse a request.
    package var authorizationWait: Int64? = OptionDefaults.authorizationWait
    /// How long a client may take to close its connection after the last response and, while the
    /// server closes, to read that response.
    package var linger: Int64 = 2_000

    package init() {}

    /// The part of a limit that one address, and one principal, may use.
    func addressShare(of all: Int) -> Int { ServerOptions.share(addressSharePercent, of: all) }
    func principalShare(of all: Int) -> Int { ServerOptions.share(principalSharePercent, of: all) }

    private static func share(_ percent: Int, of all: Int) -> Int {
        percent >= 100 ? .max : max(1, all / 100 * percent + all % 100 * percent / 100)
    }

    /// How often a session store hears of a session that is in use, and how long it has to keep
    /// one of which it hears no more.
    var sessionReportInterval: Int64? { sessionIdle.map { max(1_000, $0 / 4) } }
    package var sessionKept: Int64? {
        sessionIdle.flatMap { idle in sessionReportInterval.map { idle + $0 } }
    }

    func makeStore(_ orders: StoreOrders) -> EventStore? {
        guard hasReplay, !isStateless else { return nil }
        guard !hasHostStore else { return HostEventStore(orders, keepsRecords: keepsStreamRecords) }
        var bounds = MemoryEventStore.Bounds()
        bounds.events = replayEventsMax
        bounds.bytes = replayBytesMax
        bounds.totalBytes = replayTotalBytesMax
        bounds.age = replayAge
        bounds.addressBytes = addressShare(of: replayTotalBytesMax)
        bounds.principalBytes = principalShare(of: replayTotalBytesMax)
        return MemoryEventStore(bounds)
    }

    /// The route of messages for clients of the session revisions.
    package var router: Router {
        Router(mode: responseMode, progressRoute: progressRoute, isStateless: isStateless)
    }
}
