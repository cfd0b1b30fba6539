import Session

/// How a request is answered: one row for each mode. Everything that differs asks this, so that no
/// command knows modes.
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

    let commit: Commit
    let onDisconnect: Departure

    init(_ mode: ResponseMode, isStateless: Bool) {
        commit =
            switch mode {
            case .stream: .stream
            case .json: .json
            case .auto: .lazy
            }
        onDisconnect = isStateless ? .cancel : .detach
    }

    /// Whether the response may become a stream while it waits for the result.
    var mayStream: Bool { commit != .json }

    /// Whether a result that is the first message goes out as a JSON document.
    var hasDocument: Bool { commit != .stream }
}
