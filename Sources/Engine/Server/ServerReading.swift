import Link
import MCP
import Wire

/// Parses the bytes of a connection into requests, and refuses some before they are complete.
extension ServerEngine {
    /// `behindHead`: the parser has stopped at the end of a head. `lent`: as in `received`.
    /// `isStored`: the bytes have waited, and can wait on.
    func read(
        _ bytes: UnsafeRawBufferPointer, from connection: ServerConnection,
        behindHead: Bool = false, lent: Bool = false, isStored: Bool = false
    ) {
        var rest = bytes
        var hasStopped = behindHead
        while rest.count > 0 || hasStopped {
            switch connection.exchange.state {
            case .idle
            where connection.reader.hasPipelined || isTooFarAhead(connection)
                || isStored && (core.isBusy || connections.readable.isHeld):
                if rest.count > 0 { postpone(rest, on: connection) }
                return
            case .idle, .receiving, .refused, .receivingOther: break
            case .request, .primary, .listening, .loading, .hosted, .relayed,
                .seeking where connection.exchange.returned != nil:
                if rest.count > 0 { postpone(rest, on: connection) }
                return
            case .authorizing, .seeking:
                if rest.count > 0 { holdBack(rest, on: connection) }
                return
            case .finishing, .lingering: return
            case .closed:
                connection.diversion?.bytes.append(rest)
                return
            }
            if let count = takeKnown(rest, on: connection, lent: lent) {
                rest = rest.dropBytes(count)
                continue
            }
            if hasStopped, connection.isAtBodyToRead {
                connection.reader.prepareBody(lent: lent ? rest.count : 0, &core.spare)
            }
            let isWhole = !connection.reader.isInsideMessage
            let unread = rest
            let step = connection.reader.parse(&rest, &core.spare)
            if let access = connection.access,
                step != .needsMore || connection.reader.isInsideMessage
            {
                noteReceived(unread.count - rest.count, in: access, of: connection)
            }
            // A message without a body ends with its head: parse once more, even if no byte is
            // left.
            hasStopped = step == .head
            handle(step, on: connection)
            if hasStopped {
                let parsed = unread.prefixBytes(unread.count - rest.count)
                noteHead(asArrived: parsed.prefixBytes(isWhole ? parsed.count : 0), on: connection)
            }
        }
        // Only empty lines have arrived. They are not part of a request, so the parser is returned.
        if !connection.reader.isIdle, case .idle = connection.exchange.state,
            !connection.reader.isUnfinished
        {
            connection.reader.endMessage(of: connection.id, &core.spare)
        }
    }

    // MARK: Remembered heads

    /// Takes a request whose head equals the last one of its connection, without parsing it: the
    /// result of the earlier admission is still valid. Returns the length of the request in bytes;
    /// nil if it must be parsed.
    @inline(__always)
    private func takeKnown(
        _ bytes: UnsafeRawBufferPointer, on connection: ServerConnection, lent: Bool
    ) -> Int? {
        guard
            let known = connection.reader.takeKnown(
                bytes, of: connection.id, bodyMax: options.limits.messageBytes, lent: lent,
                &core.spare)
        else { return nil }
        if let access = connection.access {
            noteReceived(known.count, in: access, of: connection)
        }
        begin(known.head, on: connection, as: known.principal)
        messageArrived(on: connection)
        return known.count
    }

    /// Remembers the head just parsed, so that an equal one need not be parsed, but only if
    /// admission depended on the head alone and not on the host's verdict. Otherwise the
    /// connection's remembered head is removed.
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

    /// The longest head to remember, in bytes. It must also stay that far below `headerBytes`, so
    /// that a longer Content-Length cannot bring a remembered head above that limit.
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
            switch connection.exchange.state {
            case .refused: exchangeEnded(on: connection)
            case .receivingOther: otherArrived(on: connection)
            default: messageArrived(on: connection)
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
        if let origin = connection.origin {
            return headArrived(head, for: origin, on: connection)
        }
        if let isElsewhere, divert(connection, head, if: isElsewhere) { return }
        switch gate.judge(head) {
        case .refuse(let refusal):
            noteRefusal(refusal, head, on: connection)
            refuse(refusal, connection)
        case .message, .primaryStream, .endOfSession:
            authorize(head, on: connection)
        case .metadata:
            respondMetadata(head, on: connection)
        case .preflight:
            break
        case .other:
            otherHeadArrived(head, on: connection)
        }
    }

    @inline(__always)
    private func begin(
        _ head: RequestHead, on connection: ServerConnection, as principal: Principal? = nil
    ) {
        if connection.exchange.principal != nil { releaseTag(of: connection) }
        connection.begin(
            head, crossOriginFields: gate.crossOriginFields(for: head), as: principal, at: now)
    }

    /// Continues with a request that is authorized, or refuses it if it cannot be served.
    @inline(never)
    func admit(_ head: RequestHead, on connection: ServerConnection) {
        if let refusal = gate.examine(head) { return refuse(refusal, connection) }
        if kept.hasStore, seek(head, on: connection) { return }
        if head.method == .post { sendContinue(head, on: connection) }
    }

    func sendContinue(_ head: RequestHead, on connection: ServerConnection) {
        if !head.isHTTP10, head[.expect]?.equalsIgnoringCase("100-continue") == true {
            write(to: connection) { $0.append("HTTP/1.1 100 Continue\r\n\r\n") }
        }
    }

    /// Stores bytes that arrive after a request that is not answered yet, or after unread answers.
    private func postpone(_ bytes: UnsafeRawBufferPointer, on connection: ServerConnection) {
        if connection.reader.postpone(bytes) > options.pipelinedBytesMax {
            log(
                .warning,
                "A client sent too much behind a request that waits; its connection is closed",
                on: connection)
            discard(connection)
        }
    }

    private static func refusal(for fault: HTTPFault) -> Refusal {
        switch fault {
        case .malformed: .malformed
        case .version: .version
        case .method: .method
        case .coding: .transferCoding
        case .targetTooLong: .targetTooLong
        case .headersTooLarge: .headersTooLarge
        case .bodyTooLarge: .messageTooLarge
        }
    }

    /// Logs which option would have admitted a refused request.
    private func noteRefusal(
        _ refusal: Refusal, _ head: RequestHead, on connection: ServerConnection
    ) {
        switch refusal.counter {
        case .host:
            log(
                .warning, "Refused a Host that allowed_hosts would have to name: ", head[.host],
                on: connection)
        case .origin:
            log(
                .warning, "Refused an Origin that allowed_origins would have to name: ",
                head[.origin], on: connection)
        case .session, .limit, .other: break
        }
    }
}

extension ServerConnection {
    /// Whether the body of the request, whose head has arrived, is wanted.
    fileprivate var isAtBodyToRead: Bool {
        switch exchange.state {
        case .receiving: head?.method == .post
        case .receivingOther: head?.hasBody == true
        default: false
        }
    }
}
