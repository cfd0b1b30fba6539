/// The host's fault, or the host's bad luck: why a command was not carried out.
package enum CallerFault: Error, Equatable, Sendable {
    /// Not JSON, or not what this place asks for.
    case invalidMessage
    /// The session, request or call has ended or never was.
    case notFound
    /// The client went away; the stream that would carry the message is gone.
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
    /// Nothing of the stream is kept, or its client does not know how to come back.
    case notResumable
    /// A bounded queue or table is full.
    case limit
    /// The server is closing.
    case closed
}

/// How a host hears what it should know of, and what it need not.
package enum LogLevel: Int32, Comparable, Sendable {
    case error = 1
    case warning = 2
    case notice = 3
    case debug = 4

    package static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.rawValue < right.rawValue
    }
}
