/// What a server holds now, and what has happened since its creation.
package struct Statistics: Sendable {
    // Now.
    package var connections: UInt64 = 0
    package var sessions: UInt64 = 0
    /// Event streams that are attached to a connection.
    package var streams: UInt64 = 0
    package var requests: UInt64 = 0
    package var calls: UInt64 = 0
    /// Requests for other paths that the host has not answered, or not completely.
    package var exchanges: UInt64 = 0
    /// Requests that wait for their clients to come back, and streams that listen to changes.
    package var parkedRequests: UInt64 = 0
    package var listeners: UInt64 = 0
    /// Bytes that clients have not read yet.
    package var unsentBytes: UInt64 = 0
    package var replayBytes: UInt64 = 0
    /// Requests that wait for the host's verdict.
    package var authorizations: UInt64 = 0
    /// The memory of requests that have arrived in part or wait for previous ones; of open
    /// requests; of sessions; and of everything that clients make the server hold.
    package var arrivingBytes: UInt64 = 0
    package var requestBytes: UInt64 = 0
    package var sessionBytes: UInt64 = 0
    package var heldBytes: UInt64 = 0

    // Since the start.
    package var connectionsTotal: UInt64 = 0
    package var sessionsTotal: UInt64 = 0
    package var requestsTotal: UInt64 = 0
    /// Streams that clients have resumed.
    package var resumed: UInt64 = 0
    /// Attempts to resume a stream that were refused.
    package var resumesRefused: UInt64 = 0
    /// Primary streams that began afresh, because events that their clients had missed were gone.
    package var primaryGaps: UInt64 = 0
    /// Messages dropped because a mailbox was full.
    package var mailboxDrops: UInt64 = 0
    /// Results dropped because their client had disconnected for good.
    package var resultDrops: UInt64 = 0
    /// Clients' responses that match no open call.
    package var responseDrops: UInt64 = 0
    /// Progress and log lines dropped because clients did not read in time.
    package var progressDrops: UInt64 = 0
    package var logDrops: UInt64 = 0
    /// Connections ended because their client did not read.
    package var slowConnections: UInt64 = 0
    package var hostRefusals: UInt64 = 0
    package var originRefusals: UInt64 = 0
    /// Requests without a session, or with an unknown one.
    package var sessionRefusals: UInt64 = 0
    /// Requests and connections refused because of a limit.
    package var limitRefusals: UInt64 = 0
    /// All other requests that were refused.
    package var otherRefusals: UInt64 = 0
    /// Times when accepting was paused because no descriptor was free.
    package var acceptPauses: UInt64 = 0
    /// Sessions evicted to make space for others.
    package var sessionsEvicted: UInt64 = 0
    /// Requests without credentials, or with invalid ones.
    package var credentialRefusals: UInt64 = 0
    /// Requests whose credentials are not sufficient.
    package var scopeRefusals: UInt64 = 0
    /// Sessions that were found in the session store.
    package var sessionsResumed: UInt64 = 0
    /// Requests that were passed on to the node that has their session.
    package var exchangesRelayed: UInt64 = 0

    package init() {}
}
