import CStreamableHTTP
import Link
import Replay
import Session
import Wire

/// An event store of a C caller: a table of functions.
struct ForeignEventStore {
    private let table: shttp_event_store

    /// Nil if a function is missing.
    init?(_ given: UnsafePointer<shttp_event_store>) {
        guard let table = read(given, empty: shttp_event_store()), table.keep != nil,
            table.end != nil, table.load != nil, table.forget != nil
        else { return nil }
        self.table = table
    }

    func perform(_ order: StoreOrder, for server: OpaquePointer) {
        switch order {
        case .keep(let event, let session):
            withName(of: event.id.stream) { stream in
                table.keep?(
                    server, shttp_session(session), stream, event.id.sequence,
                    shttp_bytes(event.message), table.user_data)
            }
        case .end(let stream, let session):
            withName(of: stream) {
                table.end?(server, shttp_session(session), $0, table.user_data)
            }
        case .load(let load, let cursor, let session):
            withName(of: cursor.stream) { stream in
                table.load?(
                    server, shttp_load(key: load.rawValue), shttp_session(session), stream,
                    cursor.sequence, table.user_data)
            }
        case .forget(let session):
            table.forget?(server, shttp_session(session), table.user_data)
        }
    }

    private func withName(of stream: StreamToken, _ body: (shttp_bytes) -> Void) {
        let name = ByteBuffer()
        EventIDCodec.append(stream, to: name)
        body(shttp_bytes(name))
        withExtendedLifetime(name) {}
    }
}

extension shttp_session {
    init(_ key: SessionKey) {
        self.init(key: key.rawValue)
    }
}
