import MCP
import Wire

/// Why a command of the host was not performed: its own fault, or something it could not know.
package enum CallerFault: Error, Equatable, Sendable {
    /// Not JSON, or not valid for this argument.
    case invalidMessage
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
    /// The server is closing.
    case closed
}

/// How one HTTP request is refused: mostly, the peer's fault.
package struct Refusal: Equatable, Sendable {
    package let status: HTTPStatus
    package let code: ErrorCode
    package let message: StaticString
    /// The methods for the Allow field, with 405 (RFC 9110 §15.5.6).
    package let allow: StaticString?
    /// Whether the body is plain text, not a JSON-RPC error.
    package let isText: Bool

    init(
        _ status: HTTPStatus, _ code: ErrorCode, _ message: StaticString,
        allow: StaticString? = nil, isText: Bool = false
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.allow = allow
        self.isText = isText
    }

    package static func == (left: Refusal, right: Refusal) -> Bool {
        left.status == right.status && left.code == right.code
            && left.message.rawBytes.equals(right.message.rawBytes)
    }
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
