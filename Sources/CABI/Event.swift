import CStreamableHTTP
import Engine
import Link
import MCP
import Session
import Wire

/// An event with all memory that its C struct points to.
struct BorrowedEvent {
    private let event: HostEvent
    private let wireID: ByteBuffer?
    private let scheme: ByteBuffer?

    init(_ event: HostEvent) {
        self.event = event
        wireID = event.kind == .sessionOpened ? event.session?.id.text : nil
        scheme = event.credentials?.lowercasedScheme
    }

    /// Passes the event as a C struct, which is valid as long as this value.
    func withEvent(_ body: (UnsafePointer<shttp_event>) -> Void) {
        var form = shttp_event()
        form.kind = kind
        form.status = event.fault.map { status($0) } ?? SHTTP_OK
        form.session = shttp_session(key: event.sessionKey?.rawValue ?? 0)
        form.request = shttp_request(key: event.request?.rawValue ?? 0)
        form.call = shttp_call(key: event.call?.rawValue ?? 0)
        form.session_data = event.sessionData
        form.call_data = event.callData
        form.method = shttp_bytes(event.method)
        form.id = shttp_bytes(event.id)
        form.message = shttp_bytes(event.message ?? .init(start: nil, count: 0))
        form.params = shttp_bytes(event.params)
        form.handle = Unmanaged.passUnretained(event).toOpaque()
        form.headers = shttp_bytes(
            event.head?.lines ?? UnsafeRawBufferPointer(start: nil, count: 0))
        form.revision = shttp_bytes(event.revision?.text)
        form.text = shttp_bytes(event.logLine?.text)
        form.principal = shttp_bytes(event.principal?.name)
        form.authorization = shttp_authorization(key: event.authorization?.rawValue ?? 0)
        if let line = event.logLine { form.level = shttp_log_level(UInt32(line.level.rawValue)) }
        if let session = event.session, event.kind == .sessionOpened {
            form.wire_id = shttp_bytes(wireID)
            form.client_info = shttp_bytes(session.clientInfo)
            form.client_capabilities = shttp_bytes(session.clientCapabilities)
        }
        if event.kind == .authorize, let head = event.head {
            form.http_method = shttp_bytes(head.methodName)
            form.target = shttp_bytes(head.targetBytes)
            form.scheme = shttp_bytes(scheme)
            if let credentials = event.credentials {
                form.credentials = shttp_bytes(credentials.value)
            }
        }
        withUnsafePointer(to: &form, body)
    }

    /// The event of a C struct.
    static func event(behind form: UnsafePointer<shttp_event>?) -> HostEvent? {
        form?.pointee.handle.map { Unmanaged<HostEvent>.fromOpaque($0).takeUnretainedValue() }
    }

    private var kind: shttp_event_kind {
        switch event.kind {
        case .authorize: SHTTP_EVENT_AUTHORIZE
        case .request: SHTTP_EVENT_REQUEST
        case .notification: SHTTP_EVENT_NOTIFICATION
        case .response: SHTTP_EVENT_RESPONSE
        case .cancelled: SHTTP_EVENT_CANCELLED
        case .sessionOpened: SHTTP_EVENT_SESSION_OPENED
        case .sessionClosed: SHTTP_EVENT_SESSION_CLOSED
        case .primaryOpened: SHTTP_EVENT_PRIMARY_OPENED
        case .primaryClosed: SHTTP_EVENT_PRIMARY_CLOSED
        case .primaryGap: SHTTP_EVENT_PRIMARY_GAP
        case .commandFailed: SHTTP_EVENT_COMMAND_FAILED
        case .log: SHTTP_EVENT_LOG
        case .access, .sessions: shttp_event_kind(rawValue: 0)  // Nothing in the ABI asks for them.
        case .closed: SHTTP_EVENT_CLOSED
        }
    }
}
