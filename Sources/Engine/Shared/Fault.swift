/// Why a command of the host was not performed: its own fault, or something it could not know.
package enum CallerFault: Error, Equatable, Sendable {
    /// Not JSON, or not valid for this argument.
    case invalidMessage
    /// JSON that nests deeper than the limit.
    case tooDeep
    /// The session, request or call has ended or never existed.
    case notFound
    /// The client has disconnected; the stream that would carry the message is gone.
    case disconnected
    /// The session ended before the client answered.
    case sessionEnded
    /// The client cancelled the request that the message belongs to.
    case cancelled
    case stateless
    case jsonResponse
    case noStream
    /// The client has not sent `notifications/initialized` yet (S-213).
    case notReady
    /// Nothing of the stream is stored, or its client does not support resuming.
    case notResumable
    /// A bounded queue or table is full.
    case limit
    /// The client has not declared that it can do that.
    case noCapability
    /// The client's revision has no such request, or does not let this one make it.
    case noCalls
    /// The server is closing.
    case closed
}

/// The severity of a log line. The raw values are the ABI's.
package enum LogLevel: Int32, Comparable, Sendable {
    case error = 1
    case warning = 2
    case notice = 3
    case debug = 4

    package static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.rawValue < right.rawValue
    }
}
