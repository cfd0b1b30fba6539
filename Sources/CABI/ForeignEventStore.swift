import CStreamableHTTP
import Link
import Replay
import Session
import Wire

/// An event store of a C caller: a table of functions.
struct ForeignEventStore {
    private let table: shttp_event_store

    init(_ given: UnsafePointer<shttp_event_store>) throws(OptionFault) {
        guard let table = read(given, empty: shttp_event_store()) else {
            throw OptionFault(
                "event_store", "has a wrong struct_size: use shttp_event_store_init()")
        }
        guard table.keep != nil, table.end != nil, table.load != nil, table.forget != nil else {
            throw OptionFault("event_store", "lacks one of keep, end, load and forget")
        }
        self.table = table
    }

    func perform(_ order: StoreOrder, for server: OpaquePointer) {
        switch order {
        case .keep(let event, let session):
            tell(table.keep, server, session, event.id.stream) { form in
                form.number = event.id.sequence
                form.message = shttp_bytes(event.message)
            }
        case .end(let stream, let session): tell(table.end, server, session, stream) { _ in }
        case .load(let load, let cursor, let session):
            tell(table.load, server, session, cursor.stream) { form in
                form.number = cursor.sequence
                form.load = shttp_load(key: load.rawValue)
            }
        case .forget(let session): tell(table.forget, server, session, nil) { _ in }
        }
    }

    private func tell(
        _ function: shttp_on_order?, _ server: OpaquePointer, _ session: SessionID,
        _ stream: StreamToken?, _ fill: (inout shttp_store_order) -> Void
    ) {
        let names = ByteBuffer()
        session.append(to: names)
        if let stream { EventIDCodec.append(stream, to: names) }
        defer { withExtendedLifetime(names) {} }
        var form = shttp_store_order()
        form.session = shttp_bytes(names.bytes.prefixBytes(SessionID.textLength))
        form.stream = shttp_bytes(names.bytes.dropBytes(SessionID.textLength))
        fill(&form)
        function?(server, &form, table.user_data)
    }
}
