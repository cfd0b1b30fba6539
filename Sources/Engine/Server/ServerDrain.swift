import Link
import MCP
import Wire

/// The orderly end: what is under way may finish, and clients learn when to come back, perhaps to
/// another process.
extension ServerEngine {
    /// What a client is told to wait before it comes back, in milliseconds: each a time of its own,
    /// so that they do not come back all at once.
    private var retry: Int64 { 1_000 + Int64(core.randomBits() % 1_000) }

    /// Takes no new work, ends the primary streams, lets open requests finish until `deadline`, and
    /// then ends everything. `.closed` is the last effect. A second call may only bring it forward.
    package func drain(until deadline: Instant) {
        enter {
            guard shutdown.drain(until: deadline) else { return }
            for session in sessions.all {
                guard let connection = primaryConnection(of: session) else { continue }
                primaryLost(session, connection)
                hangUp(connection, retry: retry)
            }
            closeIfDrained()
        }
    }

    /// Whether new requests and streams are refused.
    package var isDraining: Bool { shutdown.isDraining }

    /// Refuses what would begin something. What is under way may be resumed.
    func refuseWhileDraining(_ connection: ServerConnection, id: RequestID? = nil) {
        connection.endAfterExchange()
        refuse(ServerEngine.drainingRefusal, connection, id: id)
    }

    static let drainingRefusal = Refusal(
        .serviceUnavailable, .internalError, "The server is shutting down")

    /// Ends the drain once there is nothing to wait for, or no time left.
    func closeIfDrained() {
        guard let deadline = shutdown.deadline else { return }
        guard requests.count == 0 || deadline <= now else { return }
        if requests.count > 0 {
            core.log(.notice, "The drain's time is over; the requests that are left are cancelled")
        }
        close()
    }
}
