import Link
import MCP
import Session
import Wire

/// Batches: several messages in one POST, in the oldest revision of this transport (S-260).
extension ServerEngine {
    /// Handles a body that is an array.
    func batchArrived(
        _ body: HTTPParser.Body, _ head: RequestHead, on connection: ServerConnection
    ) {
        // What was lent is gone when the second message is to be read.
        let text = body.buffer ?? ByteBuffer(copying: body.bytes)
        var content = BatchContent()
        if let refusal = read(text, &content) { return refuse(refusal, connection) }
        guard !content.hasClaim, options.revisions.has(.legacy),
            classifier.header(of: head) != .modern
        else { return refuse(.batch, connection) }
        guard classifier.header(of: head) != .unknown else {
            return refuse(
                .revision, connection, data: versionsOffered(.legacy, asked: head[.protocolVersion])
            )
        }
        var session: ServerSession?
        if !options.isStateless {
            switch findSession(head, on: connection) {
            case .found(let found): session = found
            case .refused(let refusal): return refuse(refusal, connection)
            }
        }
        guard revision(of: session, head).hasBatches else { return refuse(.batch, connection) }
        if content.hasRequest, isDraining { return refuseWhileDraining(connection) }
        let shares = session?.shares ?? shares(of: connection)
        let batch = Batch(
            text, content.places, isDocument: policy.commit == .json, of: session, shares)
        guard makeRoom(forRequest: batch.heldBytes, in: shares, on: connection) else {
            self.shares.forget(shares)
            return refuse(.tooManyRequests, connection)
        }
        requests.count(batch.heldBytes, in: shares)
        if content.hasRequest {
            connection.exchange.setBatch(batch)
            goOn(with: batch, head, on: connection)
        } else {
            accept(connection)
            while let message = batch.next() { handle(message, head, of: session, on: connection) }
            forget(batch)
        }
        if let session { noteActivity(of: session) }
    }

    /// What the messages of a batch are.
    private struct BatchContent {
        var places: [Range<Int>] = []
        var hasRequest = false
        var hasClaim = false
    }

    /// Reads all messages of a batch, so that a bad one is refused before another has an effect.
    private func read(_ text: ByteBuffer, _ content: inout BatchContent) -> Refusal? {
        guard let array = JSONValue(text.bytes, depthMax: options.limits.jsonDepth),
            let start = text.bytes.baseAddress
        else { return .batch }
        var hasResponse = false
        for element in array.elements(atMost: Batch.countMax + 1) {
            guard content.places.count < Batch.countMax else { return .batchTooLong }
            guard let place = element.text.baseAddress.map({ $0 - start }),
                let envelope = try? Envelope(
                    element.text, limits: options.limits, noting: MetaKey.meta)
            else { return .notAMessage }
            content.places.append(place..<place + element.text.count)
            let meta = RequestMeta(of: envelope)
            if meta.claim != nil { content.hasClaim = true }
            guard meta.isWithin(options.limits) else { return .progressTokenTooLong }
            switch envelope.kind {
            case .request:
                if envelope.method.equals(Method.initialize) { return .batchInitialize }
                content.hasRequest = true
            case .notification: break
            case .response, .strayError: hasResponse = true
            }
        }
        guard !content.places.isEmpty else { return .batchEmpty }
        return content.hasRequest && hasResponse ? .batchMixed : nil
    }

    private func handle(
        _ text: ByteBuffer, _ head: RequestHead, of session: ServerSession?,
        on connection: ServerConnection
    ) {
        let body = HTTPParser.Body(text)
        guard let message = try? Message(body, limits: options.limits) else { return }
        dispatch(message, head, of: session, on: connection)
    }

    /// Handles the next messages of a batch, up to a request that has to wait.
    private func goOn(
        with batch: Batch, _ head: RequestHead, on connection: ServerConnection
    ) {
        guard !batch.isGoingOn else { return }
        batch.isGoingOn = true
        while !connection.isClosed, connection.exchange.batch === batch {
            let isOver = shutdown.isClosing || batch.session?.state.hasEnded == true
            guard !isOver, let message = batch.next() else {
                end(batch, on: connection)
                break
            }
            handle(message, head, of: batch.session, on: connection)
            if let session = batch.session { noteActivity(of: session) }
            if case .request = connection.exchange.state { break }
        }
        batch.isGoingOn = false
    }

    /// Adds an answer to the response, and sees to the next message. `request` was open; nil for
    /// one that was answered at once.
    func add(
        _ answer: ByteBuffer, to batch: Batch, of request: OpenRequest?,
        on connection: ServerConnection
    ) {
        if batch.answers != nil {
            keep(answer, in: batch, of: request, on: connection)
        } else {
            beginStream(of: batch, on: connection)
            let id = request?.nextEventID()
            if let session = request?.session, let id {
                sessions.record(id, answer, isShared: false, of: session, at: now)
            }
            writeEvent(.essential, answer, id, to: connection)
            if let request { sessions.endLog(of: request) }
        }
        guard !connection.isClosed, let head = connection.head else { return }
        move(connection, to: .receiving)
        goOn(with: batch, head, on: connection)
    }

    /// Keeps an answer until the response is complete; one that is too much becomes an error.
    private func keep(
        _ answer: ByteBuffer, in batch: Batch, of request: OpenRequest?,
        on connection: ServerConnection
    ) {
        let before = batch.heldBytes
        if let request,
            !makeRoom(forRequest: answer.count, in: batch.shares, on: connection)
        {
            core.counters.resultDrops += 1
            log(
                .warning, "The answers of a batch hold too much; one is lost (request_bytes_max)",
                on: connection)
            let error = ByteBuffer()
            let refusal = Refusal.batchTooLarge
            error.appendError(
                id: request.id, code: refusal.code.rawValue, message: refusal.message.rawBytes)
            batch.add(error)
        } else {
            batch.add(answer)
        }
        requests.count(batch.heldBytes - before, in: batch.shares)
    }

    func beginStream(of batch: Batch, on connection: ServerConnection) {
        guard !batch.hasStream else { return }
        batch.hasStream = true
        writeStreamHead(to: connection)
    }

    private func end(_ batch: Batch, on connection: ServerConnection) {
        dropBatch(of: connection)
        guard let answers = batch.answers else { return endStream(on: connection) }
        respond(on: connection, policy) { output in
            output.append(answers)
            output.append("]")
        }
    }

    /// The batch of a connection is over, or the connection is.
    func dropBatch(of connection: ServerConnection) {
        guard let batch = connection.exchange.batch else { return }
        connection.exchange.setBatch(nil)
        forget(batch)
    }

    private func forget(_ batch: Batch) {
        requests.count(-batch.heldBytes, in: batch.shares)
        shares.forget(batch.shares)
    }
}
