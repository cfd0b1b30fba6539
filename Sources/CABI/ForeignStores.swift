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

    private init(
        _ events: shttp_event_store?, _ sessions: shttp_session_store?, _ module: StoreModule?,
        idle: Int64?
    ) {
        self.events = events
        self.sessions = sessions
        self.module = module
        self.idle = idle.map { UInt64($0) } ?? 0
    }

    /// The stores that the options name; nil if they name none. `idle` is in milliseconds; nil is
    /// for ever.
    static func open(
        _ given: shttp_server_options, _ module: StoreModule?, idle: Int64?
    ) throws(OptionFault) -> ForeignStores? {
        if let module { return ForeignStores(module.events, module.sessions, module, idle: idle) }
        let events = try given.event_store.map { (given) throws(OptionFault) in
            let table = try table("event_store", given, empty: shttp_event_store())
            guard table.keep != nil, table.end != nil, table.load != nil, table.forget != nil else {
                throw OptionFault("event_store", "lacks one of keep, end, load and forget")
            }
            return table
        }
        let sessions = try given.session_store.map { (given) throws(OptionFault) in
            let table = try table("session_store", given, empty: shttp_session_store())
            guard table.keep != nil, table.touch != nil, table.find != nil, table.forget != nil
            else { throw OptionFault("session_store", "lacks one of keep, touch, find and forget") }
            return table
        }
        if events == nil, sessions == nil { return nil }
        return ForeignStores(events, sessions, nil, idle: idle)
    }

    private static func table<Table>(
        _ name: StaticString, _ given: UnsafePointer<Table>, empty: Table
    ) throws(OptionFault) -> Table {
        guard let table = read(given, empty: empty) else {
            throw OptionFault(name, "has a wrong struct_size: use the _init() of its type")
        }
        return table
    }

    /// Whether the event store keeps what streams are for.
    var keepsRecords: Bool { events?.begin != nil }

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
        }
    }

    private func tell(
        _ function: shttp_on_order?, _ userData: UnsafeMutableRawPointer?,
        _ server: OpaquePointer, _ session: SessionID, _ stream: StreamToken?,
        _ fill: (inout shttp_store_order) -> Void
    ) {
        guard let function else { return }
        let names = ByteBuffer()
        session.append(to: names)
        if let stream { EventIDCodec.append(stream, to: names) }
        defer { withExtendedLifetime(names) {} }
        var form = shttp_store_order()
        form.session = shttp_bytes(names.bytes.prefixBytes(SessionID.textLength))
        form.stream = shttp_bytes(names.bytes.dropBytes(SessionID.textLength))
        form.serial = count
        fill(&form)
        function(server, &form, userData)
    }
}
