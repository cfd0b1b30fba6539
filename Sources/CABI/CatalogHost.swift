import CStreamableHTTP
import Catalog
import Engine
import Runtime
import Session
import Wire

/// Calls the program's functions for a catalog.
struct CatalogHost {
    /// The server, as the program knows it.
    let server: OpaquePointer

    func hooks(of runtime: ServerRuntime) -> Hooks {
        Hooks(
            call: call, cancelled: cancelled, list: list, complete: complete,
            isVisible: isVisible, answer: answer,
            publish: { [unowned(unsafe) runtime] change in
                try? runtime.publish(change, .init(start: nil, count: 0))
            }, mintCall: { [unowned(unsafe) runtime] in runtime.mintCall() })
    }

    /// Passes on who asks for what.
    private func withContext(
        _ event: HostEvent, _ target: Target?, _ body: (UnsafePointer<shttp_context>) -> Void
    ) {
        BorrowedEvent(event).withEvent { form in
            var context = shttp_context()
            context.server = server
            context.request = form.pointee.request
            context.session = form.pointee.session
            context.session_data = form.pointee.session_data
            context.principal = form.pointee.principal
            context.params = form.pointee.params
            context.revision = form.pointee.revision
            context.event = form
            if let target {
                context.name = shttp_bytes(target.name)
                context.arguments = shttp_bytes(target.arguments)
            }
            body(&context)
        }
    }

    private func call(
        _ entry: Entry, _ event: HostEvent, _ target: Target, _ arguments: Arguments
    ) {
        guard let function = unsafeBitCast(entry.callbacks.call, to: shttp_on_call?.self) else {
            return
        }
        withExtendedLifetime(arguments.texts) {
            withUnsafeTemporaryAllocation(
                of: shttp_value.self, capacity: max(1, arguments.values.count)
            ) { values in
                values.initialize(repeating: shttp_value())
                let texts = arguments.texts.bytes.baseAddress
                for index in 0..<arguments.values.count {
                    values[index] = shttp_value(arguments.values[index], texts)
                }
                withContext(event, target) { function($0, values.baseAddress, user(entry)) }
            }
        }
    }

    private func user(_ entry: Entry) -> UnsafeMutableRawPointer? {
        UnsafeMutableRawPointer(bitPattern: entry.callbacks.user)
    }

    private func cancelled(_ entry: Entry, _ key: RequestKey) {
        let function = unsafeBitCast(entry.callbacks.cancelled, to: shttp_on_cancel?.self)
        function?(server, shttp_request(key: key.rawValue), user(entry))
    }

    private func list(
        _ entry: Entry, _ event: HostEvent, _ listing: Listing, _ after: ByteBuffer?
    ) {
        let function = unsafeBitCast(entry.callbacks.list, to: shttp_on_list?.self)
        after?.append(UInt8(0))
        withContext(event, nil) { function?($0, pointer(listing), characters(after), user(entry)) }
        after?.truncate(to: (after?.count ?? 1) - 1)
    }

    private func complete(
        _ entry: Entry, _ event: HostEvent, _ listing: Listing, _ argument: ByteBuffer,
        _ typed: ByteBuffer
    ) {
        let function = unsafeBitCast(entry.callbacks.complete, to: shttp_on_complete?.self)
        argument.append(UInt8(0))
        // The listing compares with what is typed, without a NUL.
        let text = ByteBuffer(copying: typed.bytes)
        text.append(UInt8(0))
        let target = Target(name: entry.name.bytes, arguments: .init(start: nil, count: 0))
        withContext(event, target) {
            function?($0, pointer(listing), characters(argument), characters(text), user(entry))
        }
    }

    private func isVisible(
        _ word: UInt, _ user: UInt, _ entry: Entry, _ event: HostEvent
    ) -> Bool {
        let function = unsafeBitCast(word, to: shttp_is_visible?.self)
        let name = ByteBuffer(copying: entry.name.bytes)
        name.append(UInt8(0))
        var isVisible = false
        withContext(event, nil) {
            isVisible =
                function?(
                    $0, entry.cKind, characters(name), UnsafeMutableRawPointer(bitPattern: user))
                != 0
        }
        return isVisible
    }

    private func answer(_ word: UInt, _ user: UInt, _ event: HostEvent) {
        guard let function = unsafeBitCast(word, to: shttp_on_event?.self) else { return }
        event.hand(to: function, of: server, UnsafeMutableRawPointer(bitPattern: user))
    }

    private func pointer(_ listing: Listing) -> OpaquePointer {
        OpaquePointer(Unmanaged.passUnretained(listing).toOpaque())
    }

    private func characters(_ text: ByteBuffer?) -> UnsafePointer<CChar>? {
        text?.bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
    }
}

extension shttp_value {
    fileprivate init(_ argument: Argument, _ texts: UnsafeRawPointer?) {
        self.init()
        given = argument.isGiven ? 1 : 0
        boolean = argument.isTrue ? 1 : 0
        if let start = argument.text {
            text = texts.map { ($0 + start).assumingMemoryBound(to: CChar.self) }
            text_len = argument.textCount
        }
        integer = argument.integer
        number = argument.number
        json = shttp_bytes(argument.json)
    }
}

extension Entry {
    fileprivate var cKind: shttp_kind {
        switch kind {
        case .tool: SHTTP_KIND_TOOL
        case .prompt: SHTTP_KIND_PROMPT
        case .resource, .template: SHTTP_KIND_RESOURCE
        }
    }
}
