import CStreamableHTTP
import Engine

extension shttp_stats {
    init(_ statistics: Statistics) {
        self.init()
        connections = statistics.connections
        sessions = statistics.sessions
        streams = statistics.streams
        requests = statistics.requests
        calls = statistics.calls
        unsent_bytes = statistics.unsentBytes
        replay_bytes = statistics.replayBytes
        connections_total = statistics.connectionsTotal
        sessions_total = statistics.sessionsTotal
        requests_total = statistics.requestsTotal
        resumed = statistics.resumed
        resumes_refused = statistics.resumesRefused
        mailbox_drops = statistics.mailboxDrops
        result_drops = statistics.resultDrops
        response_drops = statistics.responseDrops
        slow_connections = statistics.slowConnections
        host_refusals = statistics.hostRefusals
        origin_refusals = statistics.originRefusals
        session_refusals = statistics.sessionRefusals
        limit_refusals = statistics.limitRefusals
        other_refusals = statistics.otherRefusals
        progress_drops = statistics.progressDrops
        log_drops = statistics.logDrops
        accept_pauses = statistics.acceptPauses
        authorizations = statistics.authorizations
        credential_refusals = statistics.credentialRefusals
        scope_refusals = statistics.scopeRefusals
        primary_gaps = statistics.primaryGaps
        sessions_evicted = statistics.sessionsEvicted
        held_bytes = statistics.heldBytes
        arriving_bytes = statistics.arrivingBytes
        request_bytes = statistics.requestBytes
        session_bytes = statistics.sessionBytes
    }
}
