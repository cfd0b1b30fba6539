import MCP
import Replay
import Session
import Wire

/// Whose turn it is to give way when all clients together leave too much unread. It is found out
/// for some time at once: looking through all connections for each message would cost more than
/// those who read nothing are worth.
struct ReliefOrder {
    private var connections: [ConnectionID] = []
    private var next = 0
    private var since = Instant(milliseconds: 0)

    private static var milliseconds: Int64 { 100 }

    init() {}

    init(_ connections: [ServerConnection], at now: Instant) {
        self.connections = connections.map { $0.id }
        since = now
    }

    func isCurrent(at now: Instant) -> Bool {
        next < connections.count
            && now.milliseconds < since.milliseconds + ReliefOrder.milliseconds
    }

    mutating func popFirst() -> ConnectionID? {
        guard next < connections.count else { return nil }
        next += 1
        return connections[next - 1]
    }
}

/// What waits for clients to read, and what has arrived in part, is kept within its bounds.
extension ServerEngine {
    /// Whether a client keeps up with what it is sent, after dropping what can be dropped. If it
    /// does not, it loses its connection, and comes back for the rest. One message may be larger
    /// than the bound, so only what waits before it counts, its stream's head aside.
    func keepsUp(_ connection: ServerConnection) -> Bool {
        if connection.unsentBytes > options.unsentBytesMax + Int(connection.exchange.headBytes) {
            relieve(connection, to: options.unsentBytesMax, "unsent_bytes_max")
        }
        if connection.outbox.isBlocked, let session = connection.exchange.session {
            relieve(session, to: options.sessionUnsentBytesMax)
        }
        if core.counters.unsentBytes > UInt64(options.totalUnsentBytesMax) { relieveAll() }
        return !connection.isClosed
    }

    /// Brings what waits for a session's clients within `limit`: whoever reads least gives way
    /// first.
    private func relieve(_ session: ServerSession, to limit: Int) {
        let carriers = connectionsOf(session)
        var excess = -limit
        for connection in carriers { excess += connection.unsentBytes }
        guard excess > 0 else { return }
        for connection in heaviestFirst(carriers, { $0.unsentBytes }) where excess > 0 {
            let before = connection.unsentBytes
            relieve(connection, to: max(0, before - excess), "session_unsent_bytes_max")
            excess -= before - connection.unsentBytes
        }
    }

    /// Brings what waits for all clients within its bound: those whose address has most to read
    /// give way first, and of them whoever has most itself.
    private func relieveAll() {
        var mayLook = true
        let limit = options.totalUnsentBytesMax
        while case let excess = Int(core.counters.unsentBytes) - limit, excess > 0 {
            if !relief.isCurrent(at: now) {
                guard mayLook else { return }
                mayLook = false
                relief = ReliefOrder(
                    heaviestFirst(connections.elements, { $0.unsentBytes }), at: now)
            }
            guard let id = relief.popFirst() else { return }
            guard let connection = connections[id] else { continue }
            relieve(
                connection, to: max(0, connection.unsentBytes - excess), "total_unsent_bytes_max")
        }
    }

    /// Those of a crowd that hold something, by what all of their address hold, and then by what
    /// they hold themselves.
    private func heaviestFirst(
        _ crowd: [ServerConnection], _ weight: (ServerConnection) -> Int
    ) -> [ServerConnection] {
        for connection in crowd { connection.share?.sum += weight(connection) }
        let weighed = crowd.map { ($0.share?.sum ?? 0, weight($0), $0) }.filter { $0.1 > 0 }
        for connection in crowd { connection.share?.sum = 0 }
        return weighed.sorted { ($0.0, $0.1) > ($1.0, $1.1) }.map { $0.2 }
    }

    /// Drops what `connection` can do without until `limit` is kept, with some room to spare so
    /// that not every message has to look for more; if that does not do, ends it. `option` is the
    /// bound.
    private func relieve(
        _ connection: ServerConnection, to limit: Int, _ option: StaticString
    ) {
        let fixed = connection.unsentBytes - connection.outbox.backlogBytes
        let target = limit - limit / 16 - fixed
        let shed = connection.outbox.shed(to: max(0, target))
        noteUnsent(shed.change)
        core.counters.progressDrops += UInt64(shed.progress)
        core.counters.logDrops += UInt64(shed.logs)
        // Without some room to spare the next message would look through all again.
        guard connection.unsentBytes > limit - limit / 16 else { return }
        core.counters.slowConnections += 1
        core.log(
            .warning, "A client does not read its stream; its connection is closed: ",
            option.rawBytes)
        discard(connection)
    }

    /// The connections that carry a session's streams.
    package func connectionsOf(_ session: ServerSession) -> [ServerConnection] {
        var carriers = session.ledger.requestKeys.compactMap { requests[$0]?.connection }
        carriers += session.held.compactMap { $0.connection }
        if let primary = primaryConnection(of: session) { carriers.append(primary) }
        return carriers
    }

    // MARK: What has arrived in part

    /// Counts what a connection holds of requests that are not complete, or wait.
    @inline(__always)
    func noteArriving(of connection: ServerConnection) {
        if connection.reader.needsCount { noteArrivingNow(of: connection) }
    }

    private func noteArrivingNow(of connection: ServerConnection) {
        noteArriving(connection.reader.count())
        if core.counters.arrivingBytes > UInt64(options.arrivingBytesMax) { relieveArriving() }
    }

    func noteArriving(_ change: Int) {
        core.counters.arrivingBytes = UInt64(Int(core.counters.arrivingBytes) + change)
    }

    /// Refuses what has arrived in part until the rest is within the bound: those whose address
    /// holds most give way first, and of them those that hold most themselves.
    private func relieveArriving() {
        let limit = options.arrivingBytesMax - options.arrivingBytesMax / 16
        core.log(
            .warning, "Too much is arriving at once; requests are refused (arriving_bytes_max)")
        for connection in heaviestFirst(connections.elements, { $0.reader.countedBytes }) {
            guard core.counters.arrivingBytes > UInt64(limit) else { return }
            if case .receiving = connection.exchange.state {
                connection.keepsAlive = false
                refuse(
                    Refusal(.serviceUnavailable, .internalError, "Too much is arriving at once"),
                    connection)
                _ = connection.reader.takePipelined()
                noteArriving(connection.reader.count())
            } else {
                core.counters.limitRefusals += 1
                discard(connection)
            }
        }
    }
}
