import Replay
import Session
import Wire

/// What is written to clients, and what becomes of it when they do not read.
extension ServerEngine {
    /// A message of at least this many bytes is not copied: its own buffer goes to the socket.
    package static var longBytes: Int { Outbox.longBytes }

    /// Takes out what a connection has to write. Report it with `sent`, and give it back with
    /// `recycle`.
    package func takeOutput(of connection: ServerConnection) -> Output? {
        connection.isClosed ? nil : connection.outbox.take()
    }

    /// Takes back what has been written.
    package func recycle(_ output: consuming Output) {
        core.spare.give(output)
    }

    /// Lets go of what was kept to be used again.
    package func dropSpareParts() {
        core.dropSpareParts()
    }

    /// Takes back an event that the host has heard. Nobody may look at it any more.
    package func recycle(_ event: HostEvent) {
        core.spare.give(event)
    }

    /// Lets `compose` append to what `connection` has to write. Not inlined: each of many callers
    /// would carry a copy.
    @inline(never)
    func write(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        guard !connection.isClosed else { return }
        let wasDrained = connection.outbox.isDrained
        noteUnsent(connection.outbox.append(&core.spare, compose))
        composed(on: connection, wasDrained: wasDrained)
    }

    /// Writes a long text without a copy. Nobody may change it any more.
    func write(long text: ByteBuffer, to connection: ServerConnection) {
        guard !connection.isClosed else { return }
        noteUnsent(connection.outbox.append(long: text))
        hasMuchToWrite = true  // Its buffer can be the next one's when it has been written.
    }

    /// Queues a connection with new output for writing.
    private func composed(on connection: ServerConnection, wasDrained: Bool) {
        if connection.outbox.isFull { hasMuchToWrite = true }
        // Unread output keeps its deadline: a client that does not read is found out, however much
        // is written.
        if connection.exchange.isStreaming, wasDrained { wait(.keepAlive, connection) }
        guard !connection.isQueuedForWriting else { return }
        connection.isQueuedForWriting = true
        writable.append(connection)
    }

    // MARK: Events

    /// Writes one message as an event of the stream that `connection` carries, or keeps it in the
    /// backlog if the socket takes no more. With an `id`, a client can resume after it.
    func writeEvent(
        _ kind: Backlog.Kind, _ text: ByteBuffer, _ id: EventID?, to connection: ServerConnection
    ) {
        guard keepsUp(connection) else { return }
        let wasDrained = connection.outbox.isDrained
        switch connection.outbox.give(kind, text, id, connection.exchange.framing, &core.spare) {
        case .waits(let change): noteUnsent(change)
        case .composed(let change):
            noteUnsent(change)
            if text.count >= Outbox.longBytes { hasMuchToWrite = true }
            composed(on: connection, wasDrained: wasDrained)
        }
    }

    /// Updates the total of the memory that waits for clients to read.
    func noteUnsent(_ change: Outbox.Change) {
        core.counters.unsentBytes = UInt64(Int(core.counters.unsentBytes) + change)
    }

    /// Composes what waits in the backlog, as far as there is space in the output.
    func composeBacklog(
        of connection: ServerConnection, atMost limit: Int = Outbox.composedBytesMax
    ) {
        guard !connection.isClosed else { return }
        let wasDrained = connection.outbox.isDrained
        guard
            let change = connection.outbox.composeBacklog(
                connection.exchange.framing, &core.spare, atMost: limit)
        else { return }
        noteUnsent(change)
        composed(on: connection, wasDrained: wasDrained)
    }
}
