import Link
import MCP
import Replay
import Session
import Wire

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
        if connections.unsentBytes > options.totalUnsentBytesMax { relieveAll() }
        return !connection.isClosed
    }

    /// Brings what waits for a session's clients within `limit`: whoever reads least gives way
    /// first.
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

    /// Brings what waits for all clients within its bound: those whose address has most to read
    /// give way first, and of them whoever has most itself.
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

    /// Drops what `connection` can do without until `limit` is kept, with some room to spare so
    /// that not every message has to look for more; if that does not do, ends it. `option` is the
    /// bound.
    private func relieve(
        _ connection: ServerConnection, to limit: Int, _ option: StaticString
    ) {
        let fixed = connection.unsentBytes - connection.outbox.backlogBytes
        let target = limit - limit / 16 - fixed
        let shed = connection.outbox.shed(to: max(0, target))
        connections.noteUnsent(shed.change)
        core.counters.progressDrops += UInt64(shed.replaced)
        core.counters.logDrops += UInt64(shed.expended)
        // Without some room to spare the next message would look through all again.
        guard connection.unsentBytes > limit - limit / 16 else { return }
        core.counters.slowConnections += 1
        core.log(
            .warning, "A client does not read its stream; its connection is closed: ",
            option.rawBytes)
        discard(connection)
    }

    /// The connections that carry a session's streams.
    func carriers(of session: ServerSession) -> [ServerConnection] {
        var carriers = session.ledger.entries.requestKeys.compactMap { requests[$0]?.connection }
        carriers += session.held.requests.compactMap { $0.connection }
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
        connections.countArriving(on: connection)
        if connections.arrivingBytes > options.arrivingBytesMax { relieveArriving() }
    }

    /// Refuses what has arrived in part until the rest is within the bound: those whose address
    /// holds most give way first, and of them those that hold most themselves.
    private func relieveArriving() {
        let limit = options.arrivingBytesMax - options.arrivingBytesMax / 16
        core.log(
            .warning, "Too much is arriving at once; requests are refused (arriving_bytes_max)")
        for connection in connections.heaviestFirst(connections.all, { $0.reader.countedBytes }) {
            guard connections.arrivingBytes > limit else { return }
            if case .receiving = connection.exchange.state {
                connection.endAfterExchange()
                refuse(
                    Refusal(.serviceUnavailable, .internalError, "Too much is arriving at once"),
                    connection)
                _ = connection.reader.takePipelined()
                connections.countArriving(on: connection)
            } else {
                core.counters.limitRefusals += 1
                discard(connection)
            }
        }
    }
}
