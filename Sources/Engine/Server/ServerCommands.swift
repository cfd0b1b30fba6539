import Link
import MCP
import Replay
import Session
import Wire

/// The host's commands. `HostMessage` has already checked their arguments.
///
/// A command is complete when it returns. If it throws, nothing was done, with two exceptions:
/// `.disconnected` from an answer means that the request has ended and the answer is lost, and an
/// invalid result of `initialize` ends that request with an error.
extension ServerEngine {
    // MARK: Answers

    /// Answers a request with a result (JSON text).
    package func respond(_ key: RequestKey, _ result: UnsafeRawBufferPointer) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            var request = try find(key)
            defer { core.objects.giveIfUnused(&request) }
            guard request.isInitialize else {
                let length = result.count + ServerEngine.envelopeBytes
                if request.policy.stampsResults {
                    return try answer(request, stamping: result, about: length)
                }
                return try answer(request, about: length) { output in
                    output.appendResult(id: request.id, result)
                }
            }
            // S-203: the revision that the host negotiated must be one that is supported.
            let depthMax = options.limits.jsonDepth
            guard let value = JSONValue(result, depthMax: depthMax),
                let version = value["protocolVersion"]?.string,
                let revision = options.revisions.find(version.bytes), revision.era == .legacy
            else {
                // Answer with an error: the client must not wait for a result that cannot come.
                let message: StaticString = "The server gave no valid answer to initialize"
                try? fail(
                    request, ErrorCode.internalError.rawValue, message.rawBytes,
                    data: .init(start: nil, count: 0))
                throw .invalidMessage
            }
            try succeed(initialize: request, revision, result)
        }
    }

    /// As `respond`, but takes over the buffer, which nobody else may use: a long result is not
    /// copied.
    package func respond(_ key: RequestKey, taking result: ByteBuffer) throws(CallerFault) {
        guard result.count >= ServerEngine.longBytes else { return try respond(key, result.bytes) }
        let request = try find(key)
        guard !request.isInitialize else { return try respond(key, result.bytes) }
        try enter { () throws(CallerFault) in
            if request.policy.stampsResults {
                let isCacheable = ResultStamp.isCacheable(request.method)
                guard stamp.stamp(result, isCacheable: isCacheable) else { throw .invalidMessage }
            }
            try answer(request) { $0.appendResult(id: request.id, taking: result) }
        }
    }

    /// Capacity for the JSON-RPC envelope around a result, in bytes.
    package static var envelopeBytes: Int { 64 }

    /// Answers a request with an error. `data` is JSON text, or empty. An error `isInBand` if it is
    /// another server's: its code does not decide the HTTP status (S-110).
    package func fail(
        _ key: RequestKey, code: Int32, message: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer, isInBand: Bool = false
    ) throws(CallerFault) {
        let request = try find(key)
        try enter { () throws(CallerFault) in
            try fail(request, code, message, data: data, isInBand: isInBand)
        }
    }

    // MARK: Notifications that belong to a request

    /// Sends progress if the client asked for it. The numbers are finite; `total` and `message` may
    /// be absent.
    @_optimize(speed)
    package func progress(
        _ key: RequestKey, _ progress: Double, total: Double?, message: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            try send(progress, total, message, of: try findForMessages(key))
        }
    }

    @inline(__always)
    func send(
        _ progress: Double, _ total: Double?, _ message: UnsafeRawBufferPointer,
        of request: OpenRequest
    ) throws(CallerFault) {
        if request.isParked { return try keep(progress, total, message, of: request) }
        guard let token = request.progressToken else { return }
        let router = request.policy.router
        let primary =
            router.progressRoute == .primary ? primaryConnection(of: request.session) : nil
        @inline(__always) @_optimize(speed)
        func compose(_ output: ByteBuffer) {
            output.append(upTo: 100 + token.count + 2 * JSONTree.numberBytesMax) {
                $0.put(
                    """
                    {"jsonrpc":"2.0","method":"notifications/progress",\
                    "params":{"progressToken":
                    """)
                $0.put(token.bytes)
                $0.put(",\"progress\":")
                $0.put(number: progress)
                guard let total else { return }
                $0.put(",\"total\":")
                $0.put(number: total)
            }
            if message.count > 0 {
                output.append(",\"message\":")
                output.append(jsonString: message)
            }
            output.append("}}")
        }
        let route = router.progress(
            primaryIsAttached: primary != nil, clientIsWaiting: request.isReachable)
        let kind = Backlog.Kind.replaceable(key: request.key.rawValue)
        guard route == .primary, let primary, let session = request.session else {
            return try send(kind, route, request, about: message.count, compose)
        }
        var text = core.spare.takeBuffer(for: 128)
        compose(text)
        writePrimaryEvent(kind, session, to: primary, text)
        core.spare.giveIfUnused(&text)
        if !request.policy.answersOnPrimary { fences.addBarrier(to: request, on: primary) }
    }

    /// Sends a notification that belongs to a request. `params` is JSON text, or empty.
    package func notify(
        _ key: RequestKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            let request = try findForMessages(key)
            let route = request.policy.router.related(clientIsWaiting: request.isReachable)
            guard try admits(method, params, request) else { return }
            let length = method.count + params.count
            try send(kind(of: method), route, request, about: length) {
                $0.appendNotification(method: method, params: params)
            }
        }
    }

    // MARK: Messages that belong to no request

    /// Sends a notification on a session's primary stream, or stores it in the mailbox until there
    /// is one.
    package func notify(
        _ key: SessionKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            let session = try find(key)
            let message = ByteBuffer()
            message.appendNotification(method: method, params: params)
            try send(kind(of: method), message, to: session)
        }
    }

    // MARK: Calls: requests to the client

    /// Sends a request to the client on a request's stream. The response is an event with `call`
    /// and `data`.
    package func call(
        _ call: CallKey, _ key: RequestKey, method: UnsafeRawBufferPointer,
        params: UnsafeRawBufferPointer, data: UnsafeMutableRawPointer?
    ) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            let request = try findForMessages(key)
            if request.policy.calls == .byRoundTrip {
                return try ask(call, request, method, params, data)
            }
            let route = request.policy.router.relatedCall(clientIsWaiting: request.isReachable)
            if case .none(let obstacle) = route { throw CallerFault(obstacle) }
            guard let session = request.session else { throw .stateless }
            try open(call, of: session, request, method, data)
            try send(.essential, route, request, about: method.count + params.count) {
                $0.appendRequest(id: call.rawValue, method: method, params: params)
            }
        }
    }

    /// Sends a request to the client on its session's primary stream.
    package func call(
        _ call: CallKey, _ key: SessionKey, method: UnsafeRawBufferPointer,
        params: UnsafeRawBufferPointer, data: UnsafeMutableRawPointer?
    ) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            let session = try find(key)
            let message = ByteBuffer()
            message.appendRequest(id: call.rawValue, method: method, params: params)
            try open(call, of: session, nil, method, data)
            do throws(CallerFault) {
                try send(.essential, message, to: session)
            } catch {
                _ = requests.close(call, &shares)
                throw error
            }
        }
    }

    /// Cancels a call: the client is notified, a late response is dropped, and the host gets no
    /// event.
    package func close(_ key: CallKey) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            guard let call = requests.close(key, &shares) else { throw .notFound }
            guard let session = call.session else {
                return forgetQuestion(key, of: call.request)
            }
            let params = ByteBuffer()
            params.append("{\"requestId\":")
            params.append(decimal: Int64(truncatingIfNeeded: key.rawValue))
            params.append("}")
            let message = ByteBuffer()
            message.appendNotification(method: Method.cancelled.rawBytes, params: params.bytes)
            if let request = call.request {
                try? send(.essential, .request, request, about: message.count) {
                    $0.append(message)
                }
            } else {
                try? send(.essential, message, to: session)
            }
        }
    }

    // MARK: Ends

    /// Ends a session. The client's next request gets 404.
    package func close(_ key: SessionKey) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            end(try find(key), because: "Session ended")
        }
    }

    /// Closes the server: ends everything, and accepts nothing new. `.closed` is the last effect.
    package func close() {
        enter {
            guard shutdown.close() else { return }
            for connection in connections.all where connection.resumption != nil {
                discard(connection)
            }
            for session in sessions.all {
                end(session, because: "The server is closing", livesOn: kept.hasStore)
            }
            for request in requests.all {
                let event = HostEvent(.cancelled)
                event.request = request.key
                event.fault = .closed
                core.perform(.deliver(event))
                cut(request, because: "The server is closing", .closed)
            }
            for request in continuations.all { dropAnswer(of: request) }
            for connection in connections.all {
                switch connection.exchange.state {
                case .idle where !connection.outbox.isDrained:
                    // An answer is being written; it is the connection's last.
                    move(connection, to: .finishing)
                    wait(.hangUp, connection)
                case .idle, .receiving, .receivingOther, .authorizing, .seeking, .relayed, .refused,
                    .loading, .lingering:
                    discard(connection)
                case .hosted(let exchange): cut(exchange, on: connection)
                case .finishing: wait(.hangUp, connection)
                case .listening(let listener): end(listener)
                case .request, .primary, .closed: break
                }
            }
        }
    }

    /// Closes all connections at once. Output that is not written is lost.
    package func abandon() {
        enter {
            for connection in connections.all { discard(connection) }
        }
    }

    // MARK: Questions

    /// The header lines of a request's HTTP head, valid until the request ends.
    package func headers(of key: RequestKey) throws(CallerFault) -> UnsafeRawBufferPointer {
        guard let head = try find(key).head else { throw .notFound }
        return head.lines
    }

    package func session(_ key: SessionKey) throws(CallerFault) -> ServerSession {
        try find(key)
    }

    /// Stores a pointer of the host's in a session.
    package func attach(
        _ data: UnsafeMutableRawPointer?, to key: SessionKey
    ) throws(CallerFault) {
        try find(key).attach(data)
    }

    // MARK: Parts of the above

    @_optimize(speed)
    private func find(_ key: RequestKey) throws(CallerFault) -> OpenRequest {
        guard let request = requests[key] else { throw .notFound }
        return request
    }

    /// A request that may have messages besides its answer. `initialize` may not, since the
    /// session's id is sent with its result or not at all (S-202, S-213).
    @_optimize(speed)
    func findForMessages(_ key: RequestKey) throws(CallerFault) -> OpenRequest {
        let request = try find(key)
        guard !request.isInitialize else { throw .notReady }
        return request
    }

    private func find(_ key: SessionKey) throws(CallerFault) -> ServerSession {
        guard let session = sessions[key] else { throw .notFound }
        return session
    }

    /// Sends a message that belongs to a request, never on the primary stream.
    @inline(__always)
    private func send(
        _ kind: Backlog.Kind, _ route: Router.Route, _ request: OpenRequest, about length: Int,
        _ compose: (ByteBuffer) -> Void
    ) throws(CallerFault) {
        if case .none(let obstacle) = route { throw CallerFault(obstacle) }
        if request.isParked { return try keep(kind, of: request, compose) }
        if request.policy.answersOnPrimary, let session = request.session {
            let message = ByteBuffer()
            compose(message)
            return try send(kind, message, to: session)
        }
        if length < 1024 {
            writeShortEvent(kind, of: request, compose)
        } else {
            writeEvent(kind, of: request, compose)
        }
    }

    func kind(of method: UnsafeRawBufferPointer) -> Backlog.Kind {
        method.equals(Method.message) ? .expendable : .essential
    }

    @_optimize(speed)
    func send(
        _ kind: Backlog.Kind, _ message: ByteBuffer, isShared: Bool = false,
        to session: ServerSession
    ) throws(CallerFault) {
        if let primary = primaryConnection(of: session) {
            return writePrimaryEvent(kind, session, to: primary, message, isShared: isShared)
        }
        message.trim()
        let cost = PrimaryMailbox.cost(of: message)
        guard hasRoom(for: cost, of: session), sessions.keep(message, inMailboxOf: session) else {
            core.counters.mailboxDrops += 1
            throw .limit
        }
    }

    private func open(
        _ call: CallKey, of session: ServerSession, _ request: OpenRequest?,
        _ method: UnsafeRawBufferPointer, _ data: UnsafeMutableRawPointer?
    ) throws(CallerFault) {
        guard session.state.isReady || method.equals(Method.ping) else { throw .notReady }
        let opening = OpenCall(
            session: session, request: request, data: data, method: ShortText(method), since: now)
        guard makeRoom(forRequest: OpenCall.heldBytes, in: session.shares, on: nil),
            requests.open(call, opening)
        else { throw .limit }
    }
}

extension CallerFault {
    init(_ obstacle: Router.Obstacle) {
        switch obstacle {
        case .stateless: self = .stateless
        case .jsonResponse: self = .jsonResponse
        case .disconnected: self = .disconnected
        }
    }
}
