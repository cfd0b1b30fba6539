import Link
import MCP
import Session
import Wire

/// Authorization: decides who makes a request, and whether it is allowed, by its head and before
/// its body is read (S-018, A-010).
extension ServerEngine {
    // MARK: The decision

    @_optimize(speed)
    func authorize(_ head: RequestHead, on connection: ServerConnection) {
        switch gate.authorize(head) {
        case .allowed(nil): admit(head, on: connection)
        case .allowed(let principal?):
            connection.exchange.authorize(as: principal)
            admit(head, on: connection)
        case .challenged(let challenge): self.challenge(challenge, connection)
        case .undecided: ask(head, on: connection)
        }
    }

    /// Asks the host for a verdict. Until then the connection is parked, and later bytes wait.
    private func ask(_ head: RequestHead, on connection: ServerConnection) {
        guard let key = parked.parkForVerdict(connection) else { return discard(connection) }
        move(connection, to: .authorizing(key))
        wait(.authorization, connection)
        let event = HostEvent(.authorize)
        event.authorization = key
        event.head = head
        event.peer = connection.peer
        core.perform(.deliver(event))
    }

    // MARK: The host's answer

    /// Allows a request in the name of `principal`. Its streams end after `expiresIn` milliseconds;
    /// nil means never.
    package func allow(
        _ key: AuthorizationKey, _ principal: Principal, expiresIn: Int64?
    ) throws(CallerFault) {
        let connection = try take(key)
        enter {
            connection.exchange.authorize(
                as: principal, until: expiresIn.map { now.advanced(byMilliseconds: $0) })
            move(connection, to: .receiving)
            _ = connection.reader.awaitBody()
            wait(.body, connection)
            if let head = connection.head { admit(head, on: connection) }
            readOn(connection)
        }
    }

    package func refuse(_ key: AuthorizationKey, _ challenge: Challenge) throws(CallerFault) {
        let connection = try take(key)
        enter {
            self.challenge(challenge, connection)
            readOn(connection)
        }
    }

    func take(_ key: AuthorizationKey) throws(CallerFault) -> ServerConnection {
        guard let connection = parked.take(key) else { throw .notFound }
        return connection
    }

    /// The host's verdict has not arrived in time. That is no verdict about the client.
    func authorizationIsLate(on connection: ServerConnection) {
        guard case .authorizing(let key) = connection.exchange.state else { return }
        parked.take(key)
        log(
            .warning, "The host took too long to authorize a request (authorize_ms)",
            on: connection)
        refuse(.authorizationTimeout, connection)
        readOn(connection)
    }

    // MARK: Waiting

    /// Stores bytes that arrive after a head that waits for the host. Reading stops once they reach
    /// the limit of pipelined requests.
    func holdBack(_ bytes: UnsafeRawBufferPointer, on connection: ServerConnection) {
        guard connection.reader.postpone(bytes) >= options.pipelinedBytesMax,
            connection.reader.holdBack(), connection.origin == nil
        else { return }
        core.perform(.stopReading(connection))
    }

    /// Continues after the head of a request that has been decided.
    func readOn(_ connection: ServerConnection) {
        if connection.reader.endHoldBack(), connection.origin == nil {
            core.perform(.startReading(connection))
        }
        let rest = connection.reader.takePipelined() ?? ByteBuffer()
        withExtendedLifetime(rest) { read(rest.bytes, from: connection, behindHead: true) }
        noteArriving(of: connection)
    }

    // MARK: Expiry

    /// Ends the stream of a connection whose authorization has expired. The client can resume it
    /// with new credentials.
    func endExpired(_ connection: ServerConnection) {
        switch connection.exchange.state {
        case .primary(let session):
            primaryLost(session, connection)
        case .request(let request) where request.isStreaming:
            clientLeft(request)
        case .listening(let listener):
            log(.debug, "A stream's authorization has expired", on: connection)
            return end(listener)
        default:
            return
        }
        log(.debug, "A stream's authorization has expired", on: connection)
        endStream(on: connection)
    }

    // MARK: Responses

    /// Refuses a request that is not authorized.
    private func challenge(_ challenge: Challenge, _ connection: ServerConnection) {
        log(.debug, "Refused a request: ", challenge.message.rawBytes, on: connection)
        switch challenge.cause {
        case .credentialsMissing, .invalidToken: core.counters.credentialRefusals += 1
        case .insufficientScope: core.counters.scopeRefusals += 1
        case .invalidRequest: core.counters.otherRefusals += 1
        }
        let error = core.spare.takeBuffer()
        error.appendError(
            id: nil, code: ErrorCode.invalidRequest.rawValue, message: challenge.message.rawBytes)
        respondEarly(challenge.status, error, on: connection) { output in
            challenge.append(to: output, gate.metadata)
            output.append("Cache-Control: no-store\r\n")
        }
        core.spare.give(error)
    }

    /// the metadata is public, also for pages of any origin.
    func respondMetadata(_ head: RequestHead, on connection: ServerConnection) {
        guard let metadata = gate.metadata else { return }
        connection.exchange.dropCrossOriginFields()
        if head.method == .options {
            respondEarly(.noContent, nil, on: connection) { output in
                output.append("Allow: GET, HEAD, OPTIONS\r\n")
                output.append("Access-Control-Allow-Origin: *\r\n")
                output.append("Access-Control-Allow-Methods: GET, HEAD\r\n")
                output.append("Access-Control-Allow-Headers: *\r\n")
                output.append("Access-Control-Max-Age: 86400\r\n")
            }
        } else {
            respondEarly(.ok, metadata.document, on: connection) { output in
                output.append("Access-Control-Allow-Origin: *\r\n")
            }
        }
    }
}
