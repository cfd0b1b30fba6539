import Link
import MCP
import Session
import Wire

/// The responses that the engine writes by itself, and the heads of all responses.
extension ServerEngine {
    /// Refuses a request whose body is not a message; the error has its id if that could be read.
    func refuse(_ fault: Envelope.Fault, _ connection: ServerConnection) {
        switch fault {
        case .notUTF8(let id): refuse(.notUTF8, connection, id: id)
        case .notJSON(let id): refuse(.notJSON, connection, id: id)
        case .tooDeep(let id): refuse(.tooDeep, connection, id: id)
        case .batch: refuse(Refusal.batch, connection)
        case .illegalID: refuse(Refusal.illegalID, connection)
        case .idTooLong: refuse(Refusal.idTooLong, connection)
        case .paramsNotStructured(let id): refuse(.params, connection, id: id)
        case .notAMessage(let id): refuse(.notAMessage, connection, id: id)
        }
    }

    /// Refuses a request with an error response. `method` is that of its message, for the log.
    func refuse(
        _ refusal: Refusal, _ connection: ServerConnection, id: RequestID? = nil,
        _ method: UnsafeRawBufferPointer = .init(start: nil, count: 0), data: ByteBuffer? = nil
    ) {
        log(
            .debug, "Refused a request: ", refusal.message.rawBytes, on: connection, of: nil,
            method)
        count(refusal)
        let error = core.spare.takeBuffer()
        if let batch = connection.exchange.batch {
            error.appendError(
                id: id, code: refusal.code.rawValue, message: refusal.message.rawBytes,
                data: data?.bytes)
            return add(error, to: batch, of: nil, on: connection)
        }
        let isText = refusal.isText || connection.exchange.state.isForOtherPath
        if isText {
            error.append(refusal.message.rawBytes)
            error.append("\n")
        } else {
            error.appendError(
                id: id, code: refusal.code.rawValue, message: refusal.message.rawBytes,
                data: data?.bytes)
        }
        respondEarly(refusal.status, error, isText: isText, on: connection) { output in
            if let allow = refusal.allow { output.appendField("Allow", allow.rawBytes) }
            if refusal.status == .serviceUnavailable {
                output.appendField("Retry-After", ("1" as StaticString).rawBytes)
            }
        }
        core.spare.give(error)
    }

    /// Writes a complete response, with the header lines that `fields` appends. If the request is
    /// still arriving and may have a body, the connection ends after the response; otherwise the
    /// rest of the request is skipped.
    func respondEarly(
        _ status: HTTPStatus, _ body: ByteBuffer?, isText: Bool = false,
        on connection: ServerConnection, _ fields: (ByteBuffer) -> Void
    ) {
        respondEarly(on: connection) { keepsAlive in
            write(to: connection) { output in
                beginHead(status, on: connection, output)
                fields(output)
                guard let body else { return output.endEmptyHead(status, keepsAlive: keepsAlive) }
                output.endHead(length: body.count, isText: isText, keepsAlive: keepsAlive)
                if connection.head?.method != .head { output.append(body) }
            }
        }
    }

    /// The same with a response that `respond` writes, told whether another request may follow.
    func respondEarly(on connection: ServerConnection, _ respond: (_ keepsAlive: Bool) -> Void) {
        _ = connection.exchange.takePlace()
        let isArriving = connection.reader.isInsideMessage
        let hasMore = isArriving && connection.head?.hasBody ?? true
        if hasMore { connection.endAfterExchange() }
        respond(keepsAlive(connection))
        if isArriving, connection.keepsAlive, !connection.isClosed {
            move(connection, to: .refused)
        } else {
            exchangeEnded(on: connection)
        }
    }

    /// What the error says about the revisions that are served (S-025).
    func versionsOffered(_ era: Era, asked: UnsafeRawBufferPointer?) -> ByteBuffer {
        let data = ByteBuffer(copying: ("{\"supported\":" as StaticString).rawBytes)
        options.revisions.append(era, to: data)
        if let text = asked, UTF8Text.isValid(text) {
            data.append(",\"requested\":")
            data.append(jsonString: text)
        }
        data.append("}")
        return data
    }

    private func count(_ refusal: Refusal) {
        switch refusal.counter {
        case .host: core.counters.hostRefusals += 1
        case .origin: core.counters.originRefusals += 1
        case .session: core.counters.sessionRefusals += 1
        case .limit: core.counters.limitRefusals += 1
        case .other: core.counters.otherRefusals += 1
        }
    }

    /// Whether another request may follow the current one.
    func keepsAlive(_ connection: ServerConnection) -> Bool {
        connection.keepsAlive && !shutdown.isClosing
    }

    func accept(_ connection: ServerConnection) {
        respondEmpty(.accepted, connection)
    }

    func respondEmpty(_ status: HTTPStatus, _ connection: ServerConnection) {
        write(to: connection) { output in
            beginHead(status, on: connection, output)
            output.endEmptyHead(status, keepsAlive: keepsAlive(connection))
        }
        exchangeEnded(on: connection)
    }

    /// Writes a complete response to a request for which nothing has been written: a stream of one
    /// event or a JSON document, depending on the mode.
    func respond(
        on connection: ServerConnection, _ policy: ResponsePolicy, _ status: HTTPStatus = .ok,
        sessionID: SessionID? = nil, about length: Int = 128, _ compose: (ByteBuffer) -> Void
    ) {
        let message = core.spare.takeBuffer(for: length)
        compose(message)
        if let batch = connection.exchange.batch {
            return add(message, to: batch, of: nil, on: connection)
        }
        guard policy.hasDocument else {
            respond(on: connection, withStreamOf: message, for: nil, sessionID)
            return core.spare.give(message)
        }
        guard keepsUp(connection) else {
            core.counters.resultDrops += 1
            return core.spare.give(message)
        }
        let keepsAlive = keepsAlive(connection)
        let isLong = message.count >= ServerEngine.longBytes
        write(to: connection) { output in
            beginHead(status, on: connection, output)
            appendSessionID(sessionID, to: output)
            output.endHead(length: message.count, keepsAlive: keepsAlive)
            if !isLong { output.append(message) }
        }
        if isLong {
            connections.write(long: message, to: connection)
        } else {
            core.spare.give(message)
        }
        exchangeEnded(on: connection)
    }

    @_optimize(speed)
    func beginStream(on connection: ServerConnection, _ sessionID: SessionID?, _ output: ByteBuffer)
    {
        beginHead(.ok, on: connection, output)
        appendSessionID(sessionID, to: output)
        output.endStreamHead(
            connection.exchange.framing, keepsAlive: keepsAlive(connection))
    }

    @_optimize(speed)
    func beginHead(
        _ status: HTTPStatus, on connection: ServerConnection, _ output: ByteBuffer
    ) {
        connection.access?.note(status.rawValue)
        output.beginHead(status)
        output.append(dateField)
        connection.exchange.appendCrossOriginFields(to: output)
    }

    @inline(__always)
    private func appendSessionID(_ id: SessionID?, to output: ByteBuffer) {
        guard let id else { return }
        output.append(FieldName.sessionID)
        output.append(": ")
        if let prefix = options.sessionIDPrefix { output.append(prefix) }
        id.append(to: output)
        output.append("\r\n")
    }
}
