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
        core.spare.give(output)
    }

    /// Lets go of what was kept to be used again.
    package func dropSpareParts() {
        core.spare = SpareParts()
    }

    /// Takes back an event that the host has heard. Nobody may look at it any more.
    package func recycle(_ event: HostEvent) {
        core.spare.give(event)
    }

    /// Lets `compose` append to what `connection` has to write.
    func write(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        guard !connection.isClosed else { return }
        if connection.output == nil { connection.output = takeOutputBuffer(for: connection) }
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

    /// A buffer for what a connection has to write. One whose client does not read waits with it,
    /// so it gets one without much room.
    private func takeOutputBuffer(for connection: ServerConnection) -> ByteBuffer {
        connection.isBlocked ? ByteBuffer() : core.spare.takeBuffer()
    }

    /// Hands over a long text as it is, behind what has been written before. Nobody may change it.
    func write(_ text: ByteBuffer, asItIsTo connection: ServerConnection) {
        guard !connection.isClosed else { return }
        if let output = connection.output { connection.pieces.append(output) }
        connection.output = nil
        text.trim()
        connection.pieces.append(text)
        let end = connection.queuedBytes + UInt64(text.count)
        connection.longPieces.append(connection.queuedBytes..<end)
        noteQueued(text.count, on: connection)
        hasMuchToWrite = true  // Its buffer can be the next one's when it has been written.
    }

    /// Notes how much of a long message the socket has taken, and not all of it.
    func noteBegun(on connection: ServerConnection) {
        let handed = connection.handedBytes
        while let first = connection.longPieces.first, first.upperBound <= handed {
            connection.longPieces.removeFirst()
        }
        let first = connection.longPieces.first
        let begun = first.map { handed > $0.lowerBound ? Int(handed - $0.lowerBound) : 0 } ?? 0
        noteUnsent(begun - connection.begunBytes)
        connection.begunBytes = begun
    }

    private func noteQueued(_ count: Int, on connection: ServerConnection) {
        connection.queuedBytes += UInt64(count)
        core.counters.unsentBytes += UInt64(count)
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
        noteUnsent(
            connection.backlog.append(
                Backlog.Message(kind: kind, text: text, id: id, ordinal: connection.givenEvents)))
    }

    /// Notes by how much the memory of what waits for all clients has changed.
    func noteUnsent(_ change: Backlog.Change) {
        core.counters.unsentBytes = UInt64(Int(core.counters.unsentBytes) + change)
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
        if connection.untakenBytes < limit, !connection.backlog.isEmpty {
            reserveOutput(of: connection, atMost: limit)
        }
        while connection.untakenBytes < limit,
            let (message, change) = connection.backlog.popFirst()
        {
            noteUnsent(change)
            connection.composedEvents = max(connection.composedEvents, message.ordinal)
            frame(message.text, message.id, on: connection)
        }
    }

    /// Makes room for what will be composed, so that the output does not grow beyond it.
    private func reserveOutput(of connection: ServerConnection, atMost limit: Int) {
        let backlog = connection.backlog
        let room = min(
            backlog.textCount + backlog.count * ServerEngine.frameBytes,
            limit - connection.untakenBytes)
        if connection.output == nil { connection.output = takeOutputBuffer(for: connection) }
        connection.output?.reserve(min(room, ServerEngine.outputBytes))
    }

    /// What HTTP and SSE put around a message, about.
    private static var frameBytes: Int { 96 }
}
