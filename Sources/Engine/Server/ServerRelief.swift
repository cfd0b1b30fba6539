import Link
import MCP
import Replay
import Session
import Wire

/// Keeps unread output and partly arrived requests within their limits.
extension ServerEngine {
    /// Returns whether a connection can take more output, after dropping what can be dropped. If
    /// even that is not enough, the connection is closed, and its client can resume the rest. One
    /// message may be larger than the limit, so only what waits before it counts, without its
    /// stream's head.
    @_optimize(speed)
    func keepsUp(_ connection: ServerConnection) -> Bool {
        if connection.unsentBytes > options.unsentBytesMax + Int(connection.exchange.headBytes) {
            relieve(connection, to: options.unsentBytesMax, "unsent_bytes_max")
        }
        if connection.outbox.isBlocked, let session = connection.exchange.session {
            relieve(session, to: options.sessionUnsentBytesMax)
        }
        if connections.unsentBytes > options.totalUnsentBytesMax { relieveAll() }
        return !connection.isClosed
    }

    /// Reduces the unread output of a session to `limit`: the connection with the most first.
    private func relieve(_ session: ServerSession, to limit: Int) {
        let carriers = carriers(of: session)
        var excess = -limit
        for connection in carriers { excess += connection.unsentBytes }
        guard excess > 0 else { return }
        for connection in connections.heaviestFirst(carriers, { $0.unsentBytes }) where excess > 0 {
            let before = connection.unsentBytes
            relieve(connection, to: max(0, before - excess), "session_unsent_bytes_max")
            excess -= before - connection.unsentBytes
        }
    }

    /// Reduces the unread output of all connections to its limit: the address with the most first,
    /// and of an address the connection with the most.
    private func relieveAll() {
        var mayLook = true
        let limit = options.totalUnsentBytesMax
        while case let excess = connections.unsentBytes - limit, excess > 0 {
            guard let connection = connections.nextToRelieve(at: now, mayLook: &mayLook) else {
                return
            }
            relieve(
                connection, to: max(0, connection.unsentBytes - excess), "total_unsent_bytes_max")
        }
    }

    /// Drops what `connection` can do without until its unread output is below `limit` by a margin;
    /// closes the connection if that is not enough. `option` names the limit, for the log.
    private func relieve(
        _ connection: ServerConnection, to limit: Int, _ option: StaticString
    ) {
        let fixed = connection.unsentBytes - connection.outbox.backlogBytes
        let target = limit - limit / 16 - fixed
        let shed = connection.outbox.shed(to: max(0, target))
        connections.noteUnsent(shed.change)
        core.counters.progressDrops += UInt64(shed.replaced)
        core.counters.logDrops += UInt64(shed.expended)
        // Without the margin, the next message would search everything again.
        guard connection.unsentBytes > limit - limit / 16 else { return }
        core.counters.slowConnections += 1
        log(
            .warning, "A client does not read its stream; its connection is closed: ",
            option.rawBytes, on: connection)
        discard(connection)
    }

    /// The connections that carry a session's streams.
    func carriers(of session: ServerSession) -> [ServerConnection] {
        var carriers = session.ledger.entries.requestKeys.compactMap { requests[$0]?.connection }
        carriers += session.held.requests.compactMap { $0.connection }
        if let primary = primaryConnection(of: session) { carriers.append(primary) }
        return carriers
    }

    // MARK: Partly arrived requests

    /// Counts a connection's memory for requests that are incomplete or wait.
    @inline(__always)
    func noteArriving(of connection: ServerConnection) {
        if connection.reader.needsCount { noteArrivingNow(of: connection) }
    }

    private func noteArrivingNow(of connection: ServerConnection) {
        connections.countArriving(on: connection)
        if connections.arrivingBytes > options.arrivingBytesMax { relieveArriving() }
    }

    /// Refuses partly arrived requests until the rest is within the limit: the address that holds
    /// the most first, and of an address the connection that holds the most.
    private func relieveArriving() {
        let limit = options.arrivingBytesMax - options.arrivingBytesMax / 16
        core.log(
            .warning, "Too much is arriving at once; requests are refused (arriving_bytes_max)")
        for connection in connections.heaviestFirst(connections.all, { $0.reader.countedBytes }) {
            guard connections.arrivingBytes > limit else { return }
            switch connection.exchange.state {
            case .receiving, .receivingOther:
                connection.endAfterExchange()
                refuse(.tooMuchArriving, connection)
                _ = connection.reader.takePipelined()
                connections.countArriving(on: connection)
            default:
                core.counters.limitRefusals += 1
                discard(connection)
            }
        }
    }
}
