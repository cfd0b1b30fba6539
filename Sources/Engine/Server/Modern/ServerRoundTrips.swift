import Link
import MCP
import Session
import Wire

/// Questions to modern clients: they leave in a result, and the client comes back with the answers
/// (S-116, S-117). The host's request waits meanwhile, under an unguessable `requestState`.
extension ServerEngine {
    // MARK: Asking

    /// Asks a request's client for something at the end of the turn.
    func ask(
        _ call: CallKey, _ request: OpenRequest, _ method: UnsafeRawBufferPointer,
        _ params: UnsafeRawBufferPointer, _ data: UnsafeMutableRawPointer?
    ) throws(CallerFault) {
        guard request.terms.mayAsk, let wanted = Askable(method: method) else { throw .noCalls }
        guard request.terms.askable.contains(wanted) else { throw .noCapability }
        guard request.isReachable else { throw .disconnected }
        let text = ByteBuffer(capacity: method.count + params.count + 32)
        text.append("{\"method\":")
        text.append(jsonString: method)
        if params.count > 0 {
            text.append(",\"params\":")
            text.append(params)
        }
        text.append("}")
        let opening = OpenCall(
            session: nil, request: request, data: data, method: ShortText(method), since: now)
        let bytes = OpenCall.heldBytes + RoundTrip.ownBytes + RoundTrip.bytes(of: text)
        guard request.trip != nil || hasPlaceToPark(request),
            makeRoom(forRequest: bytes, in: request.shares, on: nil),
            requests[request.key] === request, requests.open(call, opening)
        else { throw .limit }
        requests.count(continuations.ask(call, wanted, text, of: request), in: request)
    }

    private func hasPlaceToPark(_ request: OpenRequest) -> Bool {
        let most = options.parkedMax
        let shares = request.shares
        return continuations.count < most
            && shares.address.map { $0.parkedRequests < options.addressShare(of: most) } ?? true
            && shares.principal.map { $0.parkedRequests < options.principalShare(of: most) } ?? true
    }

    /// A call has ended: nobody has to answer it any more.
    func forgetQuestion(_ call: CallKey, of request: OpenRequest?) {
        guard let request, request.trip != nil else { return }
        requests.count(continuations.forget(call, of: request), in: request)
    }

    /// The driver has performed all effects of a turn: what the host has asked for in it leaves
    /// together. False if that is nothing.
    @_optimize(speed)
    package func endTurn() -> Bool {
        guard continuations.hasAsking else { return hasNodes && relays.takeSent() }
        enter {
            while let request = continuations.nextAsking() { sendQuestions(of: request) }
        }
        return true
    }

    private func sendQuestions(of request: OpenRequest) {
        guard let connection = request.connection, let asks = request.trip?.asks else { return }
        let state = RequestState(high: core.randomBits(), low: core.randomBits())
        let message = ByteBuffer()
        message.appendResult(id: request.id) { output in
            let result = ByteBuffer()
            result.append("{\"resultType\":\"input_required\",\"inputRequests\":{")
            for (index, ask) in asks.enumerated() {
                result.append(index == 0 ? "\"" : ",\"")
                result.append(decimal: ask.call.rawValue)
                result.append("\":")
                result.append(ask.text)
            }
            result.append("},\"requestState\":\"")
            state.append(to: result, at: options.node)
            result.append("\"}")
            stamp.appendOwn(result, to: output)
        }
        continuations.park(request, under: state, of: connection.exchange.principal, at: now)
        let isStreaming = request.isStreaming
        request.park()
        if isStreaming {
            writeEvent(.essential, message, nil, to: connection)
            endStream(on: connection)
        } else {
            respond(on: connection, request.policy) { $0.append(message) }
        }
    }

    // MARK: Coming back

    /// A client comes back with what it was asked for.
    func retryArrived(
        _ id: RequestID, _ message: borrowing Message, _ state: UnsafeRawBufferPointer,
        _ responses: JSONValue?, _ head: RequestHead, on connection: ServerConnection
    ) {
        let method = message.envelope.method
        if hasNodes, connection.origin == nil, let node = RequestState.node(in: state),
            node != options.node
        {
            let body = message.text.buffer ?? ByteBuffer(copying: message.text.bytes)
            return relay(head, body, to: node, on: connection, .stateUnknown)
        }
        guard let state = RequestState(text: state), let request = continuations[state],
            request.trip?.principal == connection.exchange.principal,
            request.method.equals(method),
            request.terms.digest == ParamsDigest.digest(message.envelope.params)
        else { return refuse(.stateUnknown, connection, id: id, method) }
        guard let answers = answers(in: responses, to: request) else {
            return refuse(.inputResponses, connection, id: id, method)
        }
        if let answer = request.trip?.answer {
            core.counters.requestsTotal += 1
            return sendAnswer(answer, of: request, as: id, terms(of: message), on: connection)
        }
        guard attach(request, id, message, head, on: connection) else {
            return refuse(.tooManyRequests, connection, id: id, method)
        }
        for (call, value) in answers { deliver(value, to: call, of: request, head, on: connection) }
        // It says anew what it can be asked for.
        for ask in request.trip?.asks ?? [] where !request.terms.askable.contains(ask.kind) {
            fail(ask.call, .noCapability)
        }
        sendKept(of: request)
        noteRoom(of: request)
        continuations.askLater(request)
    }

    /// The answers to what a request has asked for; nil if they are malformed. Others are ignored.
    private func answers(
        in responses: JSONValue?, to request: OpenRequest
    ) -> [(CallKey, JSONValue)]? {
        guard let responses else { return [] }
        guard responses.isObject else { return nil }
        var answers: [(CallKey, JSONValue)] = []
        for ask in request.trip?.asks ?? [] where ask.isSent {
            let name = ByteBuffer()
            name.append(decimal: ask.call.rawValue)
            let value = withExtendedLifetime(name) { responses[name.bytes] }
            guard let value else { continue }
            guard value.isObject else { return nil }
            answers.append((ask.call, value))
        }
        return answers
    }

    /// Lets the request on a connection take the place of the one that was answered by questions.
    /// False if there is no room.
    private func attach(
        _ request: OpenRequest, _ id: RequestID, _ message: borrowing Message, _ head: RequestHead,
        on connection: ServerConnection
    ) -> Bool {
        let token = progressToken(of: message)
        let bytes = OpenRequest.bytes(id, head, token)
        let change = bytes - request.heldBytes
        guard makeRoom(forRequest: max(0, change), in: request.shares, on: connection),
            requests[request.key] === request
        else { return false }
        continuations.unpark(request)
        requests.count(change, in: request)
        request.goOn(
            id, message, head, token, bytes: bytes, terms: terms(of: message), on: connection)
        opened(request, on: connection)
        return true
    }

    private func deliver(
        _ value: JSONValue, to key: CallKey, of request: OpenRequest, _ head: RequestHead,
        on connection: ServerConnection
    ) {
        forgetQuestion(key, of: request)
        guard let call = requests.close(key, &shares) else { return }
        let response = ByteBuffer(capacity: value.text.count + 64)
        response.append("{\"jsonrpc\":\"2.0\",\"id\":")
        response.append(decimal: key.rawValue)
        response.append(",\"result\":")
        response.append(value.text)
        response.append("}")
        let event = HostEvent(.response, message: response)
        event.call = key
        event.callData = call.data
        event.head = head
        event.peer = connection.peer
        event.revision = .modern
        core.perform(.deliver(event))
    }

    /// Sends the answer that the host gave while the client was away, and what it had said before.
    private func sendAnswer(
        _ answer: RoundTrip.Answer, of request: OpenRequest, as id: RequestID,
        _ terms: RequestTerms, on connection: ServerConnection
    ) {
        let (_, messages, change) = continuations.takeKept(of: request)
        requests.count(change, in: request)
        endTrip(of: request)
        let wanted = terms.policy.mayStream ? messages.filter { $0.isWanted(by: terms) } : []
        guard !wanted.isEmpty else {
            return respond(on: connection, terms.policy, answer.status) { output in
                output.appendResponse(answer.text, id: request.id, as: id)
            }
        }
        writeStreamHead(to: connection)
        for message in wanted { writeEvent(message.kind, message.text, nil, to: connection) }
        let text = ByteBuffer()
        text.appendResponse(answer.text, id: request.id, as: id)
        writeEvent(.essential, text, nil, to: connection)
        endStream(on: connection)
    }

    /// Sends what the host has said while the client was away.
    private func sendKept(of request: OpenRequest) {
        let (progress, messages, change) = continuations.takeKept(of: request)
        requests.count(change, in: request)
        for message in messages where message.isWanted(by: request.terms) {
            writeEvent(message.kind, of: request) { $0.append(message.text) }
        }
        guard let progress else { return }
        withExtendedLifetime(progress.message) {
            within {
                try? self.progress(
                    request.key, progress.progress, total: progress.total,
                    message: progress.message.bytes)
            }
        }
    }

    // MARK: While the client is away

    /// Keeps a message for a client that is to come back.
    func keep(
        _ kind: Backlog.Kind, of request: OpenRequest, _ compose: (ByteBuffer) -> Void
    ) throws(CallerFault) {
        let text = ByteBuffer()
        compose(text)
        var severity: LogSeverity?
        if case .expendable = kind {
            let level = JSONValue(text.bytes, depthMax: .max)?["params"]?["level"]
            severity = level.flatMap { LogSeverity($0) }
        }
        let message = RoundTrip.Kept(kind: kind, text: text, severity: severity)
        guard makeRoom(forRequest: RoundTrip.bytes(of: text), in: request.shares, on: nil),
            let (change, dropped) = continuations.keep(
                message, of: request, atMost: options.unsentBytesMax)
        else { throw .limit }
        core.counters.logDrops += UInt64(dropped)
        requests.count(change, in: request)
    }

    func keep(
        _ progress: Double, _ total: Double?, _ message: UnsafeRawBufferPointer,
        of request: OpenRequest
    ) throws(CallerFault) {
        let text = ByteBuffer(copying: message)
        guard makeRoom(forRequest: RoundTrip.bytes(of: text), in: request.shares, on: nil) else {
            throw .limit
        }
        if request.trip?.progress != nil { core.counters.progressDrops += 1 }
        let kept = RoundTrip.Progress(progress: progress, total: total, message: text)
        requests.count(continuations.keep(kept, of: request), in: request)
    }

    /// Keeps the answer for a client that is to come back. One that is too much is lost.
    func keep(
        answerOf request: OpenRequest, _ status: HTTPStatus, _ compose: (ByteBuffer) -> Void
    ) throws(CallerFault) {
        let text = ByteBuffer()
        compose(text)
        text.trim()
        guard makeRoom(forRequest: RoundTrip.bytes(of: text), in: request.shares, on: nil) else {
            log(.warning, "An answer that waits holds too much; it is lost", about: request)
            dropAnswer(of: request)
            throw .disconnected
        }
        let answer = RoundTrip.Answer(status: status, text: text)
        requests.count(continuations.hold(answer, of: request), in: request)
    }

    // MARK: The end

    /// A request has ended, or its client is not to come back.
    func endTrip(of request: OpenRequest) {
        guard request.trip != nil else { return }
        requests.count(continuations.end(request), in: request)
        if requests[request.key] !== request { shares.forget(request.shares) }
    }

    /// The client of a request that has its answer is not to come back.
    func dropAnswer(of request: OpenRequest) {
        core.counters.resultDrops += 1
        endTrip(of: request)
    }

    /// A client has not come back in time.
    func giveUpWaiting(_ request: OpenRequest) {
        guard requests[request.key] === request else { return dropAnswer(of: request) }
        log(.notice, "A client did not come back with its input (parked_ms)", about: request)
        giveUp(request)
    }
}

extension ByteBuffer {
    /// Appends a response to another request than it was made for.
    fileprivate func appendResponse(_ text: ByteBuffer, id old: RequestID, as id: RequestID) {
        let start: StaticString = "{\"jsonrpc\":\"2.0\",\"id\":"
        let written = ByteBuffer()
        old.append(to: written)
        append(start)
        id.append(to: self)
        withExtendedLifetime(text) {
            append(text.bytes.dropBytes(start.utf8CodeUnitCount + written.count))
        }
    }
}
