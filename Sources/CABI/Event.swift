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

    init(_ event: HostEvent) {
        self.event = event
        wireID = event.kind == .sessionOpened ? event.session?.id.text : nil
        scheme = event.credentials?.lowercasedScheme
    }

    /// Passes the event as a C struct, which is valid as long as this value.
    func withEvent(_ body: (UnsafePointer<shttp_event>) -> Void) {
        var form = shttp_event()
        fill(&form)
        form.handle = Unmanaged.passUnretained(event).toOpaque()
        withUnsafePointer(to: &form, body)
    }

    /// The event of a C struct.
    static func event(behind form: UnsafePointer<shttp_event>?) -> HostEvent? {
        form?.pointee.handle.map { Unmanaged<HostEvent>.fromOpaque($0).takeUnretainedValue() }
    }
}
