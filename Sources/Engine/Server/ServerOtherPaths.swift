import Link
import MCP
import Session
import Wire

/// Requests for other paths than the endpoint's, which the host answers: health checks, the pages
/// of an authorization server, and whatever else it serves.
extension ServerEngine {
    // MARK: Arrival

    /// Host was checked (S-004), Origin and credentials were not: those are the host's affair.
    func otherHeadArrived(_ head: RequestHead, on connection: ServerConnection) {
        connection.exchange.dropCrossOriginFields()
        move(connection, to: .receivingOther)
        if isDraining { return refuseWhileDraining(connection) }
        if let length = head.contentLength, length > UInt64(options.limits.messageBytes) {
            return refuse(.messageTooLarge, connection)
        }
        sendContinue(head, on: connection)
    }

    func otherArrived(on connection: ServerConnection) {
        guard let head = connection.head else { return }
        stopWaiting(connection)
        if isDraining { return refuseWhileDraining(connection) }
        let shares = shares(of: connection)
        let bytes = HostedExchange.ownBytes + head.heldBytes
        guard makeRoom(forRequest: bytes, in: shares, on: connection) else {
            log(
                .warning, "Open requests hold too much; others are refused (request_bytes_max)",
                on: connection)
            return refuse(.tooManyRequests, connection)
        }
        let exchange = hosted.open(on: connection, shares, bytes: bytes)
        requests.count(bytes, in: shares)
        let event = core.objects.takeEvent() ?? HostEvent(.httpRequest)
        event.begin(exchange.key, head, connection.reader.takeBody(), on: connection)
        move(connection, to: .hosted(exchange))
        core.perform(.deliver(event))
    }

    // MARK: The host's answer

    /// A step of a host's answer.
    package enum AnswerStep: Sendable {
        /// The whole answer: a status, header lines and a body.
        case whole(status: Int)
        /// A status and header lines; the body follows in parts.
        case start(status: Int)
        case part
        case end
        /// The whole answer to a request that waits to be authorized, whose key it is.
        case refusal(status: Int)
    }

    /// Performs a step of an answer. `lines` were checked by `appendField`.
    package func answer(
        _ key: UInt64, _ step: AnswerStep, _ lines: UnsafeRawBufferPointer,
        _ body: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        if case .refusal(let status) = step {
            let connection = try take(AuthorizationKey(rawValue: key))
            if status >= 400 { core.counters.otherRefusals += 1 }
            return enter {
                respond(status, lines, body, on: connection)
                readOn(connection)
            }
        }
        let key = ExchangeKey(rawValue: key)
        guard let connection = connections[index: key.index],
            case .hosted(let exchange) = connection.exchange.state, exchange.key == key
        else { throw .notFound }
        try enter { () throws(CallerFault) in
            switch step {
            case .whole(let status):
                guard exchange.stream == nil else { throw .notFound }
                guard keepsUp(connection) else { throw .disconnected }
                forget(exchange)
                respond(status, lines, body, on: connection)
            case .start(let status):
                guard exchange.stream == nil else { throw .notFound }
                start(exchange, status, lines, on: connection)
            case .part:
                try write(body, of: exchange, on: connection)
            case .end:
                guard let stream = exchange.stream else { throw .noStream }
                forget(exchange)
                if stream.hasBody {
                    write(to: connection) { $0.endBody(connection.exchange.framing) }
                }
                exchangeEnded(on: connection)
                // Without a last byte to write, nobody would say that all are with the socket.
                if case .finishing = connection.exchange.state, connection.outbox.isDrained {
                    responded(on: connection)
                }
            case .refusal: break
            }
        }
    }

    /// Writes a host's response as a whole.
    private func respond(
        _ status: Int, _ lines: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer,
        on connection: ServerConnection
    ) {
        respondEarly(on: connection) { keepsAlive in
            let hasBody = ServerEngine.hasBody(status)
            let isSent = hasBody && connection.head?.method != .head
            let isLong = body.count >= ServerEngine.longBytes
            write(to: connection) { output in
                beginHead(status, lines, on: connection, output)
                output.endHead(length: hasBody ? body.count : nil, keepsAlive: keepsAlive)
                if isSent, !isLong { output.append(body) }
            }
            if isSent, isLong { connections.write(long: ByteBuffer(copying: body), to: connection) }
        }
    }

    private func start(
        _ exchange: HostedExchange, _ status: Int, _ lines: UnsafeRawBufferPointer,
        on connection: ServerConnection
    ) {
        let hasBody = ServerEngine.hasBody(status)
        let isChunked = connection.exchange.framing == .chunked
        exchange.stream = AnswerStream(hasBody: hasBody && connection.head?.method != .head)
        write(to: connection) { output in
            beginHead(status, lines, on: connection, output)
            if hasBody, isChunked { output.append("Transfer-Encoding: chunked\r\n") }
            output.endHead(length: nil, keepsAlive: keepsAlive(connection))
        }
        awaitReading(of: connection)
    }

    private func write(
        _ part: UnsafeRawBufferPointer, of exchange: HostedExchange,
        on connection: ServerConnection
    ) throws(CallerFault) {
        guard let stream = exchange.stream else { throw .noStream }
        guard stream.hasBody, part.count > 0 else { return }
        guard
            stream.writtenBytes == stream.toldBytes
                || connection.unsentBytes + part.count <= options.unsentBytesMax
        else { throw .limit }
        guard keepsUp(connection) else { throw .disconnected }
        exchange.stream?.writtenBytes += UInt64(part.count)
        write(to: connection) { output in
            output.appendPart(connection.exchange.framing) { $0.append(part) }
        }
        awaitReading(of: connection)
    }

    private func beginHead(
        _ status: Int, _ lines: UnsafeRawBufferPointer, on connection: ServerConnection,
        _ output: ByteBuffer
    ) {
        connection.access?.note(status)
        output.beginHead(status: status)
        output.append(dateField)
        connection.exchange.appendCrossOriginFields(to: output)
        output.append(lines)
    }

    /// RFC 9110 §6.4.1.
    private static func hasBody(_ status: Int) -> Bool { status != 204 && status != 304 }

    // MARK: Reading

    /// A client that reads nothing of an answer for as long as a body may take is disconnected.
    private func awaitReading(of connection: ServerConnection) {
        if connections.currentWait(of: connection) == nil { wait(.drain, connection) }
    }

    /// The socket has taken all that the host has written.
    func drained(_ exchange: HostedExchange, on connection: ServerConnection) {
        stopWaiting(connection)
        guard let stream = exchange.stream, stream.writtenBytes > stream.toldBytes else { return }
        exchange.stream?.toldBytes = stream.writtenBytes
        deliver(.httpWritable, exchange, nil)
    }

    // MARK: Ends

    /// The client of an exchange has gone before its answer was complete.
    func lost(_ exchange: HostedExchange) {
        forget(exchange)
        deliver(.httpClosed, exchange, shutdown.isClosing ? .closed : .disconnected)
    }

    /// The server closes: an exchange whose answer has not begun gets one.
    func cut(_ exchange: HostedExchange, on connection: ServerConnection) {
        guard exchange.stream == nil else { return discard(connection) }
        lost(exchange)
        refuseWhileDraining(connection)
    }

    private func forget(_ exchange: HostedExchange) {
        hosted.close()
        requests.count(-exchange.heldBytes, in: exchange.shares)
        shares.forget(exchange.shares)
    }

    private func deliver(
        _ kind: HostEvent.Kind, _ exchange: HostedExchange, _ fault: CallerFault?
    ) {
        let event = HostEvent(kind)
        event.exchange = exchange.key
        event.fault = fault
        event.sentBytes = exchange.stream?.toldBytes ?? 0
        core.perform(.deliver(event))
    }

    // MARK: Tags

    /// An exchange is over, and its connection has the next one or is lost: the host need not keep
    /// what its tag stands for.
    @inline(never)
    func releaseTag(of connection: ServerConnection) {
        guard let principal = connection.exchange.takePrincipal(), principal.tag != 0 else {
            return
        }
        let event = HostEvent(.tagReleased)
        event.principal = principal
        core.perform(.deliver(event))
    }
}
