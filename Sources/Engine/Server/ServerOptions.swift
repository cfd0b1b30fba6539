import MCP
import Replay
import Session
import Wire

/// From where clients can reach a server.
package enum Reach: Sendable {
    case network
    /// Only from this machine.
    case loopback
    /// Only from this machine, and from no browser.
    case unixSocket
}

/// A server's configuration, checked and without gaps. Times are milliseconds, nil is for ever.
package struct ServerOptions {
    package var path = ByteBuffer(copying: ("/mcp" as StaticString).rawBytes)
    package var isStateless = false
    package var responseMode = ResponseMode.stream
    package var progressRoute = ProgressRoute.primary
    /// What the engine answers `initialize` with; nil if the host answers it.
    package var greeting: Greeting?
    package var allowedOrigins: AccessList?
    package var allowedHosts: AccessList?
    /// Origins whose pages may read the answers; nil for none.
    package var crossOrigins: AccessList?
    package var authorization = AuthorizationPolicy.none
    /// What is served to clients that ask how to be authorized; nil for nothing.
    package var resourceMetadata: ResourceMetadata?
    package var logLevel: LogLevel? = .warning

    package var limits = Limits()
    package var connectionsMax = 16_384
    /// The descriptors that the process may have, which bound connections, too.
    package var descriptorsMax = Int.max
    package var sessionsMax = 10_000
    package var sessionRequestsMax = 256
    package var mailboxMessagesMax = 64
    package var mailboxBytesMax = 64 << 10
    /// Whether streams can be resumed. Without sessions they never can (M-024).
    package var hasReplay = true
    /// Whether the host keeps the events; the bounds for replay are then its own.
    package var hasHostStore = false
    /// Events kept for one session's clients to come back for, and their bytes.
    package var replayEventsMax = 1024
    package var replayBytesMax = 1 << 20
    /// Bytes of events kept for all sessions.
    package var replayTotalBytesMax = 256 << 20
    /// Bytes that wait for one connection's client to read, for all connections that carry a
    /// session's streams, and for all there are. More, and progress is coalesced and the oldest log
    /// lines are dropped; if that does not do, the connection with the most is closed.
    package var unsentBytesMax = 16 << 20
    package var sessionUnsentBytesMax = 32 << 20
    package var totalUnsentBytesMax = 256 << 20
    /// Bytes of pipelined requests that wait for the one before.
    package var pipelinedBytesMax = 64 << 10
    /// Memory of requests that have arrived in part, or wait behind others.
    package var arrivingBytesMax = 128 << 20
    /// Memory of open requests, and of calls to their clients.
    package var requestBytesMax = 64 << 20
    /// Memory of sessions, their mailboxes included.
    package var sessionBytesMax = 64 << 20
    /// Bytes of what a client says of itself when it opens a session.
    package var clientInfoBytesMax = 64 << 10
    /// How much of each table one address, and one principal, may have.
    package var addressSharePercent = 50
    package var principalSharePercent = 50

    package var sessionIdle: Int64? = 30 * 60_000
    package var initialize: Int64? = 30_000
    package var keepAlive: Int64? = 15_000
    /// How long the head of a request may take to arrive, and then its body.
    package var headArrival: Int64? = 30_000
    package var bodyArrival: Int64? = 30_000
    /// How long an event is kept.
    package var replayAge: Int64? = 5 * 60_000
    /// How long a request may wait for its answer before its stream begins without one: clients and
    /// proxies wait for a head, and then for an id to come back with. Nil: until the keep-alive.
    package var responseHead: Int64? = 250
    /// How long a result waits after progress of its request has gone to the primary stream.
    package var fenceBreadth: Int64 = 3
    /// Whether a client may finish sending and still get its answers.
    package var allowsHalfClose = false
    package var connectionIdle: Int64? = 120_000
    /// How long a request may go on whose client has gone.
    package var detached: Int64? = 5 * 60_000
    /// How long the host's store may take to find what a client has missed.
    package var load: Int64 = 10_000
    /// How long the host may take to allow or refuse a request.
    package var authorizationWait: Int64? = 10_000
    /// How long a connection may take to read its last response and hang up.
    package var linger: Int64 = 2_000

    package init() {}

    /// The most that one address may have of so much, and one principal.
    func addressShare(of all: Int) -> Int { ServerOptions.share(addressSharePercent, of: all) }
    func principalShare(of all: Int) -> Int { ServerOptions.share(principalSharePercent, of: all) }

    private static func share(_ percent: Int, of all: Int) -> Int {
        percent >= 100 ? .max : max(1, all / 100 * percent + all % 100 * percent / 100)
    }

    func makeStore(loadsAfter serial: UInt64) -> EventStore? {
        guard hasReplay, !isStateless else { return nil }
        guard !hasHostStore else { return HostEventStore(loadsAfter: serial) }
        var bounds = MemoryEventStore.Bounds()
        bounds.events = replayEventsMax
        bounds.bytes = replayBytesMax
        bounds.totalBytes = replayTotalBytesMax
        bounds.age = replayAge
        bounds.addressBytes = addressShare(of: replayTotalBytesMax)
        bounds.principalBytes = principalShare(of: replayTotalBytesMax)
        return MemoryEventStore(bounds)
    }

    package var router: Router {
        Router(mode: responseMode, progressRoute: progressRoute, isStateless: isStateless)
    }
}

/// What the server says of itself, as JSON texts that are known to be valid.
package struct Greeting {
    private let suffix = ByteBuffer()

    /// `serverInfo` and `capabilities` are JSON objects; `instructions` is plain text, or empty.
    package init(
        serverInfo: UnsafeRawBufferPointer, capabilities: UnsafeRawBufferPointer,
        instructions: UnsafeRawBufferPointer
    ) {
        suffix.append("\",\"capabilities\":")
        suffix.append(jsonLine: capabilities)
        suffix.append(",\"serverInfo\":")
        suffix.append(jsonLine: serverInfo)
        if instructions.count > 0 {
            suffix.append(",\"instructions\":")
            suffix.append(jsonString: instructions)
        }
        suffix.append("}")
    }

    /// The result of `initialize`.
    func result(_ revision: Revision) -> ByteBuffer {
        let result = ByteBuffer()
        result.append("{\"protocolVersion\":\"")
        result.append(revision.text)
        result.append(suffix)
        return result
    }
}
