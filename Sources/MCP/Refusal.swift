import Wire

/// How one HTTP request is refused: its status, the JSON-RPC error, and what counts it.
///
/// The catalogue below has every refusal of the transport; nothing else makes one.
package struct Refusal: Equatable, Sendable {
    /// The statistic that counts a refusal.
    package enum Counter: Sendable {
        /// The Host that a client named.
        case host
        /// The Origin of a page.
        case origin
        /// Requests without a session, or with an unknown one.
        case session
        /// A limit, or a deadline.
        case limit
        case other
    }

    package let status: HTTPStatus
    package let code: ErrorCode
    package let message: StaticString
    package let counter: Counter
    /// The methods for an Allow field, with 405 (RFC 9110 §15.5.6).
    package let allow: StaticString?
    /// Whether the body is plain text: the request was not for a JSON-RPC endpoint.
    package let isText: Bool

    private init(
        _ status: HTTPStatus, _ code: ErrorCode, _ message: StaticString,
        counter: Counter = .other, allow: StaticString? = nil, isText: Bool = false
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.counter = counter
        self.allow = allow
        self.isText = isText
    }

    private init(
        _ status: HTTPStatus, _ message: StaticString, counter: Counter = .other,
        allow: StaticString? = nil, isText: Bool = false
    ) {
        self.init(
            status, .invalidRequest, message, counter: counter, allow: allow, isText: isText)
    }

    package static func == (left: Refusal, right: Refusal) -> Bool {
        left.status == right.status && left.code == right.code
            && left.message.rawBytes.equals(right.message.rawBytes)
    }
}

// Computed, so that none of them takes memory or a lock before it is used.
extension Refusal {
    // MARK: HTTP

    package static var malformed: Refusal {
        Refusal(.badRequest, "Not a well-formed HTTP/1.1 request")
    }
    package static var version: Refusal {
        Refusal(.versionNotSupported, "Only HTTP/1.1 is served")
    }
    package static var method: Refusal {
        Refusal(.notImplemented, "The method is not implemented")
    }
    package static var transferCoding: Refusal {
        Refusal(.notImplemented, "The only Transfer-Encoding served is chunked")
    }
    package static var targetTooLong: Refusal {
        Refusal(.targetTooLong, "The request target is too long", counter: .limit)
    }
    package static var headersTooLarge: Refusal {
        Refusal(.headersTooLarge, "The header is too large", counter: .limit)
    }
    package static var messageTooLarge: Refusal {
        Refusal(.contentTooLarge, "The message is too large", counter: .limit)
    }
    package static var requestTimeout: Refusal {
        Refusal(.requestTimeout, "The request took too long to arrive", counter: .limit)
    }

    // MARK: Admission (PROTOCOL 2.1)

    package static var hostCount: Refusal {
        Refusal(.badRequest, "Exactly one Host header is required")
    }
    package static var host: Refusal {
        Refusal(.forbidden, "Host not allowed", counter: .host)
    }
    package static var origin: Refusal {
        Refusal(.forbidden, "Origin not allowed", counter: .origin)
    }
    package static var hostOfTarget: Refusal {
        Refusal(.badRequest, "Host differs from the request target")
    }
    package static var path: Refusal {
        Refusal(.notFound, "No MCP endpoint at this path", isText: true)
    }
    package static func methodNotAllowed(allow: StaticString) -> Refusal {
        Refusal(.methodNotAllowed, "Method not allowed", allow: allow)
    }
    package static var contentType: Refusal {
        Refusal(.unsupportedMediaType, "Content-Type must be application/json")
    }
    package static var contentEncoding: Refusal {
        Refusal(.unsupportedMediaType, "Content-Encoding is not supported")
    }
    package static var acceptStream: Refusal {
        Refusal(.notAcceptable, "Accept must admit text/event-stream")
    }
    package static var acceptJSON: Refusal {
        Refusal(.notAcceptable, "Accept must admit application/json")
    }
    package static var acceptBoth: Refusal {
        Refusal(.notAcceptable, "Accept must admit application/json and text/event-stream")
    }
    package static var authorizationTimeout: Refusal {
        Refusal(
            .serviceUnavailable, .internalError, "Authorization took too long", counter: .limit)
    }

    // MARK: JSON-RPC

    package static var notUTF8: Refusal {
        Refusal(.badRequest, .parseError, "The message is not valid UTF-8")
    }
    package static var notJSON: Refusal {
        Refusal(.badRequest, .parseError, "The message is not valid JSON")
    }
    package static var tooDeep: Refusal {
        Refusal(.badRequest, "The message nests arrays and objects too deep (json_depth_max)")
    }
    package static var batch: Refusal {
        Refusal(.badRequest, "This revision has no batches")
    }
    package static var batchTooLong: Refusal {
        Refusal(.badRequest, "A batch has at most 100 messages", counter: .limit)
    }
    package static var batchEmpty: Refusal {
        Refusal(.badRequest, "The batch is empty")
    }
    package static var batchInitialize: Refusal {
        Refusal(.badRequest, "initialize is a message of its own, in no batch")
    }
    package static var batchMixed: Refusal {
        Refusal(.badRequest, "A batch has requests and notifications, or else responses")
    }
    package static var illegalID: Refusal {
        Refusal(.badRequest, "An id must be a string or an integer")
    }
    package static var idTooLong: Refusal {
        Refusal(.badRequest, "The id is longer than 1024 bytes")
    }
    package static var progressTokenTooLong: Refusal {
        Refusal(.badRequest, .invalidParams, "The progressToken is longer than 1024 bytes")
    }
    package static var params: Refusal {
        Refusal(.badRequest, "params must be an object or an array")
    }
    package static var notAMessage: Refusal {
        Refusal(.badRequest, "Not a JSON-RPC 2.0 message")
    }

    // MARK: Modern requests (PROTOCOL 2.2 to 2.5)

    package static var modernOnly: Refusal {
        Refusal(.badRequest, .headerMismatch, Revision.modernOnly)
    }
    package static var responsePosted: Refusal {
        Refusal(.badRequest, "Clients send no responses with this revision")
    }
    package static var metaMissing: Refusal {
        Refusal(
            .badRequest, .invalidParams,
            """
            params._meta needs io.modelcontextprotocol/protocolVersion, a string, and \
            io.modelcontextprotocol/clientCapabilities, an object
            """)
    }
    package static var versionMissing: Refusal {
        Refusal(
            .badRequest, .invalidParams,
            "params._meta needs io.modelcontextprotocol/protocolVersion, a string")
    }
    package static var capabilitiesMissing: Refusal {
        Refusal(
            .badRequest, .invalidParams,
            "params._meta needs io.modelcontextprotocol/clientCapabilities, an object")
    }
    package static var logLevel: Refusal {
        Refusal(
            .badRequest, .invalidParams,
            """
            io.modelcontextprotocol/logLevel is none of debug, info, notice, warning, error, \
            critical, alert and emergency
            """)
    }
    package static var versionMismatch: Refusal {
        Refusal(
            .badRequest, .headerMismatch,
            "MCP-Protocol-Version must be there once, and repeat the protocolVersion of _meta")
    }
    package static var methodMismatch: Refusal {
        Refusal(
            .badRequest, .headerMismatch, "Mcp-Method must be there once, and repeat the method")
    }
    package static var nameMismatch: Refusal {
        Refusal(
            .badRequest, .headerMismatch,
            "Mcp-Name must be there once, and repeat the name or the uri of params")
    }
    package static var paramMismatch: Refusal {
        Refusal(
            .badRequest, .headerMismatch,
            "An Mcp-Param header must be there once if its argument is, and repeat it")
    }
    package static var methodUnknown: Refusal {
        Refusal(.notFound, .methodNotFound, "Method not found")
    }
    package static var stateUnknown: Refusal {
        Refusal(
            .badRequest, .invalidParams, "This requestState is of no request that waits for input")
    }
    package static var inputResponses: Refusal {
        Refusal(.badRequest, .invalidParams, "inputResponses must be an object of objects")
    }
    package static var listenParams: Refusal {
        Refusal(
            .badRequest, .invalidParams,
            "params.notifications must be an object, and resourceSubscriptions a list of URIs")
    }
    package static var subscriptionParams: Refusal {
        Refusal(.badRequest, .invalidParams, "params.uri must be a string")
    }
    package static var tooManySubscriptions: Refusal {
        Refusal(
            .badRequest, .invalidParams, "Too many subscriptions (subscriptions_max)",
            counter: .limit)
    }
    package static var tooManyListens: Refusal {
        Refusal(.ok, .internalError, "Too many streams listen", counter: .limit)
    }

    // MARK: Sessions and requests

    package static var revision: Refusal {
        Refusal(.badRequest, .unsupportedVersion, "Unsupported protocol version")
    }
    package static var sessionMissing: Refusal {
        Refusal(.badRequest, "Mcp-Session-Id is required", counter: .session)
    }
    package static var sessionUnknown: Refusal {
        Refusal(.notFound, "Session not found", counter: .session)
    }
    package static var sessionInitialized: Refusal {
        Refusal(.badRequest, "The session is initialized already")
    }
    package static var clientInfoTooLong: Refusal {
        Refusal(
            .badRequest, .invalidParams,
            "clientInfo and capabilities are too long (client_info_bytes_max)")
    }
    package static var duplicateID: Refusal {
        Refusal(.badRequest, "A request with this id is still open")
    }
    package static var notResumable: Refusal {
        Refusal(.badRequest, "Last-Event-ID is not resumable")
    }

    // MARK: Limits and the state of the server

    package static var tooManySessions: Refusal {
        Refusal(.serviceUnavailable, .internalError, "Too many sessions", counter: .limit)
    }
    package static var tooManyRequests: Refusal {
        Refusal(.serviceUnavailable, .internalError, "Too many requests are open", counter: .limit)
    }
    package static var batchTooLarge: Refusal {
        Refusal(
            .ok, .internalError, "The answers of the batch are too long together", counter: .limit)
    }
    package static var tooMuchArriving: Refusal {
        Refusal(
            .serviceUnavailable, .internalError, "Too much is arriving at once", counter: .limit)
    }
    package static var storeTimeout: Refusal {
        Refusal(
            .serviceUnavailable, .internalError, "The event store does not answer", counter: .limit)
    }
    package static var sessionStore: Refusal {
        Refusal(
            .serviceUnavailable, .internalError, "The session store does not answer",
            counter: .limit)
    }
    package static var nodeGone: Refusal {
        Refusal(
            .badGateway, .internalError,
            "The server of the session is gone; what it was asked for may have been done",
            counter: .limit)
    }
    package static var draining: Refusal {
        Refusal(.serviceUnavailable, .internalError, "The server is shutting down")
    }
}
