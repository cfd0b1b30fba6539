import Link
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
        core.recycle(event)
    }

    @inline(__always)
    func write(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        connections.write(to: connection, &core, compose)
    }

    // MARK: Events

    /// Writes one message as an event of the stream that `connection` carries, or keeps it in the
    /// backlog if the socket takes no more. With an `id`, a client can resume after it.
    func writeEvent(
        _ kind: Backlog.Kind, _ text: ByteBuffer, _ id: EventID?, to connection: ServerConnection
    ) {
        guard keepsUp(connection) else { return }
        connections.writeEvent(kind, text, id, to: connection, &core)
    }

    @inline(__always)
    func composeBacklog(of connection: ServerConnection) {
        connections.composeBacklog(of: connection, &core)
    }
}
