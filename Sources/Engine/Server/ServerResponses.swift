import Link
import MCP
import Session
import Wire

/// The responses that the engine writes of its own, and the heads of all.
extension ServerEngine {
    /// Refuses a request whose body is not a message, with its id as far as it could be read.
    func refuse(_ fault: Envelope.Fault, _ connection: ServerConnection) {
        switch fault {
        case .notUTF8(let id):
            refuse(
                Refusal(.badRequest, .parseError, "The message is not valid UTF-8"), connection,
                id: id)
        case .notJSON(let id):
            refuse(
                Refusal(.badRequest, .parseError, "The message is not valid JSON"), connection,
                id: id)
        case .tooDeep(let id):
            refuse(
                Refusal(
                    .badRequest, .invalidRequest,
                    "The message nests arrays and objects too deep (json_depth_max)"),
                connection, id: id)
        case .batch:
            refuse(Refusal(.badRequest, .invalidRequest, "Batches are not supported"), connection)
        case .illegalID:
            refuse(
                Refusal(.badRequest, .invalidRequest, "An id must be a string or an integer"),
                connection)
        case .idTooLong:
            refuse(
                Refusal(.badRequest, .invalidRequest, "The id is longer than 1024 bytes"),
                connection)
        case .paramsNotStructured(let id):
            refuse(
                Refusal(.badRequest, .invalidRequest, "params must be an object or an array"),
                connection, id: id)
        case .notAMessage(let id):
            refuse(
                Refusal(.badRequest, .invalidRequest, "Not a JSON-RPC 2.0 message"), connection,
                id: id)
        }
    }

    /// Answers a request with an error of ours.
    func refuse(
        _ refusal: Refusal, _ connection: ServerConnection, id: RequestID? = nil,
        data: ByteBuffer? = nil
    ) {
        core.log(.debug, "Refused a request: ", refusal.message.rawBytes)
        count(refusal)
        let error = core.spare.takeBuffer()
        if refusal.isText {
            error.append(refusal.message.rawBytes)
            error.append("\n")
        } else {
            error.appendError(
                id: id, code: refusal.code.rawValue, message: refusal.message.rawBytes,
                data: data?.bytes)
        }
        respondEarly(refusal.status, error, isText: refusal.isText, on: connection) { output in
            if let allow = refusal.allow { output.appendField("Allow", allow.rawBytes) }
            if refusal.status == .serviceUnavailable {
                output.appendField("Retry-After", ("1" as StaticString).rawBytes)
            }
        }
        core.spare.give(error)
    }

    /// Writes a whole response, with the header lines that `fields` writes. If the request is still
    /// arriving, the rest of it is skipped, or, if there may be much, the connection ends.
    func respondEarly(
        _ status: HTTPStatus, _ body: ByteBuffer?, isText: Bool = false,
        on connection: ServerConnection, _ fields: (ByteBuffer) -> Void
    ) {
        let isArriving = connection.reader.isInsideMessage
        let hasMore = isArriving && connection.head?.hasBody ?? true
        if hasMore { connection.endAfterExchange() }
        let keepsAlive = keepsAlive(connection)
        write(to: connection) { output in
            beginHead(status, on: connection, output)
            fields(output)
            guard let body else { return output.endEmptyHead(status, keepsAlive: keepsAlive) }
            output.endHead(length: body.count, isText: isText, keepsAlive: keepsAlive)
            if connection.head?.method != .head { output.append(body) }
        }
        if isArriving, connection.keepsAlive, !connection.isClosed {
            move(connection, to: .refused)
        } else {
            exchangeEnded(on: connection)
        }
    }

    private func count(_ refusal: Refusal) {
        switch refusal.status {
        case .forbidden where refusal == Admission.hostRefused: core.counters.hostRefusals += 1
        case .forbidden: core.counters.originRefusals += 1
        case .serviceUnavailable where refusal == ServerEngine.drainingRefusal:
            core.counters.otherRefusals += 1
        case .contentTooLarge, .targetTooLong, .headersTooLarge, .serviceUnavailable,
            .requestTimeout:
            core.counters.limitRefusals += 1
        case _ where refusal == ServerEngine.sessionMissing,
            _ where refusal == ServerEngine.sessionUnknown:
            core.counters.sessionRefusals += 1
        default: core.counters.otherRefusals += 1
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

    /// Writes a whole response to a request that nothing has been written for: a stream of one
    /// event, or a JSON document, as the mode says.
    func respond(
        on connection: ServerConnection, sessionID: SessionID?, about length: Int = 128,
        _ compose: (ByteBuffer) -> Void
    ) {
        let message = core.spare.takeBuffer(for: length)
        compose(message)
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
            beginHead(.ok, on: connection, output)
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

    func beginStream(on connection: ServerConnection, _ sessionID: SessionID?, _ output: ByteBuffer)
    {
        beginHead(.ok, on: connection, output)
        appendSessionID(sessionID, to: output)
        output.endStreamHead(
            connection.exchange.framing, keepsAlive: keepsAlive(connection))
    }

    func beginHead(
        _ status: HTTPStatus, on connection: ServerConnection, _ output: ByteBuffer
    ) {
        output.beginHead(status)
        output.append(dateField)
        connection.exchange.appendCrossOriginFields(to: output)
    }

    private func appendSessionID(_ id: SessionID?, to output: ByteBuffer) {
        guard let id else { return }
        output.append(FieldName.sessionID)
        output.append(": ")
        id.append(to: output)
        output.append("\r\n")
    }
}
