import MCP
import Session
import Wire

/// How a request is answered: a row for each mode of the session revisions, one for modern ones,
/// and one for the oldest transport. Everything that differs asks this, so that no command knows
/// modes or eras.
struct ResponsePolicy: Sendable {
    /// When the response is committed to being a stream.
    enum Commit: Sendable {
        /// From the first: every response is a stream.
        case stream
        /// Never: every response is one JSON document.
        case json
        /// With the first message before the result, or once the result takes long.
        case lazy
    }

    /// What the client's departure means for a request.
    enum Departure: Sendable {
        /// The client may reconnect; the request goes on.
        case detach
        /// Nobody can reconnect: the request ends.
        case cancel
    }

    /// How the host's requests get to the client.
    enum Calls: Sendable {
        /// On a stream; the answers are messages of the client.
        case onStream
        /// In the result, which asks for the same request again with the answers in it (S-116).
        case byRoundTrip
    }

    let commit: Commit
    let onDisconnect: Departure
    let calls: Calls
    /// Where messages before the answer go.
    let router: Router
    /// Whether an answer that takes long begins its stream after `head_ms`, not only with the first
    /// keep-alive: a client that can resume needs an id.
    let beginsEarly: Bool
    /// Whether an error that is the whole answer has its own HTTP status (S-110).
    let hasErrorStatus: Bool
    /// Whether results get what the host has left out (S-112 to S-114).
    let stampsResults: Bool
    /// Whether clients get only the log lines that they have asked for with the request (S-122).
    let filtersLogs: Bool
    /// Whether everything comes on the session's primary stream: the transport of the first
    /// revision.
    let answersOnPrimary: Bool

    /// The row of requests in a session, or of session revisions without one.
    init(_ options: ServerOptions, answersOnPrimary: Bool = false) {
        self.answersOnPrimary = answersOnPrimary
        commit =
            switch options.responseMode {
            case .stream: .stream
            case .json: .json
            case .auto: .lazy
            }
        onDisconnect = options.isStateless ? .cancel : .detach
        calls = .onStream
        router = options.router
        beginsEarly = true
        hasErrorStatus = false
        stampsResults = false
        filtersLogs = false
    }

    /// The row of the transport of the first revision.
    static func old(_ options: ServerOptions) -> ResponsePolicy {
        var stream = options
        stream.responseMode = .stream
        return ResponsePolicy(stream, answersOnPrimary: true)
    }

    /// The row of modern requests (S-119, S-130, S-133): a document unless something comes before
    /// the result, or JSON is wanted.
    init(modern mode: ResponseMode) {
        commit = mode == .json ? .json : .lazy
        onDisconnect = .cancel
        calls = .byRoundTrip
        router = Router(mode: mode, progressRoute: .request, isStateless: true)
        beginsEarly = false
        hasErrorStatus = true
        stampsResults = true
        filtersLogs = true
        answersOnPrimary = false
    }

    /// Whether the response may become a stream while it waits for the result.
    var mayStream: Bool { commit != .json }

    /// Whether a result that is the first message goes out as a JSON document.
    var hasDocument: Bool { commit != .stream }

    /// The HTTP status of an error that is the whole answer (S-110).
    func status(of code: Int32) -> HTTPStatus {
        guard hasErrorStatus, let code = ErrorCode(rawValue: code) else { return .ok }
        switch code {
        case .parseError, .invalidRequest, .invalidParams, .headerMismatch, .missingCapability,
            .unsupportedVersion:
            return .badRequest
        case .methodNotFound: return .notFound
        case .internalError, .cancelled: return .ok
        }
    }
}
