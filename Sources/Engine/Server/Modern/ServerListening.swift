import Link
import MCP
import Session
import Wire

/// `subscriptions/listen`: streams that tell of changes (S-150 to S-159).
extension ServerEngine {
    // MARK: Opening

    func listenArrived(
        _ id: RequestID, _ message: borrowing Message, _ head: RequestHead,
        on connection: ServerConnection
    ) {
        let method = message.envelope.method
        // A server that can tell of nothing does not have the method (S-159).
        let offered = greeting?.changes ?? .all
        guard !offered.isEmpty else {
            return refuse(.methodUnknown, connection, id: id, method)
        }
        guard gate.acceptsStream(head) else {
            return refuse(.acceptStream, connection, id: id, method)
        }
        var opening = Listener.Opening(id: id)
        if let refusal = read(message.envelope.params?["notifications"], offered, &opening) {
            return refuse(refusal, connection, id: id, method)
        }
        opening.shares = shares(of: connection)
        guard hasRoom(for: opening, on: connection),
            let listener = listeners.open(opening, on: connection, at: now)
        else {
            shares.forget(opening.shares)
            return refuse(.tooManyListens, connection, id: id, method)
        }
        listener.replaceEach { watch($0) }
        requests.count(listener.heldBytes, in: listener.shares)
        core.counters.requestsTotal += 1
        connection.reader.endMessage(of: connection.id, &core.spare)
        move(connection, to: .listening(listener))
        writeStreamHead(to: connection)
        writeEvent(.essential, acknowledgement(of: listener), nil, to: connection)
    }

    /// Reads the filter of a listener: what is both wanted and offered (S-150).
    private func read(
        _ filter: JSONValue?, _ offered: ChangeKinds, _ opening: inout Listener.Opening
    ) -> Refusal? {
        guard let filter, filter.isObject else { return .listenParams }
        for (kind, name) in ChangeKinds.named
        where offered.contains(kind) && filter[name]?.text.equals("true") == true {
            opening.kinds.insert(kind)
        }
        guard let uris = filter["resourceSubscriptions"], !uris.isNull else { return nil }
        guard uris.isArray else { return .listenParams }
        // Some may be named twice; but each is compared with all before it.
        let named = uris.elements(atMost: 2 * options.subscriptionsMax + 1)
        guard named.count <= 2 * options.subscriptionsMax else { return .tooManySubscriptions }
        for element in named {
            guard let uri = element.string, UTF8Text.isValid(uri.bytes) else {
                return .listenParams
            }
            guard offered.contains(.resource) else { continue }
            guard opening.resources.add(Subscriptions.exact(uri)) else { continue }
            guard opening.resources.count <= options.subscriptionsMax else {
                return .tooManySubscriptions
            }
        }
        if !opening.resources.isEmpty { opening.kinds.insert(.resource) }
        return nil
    }

    private func hasRoom(
        for opening: borrowing Listener.Opening, on connection: ServerConnection
    ) -> Bool {
        let bytes = opening.heldBytes
        let hasPlace =
            listeners.count < options.listensMax
            && opening.shares.address.map {
                $0.listeners < options.addressShare(of: options.listensMax)
            } ?? true
            && opening.shares.principal.map {
                $0.listeners < options.principalShare(of: options.listensMax)
            } ?? true
        guard hasPlace else {
            log(
                .warning, "There are as many listening streams as may be (listens_max)",
                on: connection)
            return false
        }
        return makeRoom(forRequest: bytes, in: opening.shares, on: connection)
    }

    private func acknowledgement(of listener: Listener) -> ByteBuffer {
        let message = ByteBuffer()
        message.append(ServerEngine.tagged(Method.acknowledged))
        listener.id.append(to: message)
        message.put("},\"notifications\":{")
        var isFirst = true
        for (kind, name) in ChangeKinds.named where listener.kinds.contains(kind) {
            message.put(isFirst ? "\"" : ",\"")
            isFirst = false
            message.append(name)
            message.put("\":true")
        }
        if !listener.resources.isEmpty {
            message.put(isFirst ? "" : ",")
            message.put("\"resourceSubscriptions\":[")
            for (index, uri) in listener.resources.uris.enumerated() {
                if index > 0 { message.put(",") }
                message.append(jsonString: uri.bytes)
            }
            message.put("]")
        }
        message.put("}}}")
        return message
    }

    /// The beginning of a notification for a listener, up to its id (S-152).
    private static func tagged(_ method: StaticString) -> ByteBuffer {
        let text = ByteBuffer()
        text.put("{\"jsonrpc\":\"2.0\",\"method\":\"")
        text.append(method)
        text.put("\",\"params\":{\"_meta\":{\"")
        text.append(MetaKey.subscriptionID)
        text.put("\":")
        return text
    }

    // MARK: Who watches what

    /// Counts a subscriber of a resource; the host learns of the first. Returns the buffer that all
    /// subscribers refer to.
    func watch(_ uri: ByteBuffer) -> ByteBuffer {
        changeWatched { $0.add(uri) }
    }

    /// Counts a subscriber that has left, a session or a listener; the host learns of the last
    /// (S-157).
    func unwatch(_ uri: ByteBuffer, ofSession isOfSession: Bool = false) {
        changeWatched { $0.remove(uri, ofSession: isOfSession) }
    }

    /// The event that tells the host of the next resource, made when the host has taken what came
    /// before: one client may subscribe to many resources, and many clients may leave at once.
    func nextNews() -> HostEvent? {
        guard !connections.readable.isHeld, let news = changeWatched({ $0.nextNews() }) else {
            return nil
        }
        let kind = news.isWatched ? HostEvent.Kind.resourceSubscribed : .resourceUnsubscribed
        return HostEvent(kind, uri: news.uri)
    }

    private func changeWatched<Result>(_ change: (inout WatchedResources) -> Result) -> Result {
        let before = watched.left
        let result = change(&watched)
        let after = watched.left
        if before != after {
            requests.count(
                after.ofListeners - before.ofListeners, in: Shares(address: nil, principal: nil))
            sessions.countLeft(after.ofSessions - before.ofSessions)
        }
        return result
    }

    /// All resources that have subscribers.
    package var watchedResources: [ByteBuffer] { watched.uris }

    // MARK: The end

    /// The connection of a listener has ended, or ends.
    func forget(_ listener: Listener) {
        guard listeners.close(listener) else { return }
        requests.count(-listener.heldBytes, in: listener.shares)
        shares.forget(listener.shares)
        for uri in listener.resources.uris { unwatch(uri) }
    }

    /// Ends a listening stream with its result, which tells the client that nothing is lost so far
    /// (S-156).
    func end(_ listener: Listener) {
        let connection = listener.connection
        let result = ByteBuffer()
        result.appendResult(id: listener.id) { output in
            output.put("{\"resultType\":\"complete\",\"_meta\":{\"")
            output.append(MetaKey.subscriptionID)
            output.put("\":")
            listener.id.append(to: output)
            output.put("}}")
        }
        forget(listener)
        writeEvent(.essential, result, nil, to: connection)
        endStream(on: connection)
    }

    // MARK: Publishing

    /// Begins to tell everybody of a change: `proceed` does. `uri` is that of the resource, if it
    /// is one that has changed; `covering` are subscribed resources that the host counts it to.
    package func publish(
        _ change: Change, _ uri: UnsafeRawBufferPointer, covering: [ByteBuffer] = []
    ) -> Publication {
        let resource = change == .resource ? ByteBuffer(copying: uri) : nil
        let head = ServerEngine.tagged(change.method)
        let tail = ByteBuffer()
        tail.put("}")
        let params = ByteBuffer()
        if let resource {
            tail.put(",\"uri\":")
            tail.append(jsonString: resource.bytes)
            params.put("{\"uri\":")
            params.append(jsonString: resource.bytes)
            params.put("}")
        }
        tail.put("}}")
        let message = ByteBuffer()
        message.appendNotification(method: change.method.rawBytes, params: params.bytes)
        let key = Publication.key(of: message)
        var toSessions = Broadcast(kind: .replaceable(key: key), message: message)
        toSessions.isChange = true
        toSessions.resource = resource
        toSessions.covering = covering
        return Publication(
            change: change, uri: resource, covering: covering, key: key, head: head, tail: tail,
            toSessions: toSessions)
    }

    /// Tells the next few listeners, and then the next few sessions; false if there are no more. As
    /// for broadcasts, the output should be written before the next call.
    @_optimize(speed)
    package func proceed(_ publication: inout Publication) -> Bool {
        guard publication.place < listeners.slotCount else {
            return proceed(&publication.toSessions)
        }
        return enter {
            let places = publication.place..<publication.place + ServerEngine.portion
            for place in places {
                if let listener = listeners[index: place] { tell(listener, &publication) }
            }
            publication.place = places.upperBound
            return true
        }
    }

    @_optimize(speed)
    private func tell(_ listener: Listener, _ publication: inout Publication) {
        guard listener.kinds.contains(ChangeKinds(publication.change)) else { return }
        let connection = listener.connection
        let event = connection.outbox.givenEvents + 1
        let composed = connection.outbox.composedEvents
        var kind = Backlog.Kind.essential
        if let uri = publication.uri {
            switch listener.resources.match(uri, publication.covering) {
            case .none: return
            case .exact(let index):
                guard listener.note(resource: index, event: event, composed: composed) else {
                    return
                }
            case .covered:
                kind = .replaceable(key: publication.key)
            }
        } else {
            guard listener.note(publication.change, event: event, composed: composed) else {
                return
            }
        }
        writeEvent(kind, publication.message(for: listener.id), nil, to: connection)
    }
}

/// A change that is being published.
package struct Publication {
    let change: Change
    let uri: ByteBuffer?
    let covering: [ByteBuffer]
    /// The newer of two messages with the same key makes the other one worthless.
    fileprivate let key: UInt64
    private let head: ByteBuffer
    private let tail: ByteBuffer
    /// The index of the next listener in its table.
    var place = 0
    var toSessions: Broadcast
    /// The message for the last listener: the next one may have the same id.
    private var last: (id: RequestID, message: ByteBuffer)?

    fileprivate init(
        change: Change, uri: ByteBuffer?, covering: [ByteBuffer], key: UInt64, head: ByteBuffer,
        tail: ByteBuffer, toSessions: Broadcast
    ) {
        self.key = key
        self.change = change
        self.uri = uri
        self.covering = covering
        self.head = head
        self.tail = tail
        self.toSessions = toSessions
    }

    fileprivate static func key(of message: ByteBuffer) -> UInt64 {
        var hasher = Hasher()
        withExtendedLifetime(message) { hasher.combine(bytes: message.bytes) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    @_optimize(speed)
    fileprivate mutating func message(for id: RequestID) -> ByteBuffer {
        if let last, last.id == id { return last.message }
        let message = ByteBuffer(capacity: head.count + tail.count + 24 + id.byteCount)
        message.append(head)
        id.append(to: message)
        message.append(tail)
        last = (id, message)
        return message
    }
}
