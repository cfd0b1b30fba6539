import Link
import MCP
import Wire

/// Bytes of a connection to requests, and what is refused before it is one.
extension ServerEngine {
    /// `behindHead` says that the parser has stopped at the end of a head, `lent` is as in
    /// `received`.
    func read(
        _ bytes: UnsafeRawBufferPointer, from connection: ServerConnection,
        behindHead: Bool = false, lent: Bool = false
    ) {
        var rest = bytes
        var hasStopped = behindHead
        while rest.count > 0 || hasStopped {
            switch connection.exchange.state {
            case .idle where connection.reader.hasPipelined || isTooFarAhead(connection):
                if rest.count > 0 { postpone(rest, on: connection) }
                return
            case .idle, .receiving, .refused: break
            case .request, .primary, .loading:
                if rest.count > 0 { postpone(rest, on: connection) }
                return
            case .authorizing:
                if rest.count > 0 { holdBack(rest, on: connection) }
                return
            case .finishing, .lingering, .closed: return
            }
            if let count = takeKnown(rest, on: connection, lent: lent) {
                rest = rest.dropBytes(count)
                continue
            }
            if hasStopped, case .receiving = connection.exchange.state,
                connection.head?.method == .post
            {
                connection.reader.prepareBody(lent: lent ? rest.count : 0, &core.spare)
            }
            let isWhole = !connection.reader.isInsideMessage
            let unread = rest
            let step = connection.reader.parse(&rest, &core.spare)
            // A message without a body ends where its head does: no byte is left to say so.
            hasStopped = step == .head
            handle(step, on: connection)
            if hasStopped {
                let parsed = unread.prefixBytes(unread.count - rest.count)
                noteHead(asArrived: parsed.prefixBytes(isWhole ? parsed.count : 0), on: connection)
            }
        }
        // Empty lines before a request are none of it.
        if !connection.reader.isIdle, case .idle = connection.exchange.state,
            !connection.reader.isUnfinished
        {
            connection.reader.endMessage(of: connection.id, &core.spare)
        }
    }

    // MARK: Heads that come again

    /// Takes a request whose head is the last one of its connection once more: what was found of
    /// that holds for this one. Tells how many bytes the request has; nil if it has to be read.
    private func takeKnown(
        _ bytes: UnsafeRawBufferPointer, on connection: ServerConnection, lent: Bool
    ) -> Int? {
        guard
            let known = connection.reader.takeKnown(
                bytes, of: connection.id, bodyMax: options.limits.messageBytes, lent: lent,
                &core.spare)
        else { return nil }
        begin(known.head, on: connection, as: known.principal)
        messageArrived(on: connection)
        return known.count
    }

    /// Keeps the head that has just been read for when it comes again, if its request was admitted
    /// for nothing but what stands in it: not if the host is to say. No other head is kept then.
    private func noteHead(
        asArrived bytes: UnsafeRawBufferPointer, on connection: ServerConnection
    ) {
        guard case .receiving = connection.exchange.state, let head = connection.head,
            head.method == .post, connection.keepsAlive, head[.expect] == nil,
            bytes.count <= ServerEngine.knownHeadBytesMax,
            bytes.count + ServerEngine.knownHeadBytesMax <= options.limits.headerBytes,
            connection.reader.remember(
                asArrived: bytes, of: connection.id, as: connection.exchange.principal,
                &core.spare)
        else { return core.spare.forgetHead(of: connection.id) }
    }

    /// How long a head may be that is kept. That it is as far from the limit of all heads leaves
    /// room for any length of a body.
    private static var knownHeadBytesMax: Int { 2048 }

    // MARK: Steps

    private func handle(_ step: HTTPParser.Step, on connection: ServerConnection) {
        switch step {
        case .needsMore:
            guard connection.reader.isInsideMessage else { return }
            if case .idle = connection.exchange.state {
                move(connection, to: .receiving)
                wait(.head, connection)
            } else if connection.reader.awaitBody() {
                wait(.body, connection)
            }
        case .head:
            headArrived(on: connection)
        case .message:
            if case .refused = connection.exchange.state {
                exchangeEnded(on: connection)
            } else {
                messageArrived(on: connection)
            }
        case .fault(let fault):
            if case .refused = connection.exchange.state { return discard(connection) }
            connection.endAfterExchange()
            refuse(ServerEngine.refusal(for: fault), connection)
        }
    }

    private func headArrived(on connection: ServerConnection) {
        guard let head = connection.head else { return }
        begin(head, on: connection)
        switch gate.judge(head) {
        case .refuse(let refusal):
            noteRefusal(refusal, head)
            refuse(refusal, connection)
        case .message, .primaryStream, .endOfSession:
            authorize(head, on: connection)
        case .metadata:
            respondMetadata(head, on: connection)
        case .preflight:
            break
        }
    }

    private func begin(
        _ head: RequestHead, on connection: ServerConnection, as principal: Principal? = nil
    ) {
        connection.begin(head, crossOriginFields: gate.crossOriginFields(for: head), as: principal)
    }

    /// Lets a request that is authorized go on to its end.
    func admit(_ head: RequestHead, on connection: ServerConnection) {
        if let refusal = gate.examine(head) { return refuse(refusal, connection) }
        guard head.method == .post else { return }
        if !head.isHTTP10, head[.expect]?.equalsIgnoringCase("100-continue") == true {
            write(to: connection) { $0.append("HTTP/1.1 100 Continue\r\n\r\n") }
        }
    }

    /// Keeps what arrives behind a request that is not answered yet, or behind unread answers.
    private func postpone(_ bytes: UnsafeRawBufferPointer, on connection: ServerConnection) {
        if connection.reader.postpone(bytes) > options.pipelinedBytesMax {
            core.log(
                .warning,
                "A client sent too much behind a request that waits; its connection is closed")
            discard(connection)
        }
    }

    private static func refusal(for fault: HTTPFault) -> Refusal {
        switch fault {
        case .malformed: Refusal(.badRequest, .invalidRequest, "Not a well-formed HTTP/1.1 request")
        case .version: Refusal(.versionNotSupported, .invalidRequest, "Only HTTP/1.1 is served")
        case .method: Refusal(.notImplemented, .invalidRequest, "The method is not implemented")
        case .coding:
            Refusal(
                .notImplemented, .invalidRequest, "The only Transfer-Encoding served is chunked")
        case .targetTooLong:
            Refusal(.targetTooLong, .invalidRequest, "The request target is too long")
        case .headersTooLarge: Refusal(.headersTooLarge, .invalidRequest, "The header is too large")
        case .bodyTooLarge: Refusal(.contentTooLarge, .invalidRequest, "The message is too large")
        }
    }

    /// Tells the operator which option would have admitted a request.
    private func noteRefusal(_ refusal: Refusal, _ head: RequestHead) {
        if refusal == Admission.hostRefused {
            core.log(
                .warning, "Refused a Host that allowed_hosts would have to name: ", head[.host])
        } else if refusal == Admission.originRefused {
            core.log(
                .warning, "Refused an Origin that allowed_origins would have to name: ",
                head[.origin])
        }
    }
}
