import Link
import MCP
import Wire

/// Graceful shutdown: open requests may finish, and clients learn when to reconnect, perhaps to
/// another process.
extension ServerEngine {
    /// The delay before a client reconnects, in milliseconds. It is random, so that clients do not
    /// reconnect all at once.
    var retry: Int64 { 1_000 + Int64(core.randomBits() % 1_000) }

    /// Accepts no new work, ends the primary streams, lets open requests finish until `deadline`,
    /// and then ends everything. `.closed` is the last effect. A second call can only make the
    /// deadline earlier.
    package func drain(until deadline: Instant) {
        enter {
            let earliest = hasNodes ? now.advanced(byMilliseconds: ServerEngine.lingerMs) : now
            guard shutdown.drain(notBefore: earliest, until: deadline) else { return }
            // A successor may write of the same sessions from now on.
            kept.flush(sessions, at: now)
            for session in sessions.all where !session.isOld {
                guard let connection = primaryConnection(of: session) else { continue }
                primaryLost(session, connection)
                hangUp(connection, retry: retry)
            }
            for listener in listeners.all { end(listener) }
            releaseSessions()
            closeIfDrained()
        }
    }

    /// For so long requests may come that another node has passed on before it heard that the
    /// sessions are free.
    private static var lingerMs: Int64 { 500 }

    /// Whether new requests and streams are refused: the server drains, or closes.
    package var isDraining: Bool { !shutdown.isOpen }

    /// Refuses a request that would start something new. Open streams may still be resumed.
    func refuseWhileDraining(_ connection: ServerConnection, id: RequestID? = nil) {
        if connection.origin != nil { return giveBack(connection) }
        connection.endAfterExchange()
        refuse(.draining, connection, id: id)
    }

    /// Closes the server once no request is open or the deadline has passed.
    func closeIfDrained() {
        guard let deadline = shutdown.deadline, let earliest = shutdown.earliest else { return }
        // An answer may wait for its client to come back.
        let count = requests.count + continuations.count + hosted.count + relays.clientCount
        guard count == 0 && earliest <= now || deadline <= now else { return }
        if requests.count + hosted.count > 0 {
            core.log(.notice, "The drain's time is over; the requests that are left are cancelled")
        }
        close()
    }
}
