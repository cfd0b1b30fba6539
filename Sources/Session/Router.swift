/// How a server answers requests.
package enum ResponseMode: Sendable {
    /// Each request's answer is an event stream.
    case stream
    /// Each request's answer is one JSON document.
    case json
    /// JSON if the result is the first thing the host says, else a stream.
    case auto
}

/// Where progress goes while a session has a primary stream (PROTOCOL, point 1).
package enum ProgressRoute: Sendable {
    case primary
    case request
}

/// Which stream an outgoing message takes, or why there is none (PROTOCOL 6.1). It sees no message.
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
        /// The primary's mailbox, until a connection carries the primary.
        case mailbox
        case none(Obstacle)
    }

    /// Why a message cannot travel.
    package enum Obstacle: Equatable, Sendable {
        /// It needs a session, and the server keeps none.
        case stateless
        /// It needs a stream, and the answer is one JSON document.
        case jsonResponse
        /// The client's connection is gone.
        case disconnected
    }

    /// Progress of a request: the primary by default; the request's own stream while no primary is
    /// attached, so that it is never lost.
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

    /// A server request made while serving a request (S-242, S-227).
    package func relatedCall(clientIsWaiting: Bool) -> Route {
        isStateless ? .none(.stateless) : related(clientIsWaiting: clientIsWaiting)
    }

    /// A message that belongs to no request (S-244).
    package func unrelated(primaryIsAttached: Bool) -> Route {
        if isStateless { return .none(.stateless) }
        return primaryIsAttached ? .primary : .mailbox
    }
}
