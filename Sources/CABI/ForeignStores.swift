import CStreamableHTTP
import Link
import Replay
import Session
import Wire

/// The stores of a server, a C caller's or a module's: tables of functions, of which either may be
/// missing.
final class ForeignStores {
    private let events: shttp_event_store?
    private let sessions: shttp_session_store?
    /// How long a session must be kept of which nothing more is heard; 0 is for ever.
    private let idle: UInt64
    private let module: StoreModule?
    /// The orders that were given.
    private var count: UInt64 = 0
    /// The names in the last order: the next one mostly has the same.
    private var names = Names()

    /// The tables of a caller, which were checked.
    struct Tables {
        let events: shttp_event_store?
        let sessions: shttp_session_store?

        init(_ given: shttp_server_options) throws(OptionFault) {
            events = try given.event_store.map { (given) throws(OptionFault) in
                guard let table = read(given, empty: shttp_event_store()) else {
                    throw OptionFault(
                        "event_store", "has a wrong struct_size: use shttp_event_store_init()")
                }
                guard table.keep != nil, table.end != nil, table.load != nil, table.forget != nil
                else { throw OptionFault("event_store", "lacks one of keep, end, load and forget") }
                return table
            }
            sessions = try given.session_store.map { (given) throws(OptionFault) in
                guard let table = read(given, empty: shttp_session_store()) else {
                    throw OptionFault(
                        "session_store", "has a wrong struct_size: use shttp_session_store_init()")
                }
                guard table.keep != nil, table.touch != nil, table.find != nil, table.forget != nil
                else {
                    throw OptionFault("session_store", "lacks one of keep, touch, find and forget")
                }
                return table
            }
        }
    }

    /// The stores of a module or, without one, of the caller; nil if there are none. `idle` is in
    /// milliseconds; nil is for ever.
    static func make(_ tables: Tables, _ module: StoreModule?, idle: Int64?) -> ForeignStores? {
        // Not in `init`: Embedded Swift 6.3.1 leaks an object whose init returns nil.
        if module == nil, tables.events == nil, tables.sessions == nil { return nil }
        return ForeignStores(tables, module, idle: idle)
    }

    private init(_ tables: Tables, _ module: StoreModule?, idle: Int64?) {
        events = module?.events ?? tables.events
        sessions = module?.sessions ?? tables.sessions
        self.module = module
        self.idle = idle.map { UInt64($0) } ?? 0
    }

    /// Whether the event store keeps what streams are for.
    var keepsRecords: Bool { events?.begin != nil }

    /// The server is there, and runs on a loop.
    func start(for server: OpaquePointer, on loop: UnsafeMutableRawPointer) {
        module?.start(for: server, on: loop)
    }

    /// The server has ended.
    func close() {
        module?.close()
    }

    func perform(_ order: StoreOrder, for server: OpaquePointer) {
        count += 1
        switch order {
        case .begin(let stream, let record, let session):
            tell(events?.begin, events?.user_data, server, session, stream) { form in
                form.record = shttp_bytes(record)
            }
        case .keep(let event, let session):
            tell(events?.keep, events?.user_data, server, session, event.id.stream) { form in
                form.number = event.id.sequence
                form.message = shttp_bytes(event.message)
            }
        case .end(let stream, let session):
            tell(events?.end, events?.user_data, server, session, stream) { _ in }
        case .load(let load, let cursor, let session):
            tell(events?.load, events?.user_data, server, session, cursor.stream) { form in
                form.number = cursor.sequence
                form.load = shttp_load(key: load.rawValue)
            }
        case .forget(let session):
            tell(events?.forget, events?.user_data, server, session, nil) { _ in }
        case .keepSession(let session, let record):
            tell(sessions?.keep, sessions?.user_data, server, session, nil) { form in
                form.record = shttp_bytes(record)
                form.idle_ms = idle
            }
        case .touchSession(let session):
            tell(sessions?.touch, sessions?.user_data, server, session, nil) { form in
                form.idle_ms = idle
            }
        case .findSession(let load, let session):
            tell(sessions?.find, sessions?.user_data, server, session, nil) { form in
                form.load = shttp_load(key: load.rawValue)
            }
        case .forgetSession(let session):
            tell(sessions?.forget, sessions?.user_data, server, session, nil) { _ in }
        case .releaseSession(let session):
            tell(module?.release, sessions?.user_data, server, session, nil) { _ in }
        case .send(let message, let node):
            module?.send(message, to: node)
        }
    }

    private func tell(
        _ function: shttp_on_order?, _ userData: UnsafeMutableRawPointer?,
        _ server: OpaquePointer, _ session: SessionID, _ stream: StreamToken?,
        _ fill: (inout shttp_store_order) -> Void
    ) {
        guard let function else { return }
        names.set(session, stream)
        // The server may be destroyed in the function.
        let text = names.text
        defer { withExtendedLifetime(text) {} }
        var form = shttp_store_order()
        form.session = shttp_bytes(text.bytes.prefixBytes(SessionID.textLength))
        let rest = text.bytes.dropBytes(SessionID.textLength)
        form.stream = shttp_bytes(stream == nil ? rest.prefixBytes(0) : rest)
        form.serial = count
        fill(&form)
        function(server, &form, userData)
    }
}

/// What an order names, as text.
private struct Names {
    let text = ByteBuffer(capacity: 96)
    private var session: SessionID?
    private var stream: StreamToken?

    mutating func set(_ session: SessionID, _ stream: StreamToken?) {
        if session != self.session {
            text.removeAll()
            session.append(to: text)
            self.session = session
            self.stream = nil
        }
        guard let stream, stream != self.stream else { return }
        text.truncate(to: SessionID.textLength)
        EventIDCodec.append(stream, to: text)
        self.stream = stream
    }
}
