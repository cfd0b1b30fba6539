import Link
import MCP
import Session
import Wire

/// Requests of modern revisions: each stands for itself, and ends with its connection.
extension ServerEngine {
    // MARK: Arrival

    func modernArrived(
        _ message: borrowing Message, _ head: RequestHead, on connection: ServerConnection
    ) {
        let method = message.envelope.method
        guard case .request(let id) = message.envelope.kind else {
            return modernNotificationArrived(message, head, on: connection)
        }
        let params = ModernParams(message.envelope.params, knowing: message.envelope.notedParam)
        if let fall = ladder.examine(message, params, head) {
            return refuse(fall, connection, id: id, message)
        }
        // Its request is open already.
        if let state = params.requestState?.string,
            Askable.mayAsk(method), RequestState.isOurs(state.bytes)
        {
            return withExtendedLifetime(state) {
                retryArrived(
                    id, message, state.bytes, params.inputResponses, head, on: connection)
            }
        }
        if isDraining { return refuseWhileDraining(connection, id: id) }
        if method.equals(Method.discover), let greeting {
            return respond(on: connection, modernPolicy) { output in
                let result = greeting.discovery(options.revisions)
                output.appendResult(id: id) { output in
                    _ = stamp.append(result.bytes, isCacheable: false, to: output)
                }
            }
        }
        if method.equals(Method.listen) {
            return listenArrived(id, message, head, on: connection)
        }
        guard
            let request = open(
                id, message, head, of: nil, on: connection, terms(of: message))
        else { return }
        deliver(request, message, on: connection)
    }

    func terms(of message: borrowing Message) -> RequestTerms {
        var terms = RequestTerms(revision: .modern, policy: modernPolicy)
        terms.logLevel = message.meta.logLevel.flatMap { LogSeverity($0) }
        terms.mayAsk = Askable.mayAsk(message.envelope.method)
        guard terms.mayAsk, let capabilities = message.meta.clientCapabilities else { return terms }
        terms.askable = Askable(capabilities: capabilities)
        if !terms.askable.isEmpty { terms.digest = ParamsDigest.digest(message.envelope.params) }
        return terms
    }

    private func refuse(
        _ fall: Ladder.Fall, _ connection: ServerConnection, id: RequestID?,
        _ message: borrowing Message
    ) {
        var data = fall.data
        if fall.listsRevisions {
            let claim = fall.isOfHeader ? nil : message.meta.claim?.string
            let asked = claim?.bytes ?? connection.head?[.protocolVersion]
            data = withExtendedLifetime(claim) { versionsOffered(.modern, asked: asked) }
        }
        refuse(fall.refusal, connection, id: id, message.envelope.method, data: data)
    }

    /// S-120: a client cannot cancel by an id, which anyone may use (S-510).
    private func modernNotificationArrived(
        _ message: borrowing Message, _ head: RequestHead, on connection: ServerConnection
    ) {
        if let fall = ladder.examine(notification: message, head) {
            return refuse(fall, connection, id: nil, message)
        }
        accept(connection)
        guard !message.envelope.method.equals(Method.cancelled) else { return }
        let event = newEvent(.notification, of: nil, message, on: connection)
        event.head = head
        event.revision = .modern
        event.principal = connection.exchange.principal
        core.perform(.deliver(event))
    }

    // MARK: What the host says

    /// Sets what the parameters of tools are, a JSON array as in `tools/list` (S-107).
    package func setTools(_ tools: UnsafeRawBufferPointer) throws(CallerFault) {
        guard let list = JSONValue(tools, depthMax: options.limits.jsonDepth) else {
            throw .invalidMessage
        }
        var faults: [(ByteBuffer, ToolSchemaFault)] = []
        let table = ToolTable(tools: list) { name, fault in
            faults.append((ByteBuffer(copying: name), fault))
        }
        guard let table else { throw .invalidMessage }
        ladder.setTools(table.count > 0 ? table : nil)
        for (name, fault) in faults {
            let detail = name
            detail.append(": ")
            detail.append(fault.text)
            core.log(
                .warning, "Headers are not checked for a tool with invalid x-mcp-header: ",
                detail.bytes)
        }
    }

    /// Whether a notification of the host's may be sent on a request's stream (S-122, S-133).
    func admits(
        _ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer, _ request: OpenRequest
    ) throws(CallerFault) -> Bool {
        guard request.policy.filtersLogs else { return true }
        if method.equals(Method.message) {
            guard let wanted = request.terms.logLevel else { return false }
            let level = JSONValue(params, depthMax: options.limits.jsonDepth)?["level"]
            return level.flatMap { LogSeverity($0) }.map { $0 >= wanted } ?? false
        }
        // These belong to no request: they are published.
        if method.equals(Method.toolsChanged) || method.equals(Method.promptsChanged)
            || method.equals(Method.resourcesChanged) || method.equals(Method.resourceUpdated)
            || method.equals(Method.acknowledged) || method.equals(Method.cancelled)
        {
            throw .stateless
        }
        return true
    }

    /// Answers a request with a result that gets what the host has left out.
    @inline(never)
    func answer(
        _ request: OpenRequest, stamping result: UnsafeRawBufferPointer, about length: Int
    ) throws(CallerFault) {
        guard result.first == UInt8(ascii: "{") else { throw .invalidMessage }
        let isCacheable = ResultStamp.isCacheable(request.method)
        try answer(request, about: length + ServerEngine.stampBytes) { output in
            output.appendResult(id: request.id) { output in
                _ = stamp.append(result, isCacheable: isCacheable, to: output)
            }
        }
    }

    private static var stampBytes: Int { 192 }
}
