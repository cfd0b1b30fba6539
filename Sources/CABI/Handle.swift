import CStreamableHTTP
import Catalog
import Engine
import Replay
import Runtime
import Wire

/// The object that a C handle points to. The tag identifies its type, because Swift imports all
/// opaque C types as the same pointer type.
class TaggedHandle {
    fileprivate let tag: UInt64

    fileprivate init(tag: UInt64) {
        self.tag = tag
    }

    /// Transfers ownership to the caller: for the `create` functions.
    final func give() -> OpaquePointer {
        OpaquePointer(Unmanaged.passRetained(self).toOpaque())
    }

    fileprivate static func borrow(_ pointer: OpaquePointer?, tag: UInt64) -> TaggedHandle? {
        look(at: pointer, tag: tag) { $0 }
    }

    /// The result of `find` for an object that the caller owns. The reference is not counted.
    fileprivate static func look<Found>(
        at pointer: OpaquePointer?, tag: UInt64, _ find: (TaggedHandle) -> Found?
    ) -> Found? {
        guard let pointer else { return nil }
        return Unmanaged<TaggedHandle>.fromOpaque(UnsafeRawPointer(pointer))
            ._withUnsafeGuaranteedRef { $0.tag == tag ? find($0) : nil }
    }

    /// Takes ownership back: for the `destroy` functions.
    final func release() {
        Unmanaged.passUnretained(self).release()
    }
}

/// The object behind a `shttp_loop`.
final class LoopHandle: TaggedHandle {
    private static let tag: UInt64 = 0x7368_7474_704C_6F6F
    let loop: Loop

    init(_ loop: Loop) {
        self.loop = loop
        super.init(tag: LoopHandle.tag)
    }

    /// The object of a handle that the caller owns; nil if it is NULL or of another type.
    static func borrow(_ pointer: OpaquePointer?) -> LoopHandle? {
        TaggedHandle.borrow(pointer, tag: tag).map { unsafeDowncast($0, to: LoopHandle.self) }
    }
}

/// The object behind a `shttp_server`: the server and the receiver of its events.
final class ServerHandle: TaggedHandle {
    private static let tag: UInt64 = 0x7368_7474_7053_6572
    private let options: shttp_server_options
    private let stores: ForeignStores?
    private var server: ServerRuntime?
    /// Made with the first thing that it holds.
    private var catalog: Catalog?
    /// Where answers are composed on the loop's thread.
    private var scratch = ByteBuffer()
    /// Whether the caller still owns the handle, and the server has not ended.
    private var isGiven = false
    /// The events of the last `take`; `lent` has the same events with the texts made for them.
    private var taken: [HostEvent] = []
    private var lent: [BorrowedEvent] = []

    private init(_ options: shttp_server_options, _ stores: ForeignStores?) {
        self.options = options
        self.stores = stores
        super.init(tag: ServerHandle.tag)
    }

    static func borrow(_ pointer: OpaquePointer?) -> ServerHandle? {
        TaggedHandle.borrow(pointer, tag: tag).map { unsafeDowncast($0, to: ServerHandle.self) }
    }

    @_optimize(speed)
    static func runtime(_ pointer: OpaquePointer?) -> ServerRuntime? {
        look(at: pointer, tag: tag) { unsafeDowncast($0, to: ServerHandle.self).server }
    }

    /// Creates a server on `loop`, owned by the caller.
    static func create(
        on loop: Loop, _ given: shttp_server_options, _ options: ServerOptions,
        _ stores: ForeignStores?
    ) throws(SystemFault) -> OpaquePointer {
        let handle = ServerHandle(given, stores)
        handle.server = try ServerRuntime(
            on: loop, options, audience: handle.audience(),
            commandBytesMax: given.command_bytes_max.orDefault(OptionDefaults.commandBytesMax),
            unixMode: given.unix_mode == 0 ? nil : given.unix_mode,
            onLog: handle.logger(), onStore: handle.storekeeper(),
            onCovers: handle.matcher(),
            onErrand: { [unowned(unsafe) handle] errand in handle.run(errand) },
            onEnd: { handle.ended() })
        handle.isGiven = true
        let pointer = handle.give()
        stores?.start(for: pointer, on: loop.uvLoop)
        return pointer
    }

    private func audience() -> Audience {
        guard let onEvent = options.on_event else {
            return .queue(
                countMax: options.queue_events_max.orDefault(OptionDefaults.queueEventsMax),
                bytesMax: options.queue_bytes_max.orDefault(OptionDefaults.queueBytesMax))
        }
        let pointer = OpaquePointer(Unmanaged.passUnretained(self).toOpaque())
        let userData = options.user_data
        return .callback { event in event.hand(to: onEvent, of: pointer, userData) }
    }

    private func logger() -> ((LogLine) -> Void)? {
        guard let onLog = options.on_log else { return nil }
        let userData = options.user_data
        return { line in
            let text = line.rendered
            defer { withExtendedLifetime(text) {} }
            var form = shttp_log_line(line, text)
            onLog(&form, userData)
        }
    }

    private func storekeeper() -> ((StoreOrder) -> Void)? {
        guard let stores else { return nil }
        let pointer = OpaquePointer(Unmanaged.passUnretained(self).toOpaque())
        return { order in stores.perform(order, for: pointer) }
    }

    private func matcher() -> ((ByteBuffer, UnsafeRawBufferPointer) -> Bool)? {
        guard let covers = options.resource_covers else { return nil }
        let userData = options.user_data
        return { subscribed, updated in
            withExtendedLifetime(subscribed) {
                covers(shttp_bytes(subscribed.bytes), shttp_bytes(updated), userData) != 0
            }
        }
    }

    /// An empty buffer for a short time: on the loop's thread the same for each answer.
    static func emptyBuffer(_ pointer: OpaquePointer?) -> ByteBuffer? {
        look(at: pointer, tag: tag) { handle in
            let handle = unsafeDowncast(handle, to: ServerHandle.self)
            guard let server = handle.server else { return nil }
            guard server.loop.isOnItsThread else { return ByteBuffer() }
            if handle.scratch.capacity > scratchMax { handle.scratch = ByteBuffer() }
            handle.scratch.removeAll()
            return handle.scratch
        }
    }

    private static var scratchMax: Int { 1 << 16 }

    /// Has the catalog do something, on the loop's thread.
    private func run(_ errand: Errand) -> CallerFault? {
        if errand.isDropped { Catalog.drop(errand.number, errand.second) }
        guard let server, !errand.isDropped else { return .closed }
        let catalog = self.catalog ?? makeCatalog(of: server)
        do throws(CallerFault) {
            try catalog.perform(
                errand.number, errand.key, errand.first, errand.second, wasQueued: errand.wasQueued)
            return nil
        } catch {
            return error
        }
    }

    private func makeCatalog(of server: ServerRuntime) -> Catalog {
        let host = CatalogHost(server: OpaquePointer(Unmanaged.passUnretained(self).toOpaque()))
        let catalog = Catalog(server.engine, host.hooks(of: server))
        server.show(to: { catalog.take($0) })
        self.catalog = catalog
        return catalog
    }

    /// Runs once, after the last event, when the server or its loop is destroyed.
    private func ended() {
        stores?.close()
        options.user_data_free?(options.user_data)
        catalog?.clear()
        catalog = nil
        server = nil
        taken = []
        lent = []
        guard isGiven else { return }
        isGiven = false
        release()
    }

    func destroy() {
        guard isGiven, let server, !server.loop.isInherited else { return }
        isGiven = false
        server.destroy()
        release()
    }

    /// Moves events from the queue into the caller's array, whose elements have `size` bytes.
    @_optimize(speed)
    func take(_ events: UnsafeMutableRawPointer, size: Int, capacity: Int) -> Int {
        guard let server else { return 0 }
        lent.removeAll(keepingCapacity: true)
        server.exchangeEvents(&taken, atMost: capacity)
        for (index, event) in taken.enumerated() {
            let event = BorrowedEvent(event)
            lent.append(event)
            event.withEvent { source in
                let place = events + index * size
                let count = min(size, MemoryLayout<shttp_event>.size)
                place.copyMemory(from: source, byteCount: count)
                (place + count).initializeMemory(as: UInt8.self, repeating: 0, count: size - count)
            }
        }
        return taken.count
    }
}
