import Link
import Replay
import Wire

/// Output to clients, and what happens if they do not read it.
extension ServerEngine {
    /// A message of at least this many bytes is not copied: it is written from its own buffer.
    package static var longBytes: Int { Outbox.longBytes }

    /// Takes a connection's output, to be written. Report progress with `sent`, and return the
    /// output with `recycle`.
    @_optimize(speed)
    package func takeOutput(of connection: ServerConnection) -> Output? {
        if connection.isClosed { return nil }
        guard keptOutput.isOn else { return connection.outbox.take() }
        let order = keptOutput.order(for: connection, last: storeOrders.lastStored)
        return connection.outbox.take(upTo: keptOutput.end(of: connection, last: order))
    }

    /// Takes back output that has been written, for reuse.
    package func recycle(_ output: consuming Output) {
        core.spare.give(output)
    }

    /// Releases all objects and buffers that are kept for reuse.
    package func dropSpareParts() {
        core.dropSpareParts()
    }

    /// Takes back an event that the host has received, for reuse. Nobody may read it any more.
    package func recycle(_ event: HostEvent) {
        core.recycle(event)
    }

    @inline(__always)
    func write(to connection: ServerConnection, _ compose: (ByteBuffer) -> Void) {
        connections.write(to: connection, &core, compose)
    }

    // MARK: Events

    /// Writes one message as an event of the stream that `connection` carries, or stores it in the
    /// backlog if the socket takes no more. With an `id`, a client can resume after it.
    @_optimize(speed)
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
