import Link
import MCP
import Session
import Wire

/// The client's side of an exchange that another node answers: bytes go there and come back.
extension ServerEngine {
    // MARK: Passing a request on

    /// Passes a request on to the node that has its session.
    func relay(_ head: RequestHead, to node: NodeID, on connection: ServerConnection) {
        // It would last for as long as the drain.
        if isDraining, head.method == .get { return refuseWhileDraining(connection) }
        guard head.method == .post else { return relay(head, nil, to: node, on: connection) }
        guard let body = connection.reader.takeBody() else { return }
        let text = body.buffer ?? ByteBuffer(copying: body.bytes)
        relay(head, text, to: node, on: connection)
    }

    /// The same with a body that was read.
    func relay(
        _ head: RequestHead, _ body: ByteBuffer?, to node: NodeID,
        on connection: ServerConnection, _ fallback: RelayedExchange.Fallback = .find,
        moves: Int = 0
    ) {
        guard relays.isReached else { return refuse(.sessionStore, connection) }
        let bytes = RelayedExchange.bytes(head, body)
        let hasRoom = makeRoom(
            forRequest: bytes, in: shares(of: connection), on: connection)
        // Only now: evicting the last request of a share also removes the share.
        let shares = shares(of: connection)
        guard hasRoom else {
            self.shares.forget(shares)
            return refuse(.tooManyRequests, connection)
        }
        core.counters.exchangesRelayed += 1
        let relayed = RelayedExchange(
            relays.newKey(), at: node, head, body, of: shares, fallback, moves: moves)
        requests.count(relayed.heldBytes, in: shares)
        relays.add(connection, as: relayed.key)
        move(connection, to: .relayed(relayed))
        stopWaiting(connection)
        let terms = RelayTerms(
            principal: connection.exchange.principal, peer: connection.peer,
            expiresIn: connection.exchange.expiry.map { max(0, $0.milliseconds - now.milliseconds) }
        )
        let request = ByteBuffer(capacity: head.lines.count + (body?.count ?? 0) + 128)
        request.append(relayed: head, body)
        withExtendedLifetime(request) {
            kept.send(NodeMessage.request(relayed.key, terms, request.bytes).bytes, to: node)
        }
    }

    // MARK: The response

    func responseArrived(_ bytes: UnsafeRawBufferPointer, _ key: RelayKey, at node: NodeID) {
        guard let (connection, relayed) = relays.client(key, at: node) else {
            return kept.send(NodeMessage.left(key).bytes, to: node)
        }
        if !relayed.hasResponse {
            let change = relayed.begin(behind: connection.outbox.queuedBytes)
            requests.count(change, in: relayed.shares)
            connection.reader.endMessage(of: connection.id, &core.spare)
            if relayed.isStream { wait(.keepAlive, connection) }
            if let access = connection.access, let status = ServerEngine.status(bytes) {
                access.note(status)
            }
        }
        write(to: connection) { $0.append(bytes) }
    }

    /// The status of a response that begins with these bytes.
    private static func status(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let digits = bytes.dropBytes(9).prefixBytes(3)
        guard digits.count == 3 else { return nil }
        var status = 0
        for digit in digits {
            guard digit.isDigit else { return nil }
            status = status * 10 + Int(digit & 0xF)
        }
        return status
    }

    func ended(_ key: RelayKey, at node: NodeID, keepsAlive: Bool) {
        guard let (connection, relayed) = relays.client(key, at: node) else { return }
        forget(relayed)
        if !keepsAlive { connection.endAfterExchange() }
        move(connection, to: .receiving)
        exchangeEnded(on: connection)
        // All of the response may have been written before its end was known.
        if case .finishing = connection.exchange.state, connection.outbox.isDrained {
            responded(on: connection)
        }
        passOn(from: connection)
    }

    /// The node did not have the session any more: asks the store again.
    func moved(_ key: RelayKey, at node: NodeID) {
        guard let (connection, relayed) = relays.client(key, at: node), !relayed.hasResponse,
            let head = connection.head
        else { return }
        if isDraining, case .find = relayed.fallback {
            forget(relayed)
            move(connection, to: .receiving)
            return refuseWhileDraining(connection)
        }
        guard case .find = relayed.fallback, relayed.moves < RelayedExchange.movesMax,
            let id = head[.sessionID].flatMap({ sessions.id(in: $0) }), let load = kept.find(id)
        else { return lostNode(of: connection) }
        relays.remove(relayed.key)
        connection.exchange.setReturned(relayed)
        parked.park(connection, for: load)
        move(connection, to: .seeking(load))
        wait(.load, connection)
    }

    /// Goes on with a request that came back, now that its session was looked up again.
    func dispatchAgain(_ relayed: RelayedExchange, on connection: ServerConnection) {
        guard let head = connection.head else { return }
        let body = relayed.body
        release(relayed)
        if let node = connection.exchange.takePlace() {
            return relay(head, body, to: node, on: connection, moves: relayed.moves + 1)
        }
        if let body { connection.reader.putBack(body) }
        messageArrived(on: connection)
    }

    /// The node that was asked cannot be reached any more.
    func lostNode(of connection: ServerConnection) {
        guard case .relayed(let relayed) = connection.exchange.state else { return }
        if relayed.hasResponse { return discard(connection) }
        let body = relayed.body
        clientLeft(relayed)
        move(connection, to: .receiving)
        switch relayed.fallback {
        case .find: refuse(.nodeGone, connection)
        case .stateUnknown: refuse(.stateUnknown, connection)
        case .answer:
            guard let head = connection.head else { return }
            // Another node has the session: it is not unknown.
            guard let session = sessionNamed(by: head) else { return refuse(.nodeGone, connection) }
            session.past.drainer = nil
            if let body { connection.reader.putBack(body) }
            messageArrived(on: connection)
        }
    }

    // MARK: What another node still answers

    private func sessionNamed(by head: RequestHead) -> ServerSession? {
        head[.sessionID].flatMap { sessions.id(in: $0) }.flatMap { sessions.key(for: $0) }
            .flatMap { sessions[$0] }
    }

    /// Whether a message concerns a request that another node answers.
    private func isForOther(_ message: borrowing Message, _ session: ServerSession) -> Bool {
        switch message.envelope.kind {
        case .request, .strayError: return false
        case .response(let id, _): return !session.ledger.entries.hasCall(id)
        case .notification:
            guard message.envelope.method.equals(Method.cancelled),
                let named = message.envelope.params?["requestId"],
                let id = try? Envelope.requestID(named, limits: options.limits)
            else { return false }
            return session.ledger.entries.find(id) == nil
        }
    }

    /// Passes on what concerns a request that a node answers which drains: its session is this
    /// one's already. What the next node has to hear is not accepted by the one that drains. False
    /// if it is none of that.
    func relayToDrainer(
        _ message: borrowing Message, _ head: RequestHead, of session: ServerSession?,
        on connection: ServerConnection
    ) -> Bool {
        guard let session, session.past.drainer != nil || session.past.isReleased,
            isForOther(message, session)
        else { return false }
        guard let node = session.past.drainer, relays.isReached else {
            if session.past.isReleased { refuseWhileDraining(connection) }
            return session.past.isReleased
        }
        let body = message.text.buffer ?? ByteBuffer(copying: message.text.bytes)
        relay(head, body, to: node, on: connection, .answer)
        return true
    }

    /// The same for a stream that a client resumes.
    func resumeAtDrainer(of session: ServerSession, on connection: ServerConnection) -> Bool {
        guard let node = session.past.drainer, relays.isReached, let head = connection.head else {
            return false
        }
        relay(head, nil, to: node, on: connection, .answer)
        return true
    }

    /// The client's socket has taken bytes.
    @inline(never)
    func noteTaken(of relayed: RelayedExchange, by connection: ServerConnection) {
        guard let count = relayed.taken(connection.outbox.handedBytes) else { return }
        kept.send(NodeMessage.taken(relayed.key, count: count).bytes, to: relayed.node)
    }

    // MARK: The end

    /// The client has gone.
    func clientLeft(_ relayed: RelayedExchange) {
        forget(relayed)
        kept.send(NodeMessage.left(relayed.key).bytes, to: relayed.node)
    }

    private func forget(_ relayed: RelayedExchange) {
        relays.remove(relayed.key)
        release(relayed)
    }

    /// Its memory counts no more.
    func release(_ relayed: RelayedExchange) {
        requests.count(-relayed.heldBytes, in: relayed.shares)
        shares.forget(relayed.shares)
    }
}

extension ByteBuffer {
    /// Appends a request that was read, with a body of known length.
    fileprivate func append(relayed head: RequestHead, _ body: ByteBuffer?) {
        append(head.methodName)
        append(" ")
        append(head.targetBytes)
        append(head.isHTTP10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")
        HeaderLines.forEachLine(in: head.lines) { line in
            // How it came is over: what follows comes whole.
            let isOver =
                line.hasPrefix("content-length:") || line.hasPrefix("transfer-encoding:")
                || line.hasPrefix("expect:") || line.hasPrefix("trailer:")
            if isOver { return }
            append(line)
            append("\r\n")
        }
        if let body {
            append("content-length: ")
            append(decimal: UInt64(body.count))
            append("\r\n")
        }
        append("\r\n")
        if let body { append(body) }
    }
}
