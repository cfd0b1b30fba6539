import Link
import MCP
import Replay
import Session
import Wire

/// Streams whose connections end, while they go on.
extension ServerEngine {
    /// Closes the connection of a request's stream, but keeps the stream: the client reconnects
    /// after `retry` milliseconds and resumes it (S-239).
    package func hangUp(_ key: RequestKey, retry: Int64) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            let request = try findForMessages(key)
            let route = request.policy.router.relatedCall(
                clientIsWaiting: request.connection != nil)
            if case .none(let obstacle) = route { throw CallerFault(obstacle) }
            guard let connection = request.connection else { throw .disconnected }
            guard sessions.canResume(request), request.revision.hasPolling else {
                throw .notResumable
            }
            beginStream(of: request, on: connection)
            request.detach()
            requests.detached(request, at: now)
            hangUp(connection, retry: retry)
        }
    }

    /// As above, for a session's primary stream.
    package func hangUp(_ key: SessionKey, retry: Int64) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            guard let session = sessions[key] else { throw .notFound }
            guard sessions.hasStore, !session.isOld, session.state.revision?.hasPolling == true
            else {
                throw .notResumable
            }
            guard let connection = primaryConnection(of: session) else { throw .noStream }
            primaryLost(session, connection)
            hangUp(connection, retry: retry)
        }
    }

    func hangUp(_ connection: ServerConnection, retry: Int64) {
        endStream(on: connection) { output in
            output.appendPart(connection.exchange.framing) { SSEFrame.appendRetry(retry, to: $0) }
        }
    }
}
