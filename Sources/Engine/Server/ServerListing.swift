import Link
import MCP
import Replay
import Session
import Wire

/// What there is now, for the operator: sessions, open requests, and requests that wait to be
/// authorized, as one JSON document in pages. The secret of a session, its id, is not in it.
extension ServerEngine {
    /// The most entries of a page, and the text beyond which it ends: that which is written, and
    /// the clients' descriptions of themselves, which are read for their names.
    package static var listingMax: Int { 1_000 }
    private static var listingBytesMax: Int { 1 << 20 }

    /// One page: what was created after `key`, the oldest first, at most `limit` sessions; of a
    /// server without sessions, requests, and `key` is a request's. `next` in it is the key for the
    /// next page; null if this is the last. The first page has the requests to be authorized.
    package func listing(after key: SessionKey?, limit: Int) -> ByteBuffer {
        let text = ByteBuffer(capacity: 4096)
        let limit = max(1, min(limit, ServerEngine.listingMax))
        let isStateless = options.isStateless
        let first = key.map { $0.rawValue } ?? 0
        let all = isStateless ? requests.numbers : sessions.numbers
        var keys = all.filter { $0 > first }
        SystemSort.sort(&keys)
        var next: UInt64?
        var bytesRead = 0
        text.put("{\"sessions\":[")
        if isStateless { text.put("],\"requests\":[") }
        for (index, key) in keys.enumerated() {
            if index > 0 { text.put(",") }
            if isStateless {
                if let request = requests[RequestKey(rawValue: key)] { append(request, to: text) }
            } else if let session = sessions[SessionKey(rawValue: key)] {
                bytesRead += session.clientInfo.count
                append(session, to: text)
            }
            let isFull =
                index + 1 == limit || text.count + bytesRead >= ServerEngine.listingBytesMax
            guard isFull, index + 1 < keys.count else { continue }
            next = key
            break
        }
        if !isStateless {
            text.put("],\"requests\":[")
            if key == nil { appendRequestsWithoutSession(to: text, atMost: limit) }
        }
        text.put("],\"requests_total\":")
        text.append(requests.count)
        text.put(",\"listeners_total\":")
        text.append(listeners.count)
        text.put(",\"authorizations_total\":")
        text.append(parked.waitingForVerdict.count)
        text.put(",\"authorizations\":[")
        if key == nil { appendAuthorizations(to: text, atMost: limit) }
        text.put("],\"next\":")
        if let next { text.append(key: next) } else { text.put("null") }
        text.put("}")
        return text
    }

    /// Lists as above, in an event of the kind `sessions` with `data`.
    package func list(after key: SessionKey?, limit: Int, data: UnsafeMutableRawPointer?) {
        core.perform(.deliver(HostEvent(listing(after: key, limit: limit), data)))
    }

    // MARK: Sessions

    private func append(_ session: ServerSession, to text: ByteBuffer) {
        text.put("{\"session\":")
        text.append(key: session.key.rawValue)
        text.put(",\"principal\":")
        text.append(limited: session.principal?.name)
        text.put(",\"revision\":")
        text.append(limited: session.state.revision?.text.rawBytes)
        text.put(",\"client\":")
        let info = JSONValue(session.clientInfo.bytes, depthMax: options.limits.jsonDepth)
        let name = info?["name"]?.string
        text.append(limited: name?.bytes)
        text.put(",\"age_ms\":")
        text.append(age(since: session.since))
        text.put(",\"idle_ms\":")
        text.append(sessions.quietSince(session).map { age(since: $0) } ?? 0)
        text.append(
            session.state.isReady ? ",\"state\":\"ready\"" : ",\"state\":\"initializing\"")
        appendPrimary(of: session, to: text)
        if let log = sessions.log(of: session) {
            text.put(",\"replay_events\":")
            text.append(log.count)
            text.put(",\"replay_bytes\":")
            text.append(log.byteCount)
        }
        let open = session.ledger.entries.requestKeys.compactMap { requests[$0] }
        text.put(",\"requests\":[")
        for (index, request) in (open + session.held.requests).enumerated() {
            if index > 0 { text.put(",") }
            append(request, to: text)
        }
        text.put("],\"calls\":[")
        append(session.ledger.entries.openCalls.filter { requests[call: $0]?.request == nil }, text)
        text.put("]}")
    }

    private func appendPrimary(of session: ServerSession, to text: ByteBuffer) {
        text.put(",\"primary\":{\"attached\":")
        if let connection = primaryConnection(of: session) {
            text.put("true,\"peer\":")
            text.append(limited: connection.peer?.bytes)
            text.put(",\"age_ms\":")
            text.append(age(since: connection.exchange.since))
            text.put(",\"unsent_bytes\":")
            text.append(connection.unsentBytes)
        } else {
            text.put("false")
        }
        text.put(",\"mailbox_messages\":")
        text.append(session.mailbox.count)
        text.put("}")
    }

    // MARK: Requests

    private func append(_ request: OpenRequest, to text: ByteBuffer) {
        text.put("{\"request\":")
        text.append(key: request.key.rawValue)
        text.put(",\"id\":")
        request.id.append(to: text)
        text.put(",\"method\":")
        text.append(request.method)
        text.put(",\"age_ms\":")
        text.append(age(since: request.since))
        text.put(",\"stream\":\"")
        text.append(streamState(of: request).rawBytes)
        text.put("\",\"peer\":")
        text.append(limited: request.connection?.peer?.bytes)
        text.put(",\"unsent_bytes\":")
        text.append(request.connection?.unsentBytes ?? 0)
        text.put(",\"waits_for\":\"")
        text.append(obstacle(to: request).rawBytes)
        text.put("\",\"calls\":[")
        append(request.calls, text)
        text.put("]}")
    }

    private func append(_ calls: [CallKey], _ text: ByteBuffer) {
        var isFirst = true
        for key in calls {
            guard let call = requests[call: key] else { continue }
            text.put(isFirst ? "{\"call\":" : ",{\"call\":")
            isFirst = false
            text.append(key: key.rawValue)
            text.put(",\"method\":")
            text.append(call.method)
            text.put(",\"age_ms\":")
            text.append(age(since: call.since))
            text.put("}")
        }
    }

    /// Those of modern clients, on a server whose other clients have sessions.
    private func appendRequestsWithoutSession(to text: ByteBuffer, atMost limit: Int) {
        var keys = requests.all.filter { $0.session == nil }.map { $0.key.rawValue }
        SystemSort.sort(&keys)
        for (index, key) in keys.prefix(limit).enumerated() {
            guard let request = requests[RequestKey(rawValue: key)] else { continue }
            if index > 0 { text.put(",") }
            append(request, to: text)
        }
    }

    /// What carries a request's messages to its client.
    private func streamState(of request: OpenRequest) -> StaticString {
        if request.isParked { return "parked" }
        guard request.connection != nil else { return "detached" }
        if request.isStreaming { return "attached" }
        return request.policy.mayStream ? "none" : "json"
    }

    /// What a request waits for.
    private func obstacle(to request: OpenRequest) -> StaticString {
        if let holder = request.fence.holder {
            // First the socket has to take what comes before, and then a little time has to pass.
            return holder.outbox.isDrained ? "fence" : "socket"
        }
        if request.connection?.resumption != nil { return "store" }
        return request.calls.isEmpty ? "host" : "client"
    }

    // MARK: Authorizations

    private func appendAuthorizations(to text: ByteBuffer, atMost limit: Int) {
        for (index, connection) in parked.waitingForVerdict.prefix(limit).enumerated() {
            guard case .authorizing(let key) = connection.exchange.state else { continue }
            text.append(index > 0 ? ",{\"authorization\":" : "{\"authorization\":")
            text.append(key: key.rawValue)
            text.put(",\"peer\":")
            text.append(limited: connection.peer?.bytes)
            text.put(",\"target\":")
            let target = connection.head.map { LogLine.target($0.targetBytes, atMost: 128) }
            text.append(limited: target?.bytes)
            text.put(",\"age_ms\":")
            text.append(age(since: connection.exchange.since))
            text.put("}")
        }
    }

    private func age(since: Instant) -> Int { Int(max(0, now.milliseconds - since.milliseconds)) }
}

extension ByteBuffer {
    /// The most bytes of a text of others.
    private static var limitedBytesMax: Int { 256 }

    fileprivate func append(_ number: Int) {
        append(decimal: Int64(number))
    }

    fileprivate func append(key: UInt64) {
        append("\"0x")
        append(hex: key)
        append("\"")
    }

    /// Appends a text as a JSON string, or null; a long one is cut between characters.
    fileprivate func append(limited text: UnsafeRawBufferPointer?) {
        guard let text else { return append("null") }
        guard UTF8Text.isValid(text) else {
            let plain = ByteBuffer()
            plain.append(printable: text, atMost: ByteBuffer.limitedBytesMax)
            return append(jsonString: plain.bytes)
        }
        var end = min(text.count, ByteBuffer.limitedBytesMax)
        while end < text.count, end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
        append(jsonString: text.prefixBytes(end))
    }

    fileprivate func append(_ method: ShortText) {
        let plain = ByteBuffer(capacity: ShortText.capacity + 3)
        method.withBytes { plain.append(printable: $0, atMost: ShortText.capacity) }
        if method.isCut { plain.put("...") }
        append(jsonString: plain.bytes)
    }
}
