import Link
import Session
import Wire

/// Access records: exactly one for each exchange, after everything else that it causes. Nothing
/// here is inlined: where records may be wanted, only the question is asked whether they are.
extension ServerEngine {
    /// `count` bytes of a request were read.
    @inline(never)
    func noteReceived(_ count: Int, in access: AccessBook, of connection: ServerConnection) {
        if !access.isOpen { connections.countRecord(1) }
        access.received(count, from: connection, at: core.microseconds)
    }

    /// The exchange of a connection is over, and its response is queued completely.
    @inline(never)
    func endRecord(in access: AccessBook, of connection: ServerConnection) {
        if access.isOpen { connections.countRecord(-1) }
        connections.noteUnsent(access.endExchange(on: connection))
        deliverRecords(of: access, connection)
    }

    /// Delivers the records of the responses that a connection's socket has taken.
    @inline(never)
    func deliverRecords(of access: AccessBook, _ connection: ServerConnection) {
        let before = access.heldBytes
        while let record = access.popHanded(
            connection.outbox.handedBytes, at: core.microseconds)
        {
            deliver(record)
        }
        connections.noteUnsent(access.heldBytes - before)
    }

    /// Takes all records of a connection that is about to end.
    func takeRecords(of connection: ServerConnection) -> [AccessRecord] {
        guard let access = connection.access else { return [] }
        if access.isOpen { connections.countRecord(-1) }
        connections.noteUnsent(-access.heldBytes)
        return access.takeAll(on: connection, at: core.microseconds)
    }

    func deliver(_ record: AccessRecord) {
        let event = core.objects.takeEvent() ?? HostEvent(.access)
        event.begin(record)
        core.perform(.deliver(event))
    }
}
