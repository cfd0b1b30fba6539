import Replay
import Session
import Wire

/// What is written to clients, and what becomes of it when they do not read.
extension ServerEngine {
    /// As much may be composed for a socket ahead of what it has taken.
    static var outputBytes: Int { 256 << 10 }

    /// From here on a message is not copied: its own buffer goes to the socket.
    package static var longBytes: Int { 16 << 10 }

    /// Hands over what a connection has to write. Report it with `sent`, and give it back.
    package func takeOutput(of connection: ServerConnection) -> Output? {
        let count = connection.untakenBytes
        guard count > 0 else { return nil }
        var pieces: [ByteBuffer] = []
        swap(&pieces, &connection.pieces)
        var last: ByteBuffer?
        swap(&last, &connection.output)
        let output = Output(pieces, last, count: count)
        connection.takenBytes = connection.queuedBytes
        return output
    }

    /// Takes back what has been written.
    package func recycle(_ output: consuming Output) {
        spare.give(output)
    }

    /// Lets go of what was kept to be used again.
    package func dropSpareParts() {
        spare = SpareParts()
    }

    /// Takes back an event that the host has heard. Nobody may look at it any more.
    package func recycle(_ event: HostEvent) {
        spare.give(event)
    }

    /// Lets `compose` append to what `connection` has to write.
    func write(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        guard !connection.isClosed else { return }
        if connection.output == nil { connection.output = spare.takeBuffer() }
        guard let output = connection.output else { return }
        let hadBacklog = connection.queuedBytes > connection.handedBytes
        let before = output.count
        compose(output)
        noteQueued(output.count - before, on: connection)
        // A backlog keeps its deadline: what is not read is found out, however much is written.
        if connection.isStreaming, !hadBacklog { wait(.keepAlive, connection) }
        guard !connection.isQueuedForWriting else { return }
        connection.isQueuedForWriting = true
        writable.append(connection)
    }

    /// Hands over a long text as it is, behind what has been written before. Nobody may change it.
    func write(_ text: ByteBuffer, asItIsTo connection: ServerConnection) {
        guard !connection.isClosed else { return }
        if let output = connection.output { connection.pieces.append(output) }
        connection.output = nil
        connection.pieces.append(text)
        noteQueued(text.count, on: connection)
        hasMuchToWrite = true  // Its buffer can be the next one's when it has been written.
    }

    private func noteQueued(_ count: Int, on connection: ServerConnection) {
        connection.queuedBytes += UInt64(count)
        counters.unsentBytes += UInt64(count)
        if connection.untakenBytes > ServerEngine.outputBytes, !connection.isBlocked {
            hasMuchToWrite = true
        }
    }

    // MARK: Events

    /// Writes one message as an event of the stream that `connection` carries, or lets it wait if
    /// the socket takes no more. With an `id`, a client can come back after it.
    func writeEvent(
        _ kind: Backlog.Kind, _ text: ByteBuffer, _ id: EventID?, to connection: ServerConnection
    ) {
        guard keepsUp(connection) else { return }
        connection.givenEvents += 1
        let mustWait =
            connection.isBlocked || !connection.backlog.isEmpty || connection.resumption != nil
        guard mustWait else {
            connection.composedEvents = connection.givenEvents
            return frame(text, id, on: connection)
        }
        connection.backlog.append(
            Backlog.Message(kind: kind, text: text, id: id, ordinal: connection.givenEvents))
        counters.unsentBytes += UInt64(text.count)
    }

    /// Writes one event without any delay.
    func frame(_ text: ByteBuffer, _ id: EventID?, on connection: ServerConnection) {
        guard text.count >= ServerEngine.longBytes else {
            return write(to: connection) { appendEvent(text, id, to: $0, on: connection) }
        }
        let framing = connection.framing
        write(to: connection) { output in
            output.beginPart(framing, rest: text.count + SSEFrame.end.utf8CodeUnitCount) { part in
                if let id { SSEFrame.appendID(to: part) { EventIDCodec.append(id, to: $0) } }
                part.append(SSEFrame.start)
            }
        }
        write(text, asItIsTo: connection)
        write(to: connection) { output in
            output.append(SSEFrame.end)
            output.endPart(framing)
        }
    }

    func appendEvent(
        _ text: ByteBuffer, _ id: EventID?, to output: ByteBuffer, on connection: ServerConnection
    ) {
        output.appendPart(connection.framing) { part in
            if let id { SSEFrame.appendID(to: part) { EventIDCodec.append(id, to: $0) } }
            SSEFrame.append(to: part) { $0.append(text) }
        }
    }

    /// Goes on with what had to wait, as far as there is room in the output.
    func composeBacklog(
        of connection: ServerConnection, atMost limit: Int = ServerEngine.outputBytes
    ) {
        guard connection.resumption == nil else { return }
        while connection.untakenBytes < limit, let message = connection.backlog.popFirst() {
            counters.unsentBytes -= UInt64(message.text.count)
            connection.composedEvents = message.ordinal
            frame(message.text, message.id, on: connection)
        }
    }

    // MARK: Budgets

    /// Whether a client keeps up with what it is sent, after dropping what can be dropped. If it
    /// does not, it loses its connection, and comes back for the rest. One message may be larger
    /// than the bound, so only what waits before it counts, its stream's head aside.
    func keepsUp(_ connection: ServerConnection) -> Bool {
        if connection.unsentBytes > options.unsentBytesMax + Int(connection.headBytes) {
            relieve(connection, to: options.unsentBytesMax)
        }
        if connection.isBlocked, let session = session(of: connection) {
            relieve(options.sessionUnsentBytesMax) { connectionsOf(session) }
        }
        if counters.unsentBytes > UInt64(options.totalUnsentBytesMax) {
            relieve(options.totalUnsentBytesMax) { connections.elements }
        }
        return !connection.isClosed
    }

    /// Brings what waits for all of `crowd` within `limit`: whoever reads least gives way first.
    private func relieve(_ limit: Int, _ crowd: () -> [ServerConnection]) {
        let crowd = crowd()
        var total = crowd.reduce(0) { $0 + $1.unsentBytes }
        // One that is ended may let answers go elsewhere, so that less is left than `total` says.
        while total > limit, let largest = crowd.max(by: { $0.unsentBytes < $1.unsentBytes }),
            largest.unsentBytes > 0
        {
            let before = largest.unsentBytes
            relieve(largest, to: max(0, before - (total - limit)))
            total -= before - largest.unsentBytes
        }
    }

    /// Drops what `connection` can do without until `limit` is kept, with some room to spare so
    /// that not every message has to look for more; if that does not do, ends it.
    private func relieve(_ connection: ServerConnection, to limit: Int) {
        let target = limit - limit / 16 - (connection.unsentBytes - connection.backlog.byteCount)
        let before = connection.backlog.byteCount
        let dropped = connection.backlog.shed(to: max(0, target))
        counters.unsentBytes -= UInt64(before - connection.backlog.byteCount)
        counters.progressDrops += UInt64(dropped.progress)
        counters.logDrops += UInt64(dropped.logs)
        guard connection.unsentBytes > limit else { return }
        counters.slowConnections += 1
        log(.warning, "A client does not read its stream; its connection is closed")
        discard(connection)
    }

    private func session(of connection: ServerConnection) -> ServerSession? {
        switch connection.exchange {
        case .request(let request): request.session
        case .primary(let session): session
        case .idle, .receiving, .authorizing, .refused, .loading, .finishing, .lingering, .closed:
            nil
        }
    }

    /// The connections that carry a session's streams.
    package func connectionsOf(_ session: ServerSession) -> [ServerConnection] {
        var carriers = session.ledger.requestKeys.compactMap { requests[$0]?.connection }
        carriers += session.held.compactMap { $0.connection }
        if let primary = primaryConnection(of: session) { carriers.append(primary) }
        return carriers
    }
}
