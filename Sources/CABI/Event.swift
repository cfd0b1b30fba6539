import CStreamableHTTP
import Engine
import Link
import MCP
import Session
import Wire

/// An event with all memory that its C struct points to.
struct BorrowedEvent {
    let event: HostEvent
    let wireID: ByteBuffer?
    let scheme: ByteBuffer?
    /// The line of a log event, with whom it is about.
    let text: ByteBuffer?

    init(_ event: HostEvent) {
        self.event = event
        let hasID = event.kind == .sessionOpened || event.kind == .initialize
        wireID = hasID ? event.session?.newWireID : nil
        scheme = event.kind == .authorize ? event.credentials?.lowercasedScheme : nil
        text = event.kind == .log ? event.logLine?.rendered : nil
    }

    /// Passes the event as a C struct, which is valid as long as this value.
    func withEvent(_ body: (UnsafePointer<shttp_event>) -> Void) {
        var form = shttp_event()
        fill(&form)
        if let principal = event.principal {
            form.principal = shttp_bytes(principal.name)
            // A record may be delivered after the tag was released.
            if event.kind != .access { form.tag = principal.tag }
        }
        form.handle = Unmanaged.passUnretained(event).toOpaque()
        withUnsafePointer(to: &form, body)
    }

    /// The event of a C struct.
    static func event(behind form: UnsafePointer<shttp_event>?) -> HostEvent? {
        form?.pointee.handle.map { Unmanaged<HostEvent>.fromOpaque($0).takeUnretainedValue() }
    }

    // What several kinds of events have, each in a place of its own.

    @inline(__always)
    var method: UnsafeRawBufferPointer {
        switch event.kind {
        case .access: bytes(event.access?.method)
        case .log: bytes(event.logLine?.method)
        default: event.method
        }
    }

    var httpMethod: UnsafeRawBufferPointer {
        switch event.kind {
        case .access: bytes(event.access?.httpMethod)
        case .log: bytes(event.logLine?.httpMethod)
        default: event.head?.methodName ?? bytes(nil)
        }
    }

    @inline(__always)
    var target: UnsafeRawBufferPointer {
        switch event.kind {
        case .access: bytes(event.access?.target)
        case .log: bytes(event.logLine?.target)
        default: event.head?.targetBytes ?? bytes(nil)
        }
    }

    private func bytes(_ buffer: ByteBuffer?) -> UnsafeRawBufferPointer {
        buffer?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

extension shttp_log_line {
    /// `text` is the whole line; it must outlive this.
    init(_ line: LogLine, _ text: ByteBuffer) {
        self.init()
        level = shttp_log_level(UInt32(line.level.rawValue))
        self.text = shttp_bytes(text)
        peer = shttp_bytes(line.peer)
        session = shttp_session(key: line.session?.rawValue ?? 0)
        http_method = shttp_bytes(line.httpMethod)
        target = shttp_bytes(line.target)
        method = shttp_bytes(line.method)
    }
}

extension HostEvent {
    /// Calls the host.
    @inline(never) @_optimize(speed)
    func hand(
        to onEvent: shttp_on_event, of server: OpaquePointer, _ userData: UnsafeMutableRawPointer?
    ) {
        BorrowedEvent(self).withEvent { onEvent(server, $0, userData) }
    }
}
