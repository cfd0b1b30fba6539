/// How a server answers requests.
package enum ResponseMode: Sendable {
    /// Each request's answer is an event stream.
    case stream
    /// Each request's answer is one JSON document.
    case json
    /// JSON if the result is the host's first message, else a stream.
    case auto
}

/// The stream for progress while a session has a primary stream (PROTOCOL, point 1).
package enum ProgressRoute: Sendable {
    case primary
    case request
}

/// Selects the stream for an outgoing message, or the reason why there is none (PROTOCOL 6.1). It
/// sees no message.
package struct Router: Sendable {
    package let mode: ResponseMode
    package let progressRoute: ProgressRoute
    package let isStateless: Bool

    package init(mode: ResponseMode, progressRoute: ProgressRoute, isStateless: Bool) {
        self.mode = mode
        self.progressRoute = progressRoute
        self.isStateless = isStateless
    }

    package enum Route: Equatable, Sendable {
        /// The stream of the request that the message belongs to.
        case request
        case primary
        /// The mailbox, until the primary stream is attached.
        case mailbox
        case none(Obstacle)
    }

    /// Why a message cannot be sent.
    package enum Obstacle: Equatable, Sendable {
        /// It needs a session, and the server is stateless.
        case stateless
        /// It needs a stream, and the answer is one JSON document.
        case jsonResponse
        /// The client has disconnected.
        case disconnected
    }

    /// Progress of a request: on the primary by default; on the request's own stream while no
    /// primary is attached, so that it is not lost.
    @_optimize(speed)
    package func progress(primaryIsAttached: Bool, clientIsWaiting: Bool) -> Route {
        let mayTakePrimary = progressRoute == .primary && !isStateless
        if mayTakePrimary, primaryIsAttached { return .primary }
        if mode == .json { return .none(.jsonResponse) }
        return clientIsWaiting ? .request : .none(.disconnected)
    }

    /// A log line or another notification that belongs to a request.
    package func related(clientIsWaiting: Bool) -> Route {
        if mode == .json { return .none(.jsonResponse) }
        return clientIsWaiting ? .request : .none(.disconnected)
    }

    /// A call made while serving a request (S-242, S-227).
    package func relatedCall(clientIsWaiting: Bool) -> Route {
        isStateless ? .none(.stateless) : related(clientIsWaiting: clientIsWaiting)
    }

    /// A message that belongs to no request (S-244).
    package func unrelated(primaryIsAttached: Bool) -> Route {
        if isStateless { return .none(.stateless) }
        return primaryIsAttached ? .primary : .mailbox
    }
}
