import Link
import MCP
import Wire

/// Objects that have been used and may be used again, a few of each.
struct SpareParts: ~Copyable {
    private var parsers = Shelf<RequestParser>(capacity: countMax)
    private var heads = Shelf<RequestHead>(capacity: countMax)
    private var knownHeads = KnownHeads()
    private var events = Shelf<HostEvent>(capacity: countMax)
    private var requests = Shelf<OpenRequest>(capacity: countMax)
    /// As many as a message to all may need at once, for a thousand streams.
    private var buffers = BufferShelf(capacity: 2048, bytesMax: 1 << 20)
    /// Without them the heap would grow and shrink with every long message.
    private var longBuffers = BufferShelf(capacity: 16, bytesMax: 4 << 20)
    /// Long buffers that may still come back. No more are kept: a host with a queue brings others,
    /// which nobody would take again.
    private var lentLongBuffers = 0

    private let limits: Limits
    private let parserSettings = LLHTTPSettings(indexing: .mcp)

    private static var countMax: Int { 64 }
    private static var headBytesMax: Int { 4 << 10 }
    private static var bufferBytesMin: Int { 512 }
    private static var bufferBytesMax: Int { 16 << 10 }

    init(limits: Limits) {
        self.limits = limits
    }

    mutating func takeParser() -> RequestParser {
        parsers.take() ?? RequestParser(limits: limits, settings: parserSettings)
    }

    mutating func takeEvent() -> HostEvent? { events.take() }
    mutating func takeRequest() -> OpenRequest? { requests.take() }

    /// Takes a request back that has ended, unless somebody else has it too.
    mutating func giveIfUnused(_ request: inout OpenRequest) {
        guard !requests.isFull, isKnownUniquelyReferenced(&request) else { return }
        request.end()
        requests.give(request)
    }

    /// Takes back an event that the host has heard, with the head and the message that are its own
    /// by now: a host with a queue may look at them for longer than their request is open.
    mutating func give(_ event: HostEvent) {
        var head = event.takeHead()
        giveIfUnused(&head)
        if let message = event.end() { give(message) }
        events.give(event)
    }

    /// A head that nobody else looks at. One that an event still shows comes back with the event.
    mutating func takeHead() -> RequestHead {
        while var head = heads.take() {
            if isKnownUniquelyReferenced(&head) { return head }
        }
        return RequestHead()
    }

    /// Returns the last head of a connection, and the principal that it was authorized for, if
    /// `bytes` begin with an equal one and the whole of its body.
    mutating func takeKnownHead(
        of connection: ConnectionID, in bytes: UnsafeRawBufferPointer, bodyMax: Int
    ) -> (head: RequestHead, principal: Principal?, recurrence: RequestHead.Recurrence)? {
        guard let match = knownHeads.match(bytes, of: connection, bodyMax: bodyMax) else {
            return nil
        }
        if let head = match.head { return (head, match.principal, match.recurrence) }
        let head = takeHead()
        head.become(match.known)
        head.become(match.recurrence)
        return (head, match.principal, match.recurrence)
    }

    mutating func keep(_ head: RequestHead, of connection: ConnectionID, as principal: Principal?) {
        var last = knownHeads.keep(head, of: connection, as: principal)
        giveIfUnused(&last)
    }

    mutating func forgetHead(of connection: ConnectionID) {
        var last = knownHeads.forget(connection)
        giveIfUnused(&last)
    }

    private mutating func giveIfUnused(_ head: inout RequestHead?) {
        if isKnownUniquelyReferenced(&head), let head { give(head) }
    }

    /// A long one is not kept: it would stay, and count, with somebody who sends short ones.
    private mutating func give(_ head: RequestHead) {
        if head.heldBytes <= SpareParts.headBytesMax { heads.give(head) }
    }

    /// A buffer for what is composed in small parts. It may be a slow client's for long, so none
    /// has much room.
    mutating func takeBuffer() -> ByteBuffer {
        buffers.take() ?? ByteBuffer(capacity: SpareParts.bufferBytesMin)
    }

    /// A buffer for a text of so many bytes.
    mutating func takeBuffer(for count: Int) -> ByteBuffer {
        let isLong = count > SpareParts.bufferBytesMax
        if isLong { lentLongBuffers += 1 }
        let buffer = isLong ? longBuffers.take() ?? ByteBuffer() : takeBuffer()
        buffer.reserve(count)
        return buffer
    }

    /// Recycles a connection's parser, and its head unless that is remembered. Others may still
    /// hold the head.
    mutating func give(_ used: RequestParser, of connection: ConnectionID) {
        if let head = used.takeHead(), knownHeads.head(of: connection) !== head { give(head) }
        guard !parsers.isFull else { return }
        used.reset()
        parsers.give(used)
    }

    /// Takes back what an output has to itself.
    mutating func give(_ output: consuming Output) {
        output.dismantle { give($0) }
    }

    /// Takes a message back, unless it still waits somewhere.
    mutating func giveIfUnused(_ message: inout ByteBuffer) {
        if isKnownUniquelyReferenced(&message) { give(message) }
    }

    mutating func give(_ buffer: consuming ByteBuffer) {
        buffer.removeAll()
        if buffer.capacity <= SpareParts.bufferBytesMax {
            buffers.give(buffer)
        } else if lentLongBuffers > 0 {
            lentLongBuffers -= 1
            longBuffers.give(buffer)
        }
    }
}

#if !hasFeature(Embedded)
    extension SpareParts {
        /// How the objects on top of each shelf differ from new ones, field by field.
        var differencesFromNew: [String] {
            differences(events.top, HostEvent(.closed), "event")
                + differences(requests.top, OpenRequest(), "request")
        }

        /// Compares what the fields show of themselves: whoever adds a field need not name it here.
        private func differences<Thing>(
            _ used: Thing?, _ new: Thing, _ what: String
        ) -> [String] {
            guard let used else { return [] }
            let pairs = zip(Mirror(reflecting: used).children, Mirror(reflecting: new).children)
            return pairs.compactMap { used, new in
                let name = used.label ?? ""
                let (left, right) = (String(reflecting: used.value), String(reflecting: new.value))
                return left == right ? nil : "a spare \(what)'s \(name) is \(left), not \(right)"
            }
        }
    }
#endif

/// A shelf of buffers, which may have so much room together.
private struct BufferShelf: ~Copyable {
    private var shelf: Shelf<ByteBuffer>
    private var bytes = 0
    private let bytesMax: Int

    init(capacity: Int, bytesMax: Int) {
        shelf = Shelf(capacity: capacity)
        self.bytesMax = bytesMax
    }

    mutating func take() -> ByteBuffer? {
        let buffer = shelf.take()
        bytes -= buffer?.capacity ?? 0
        return buffer
    }

    mutating func give(_ buffer: consuming ByteBuffer) {
        guard !shelf.isFull, bytes + buffer.capacity <= bytesMax else { return }
        bytes += buffer.capacity
        shelf.give(buffer)
    }
}

/// A stack of objects that nobody uses, of which it has so many at most.
private struct Shelf<Thing: AnyObject>: ~Copyable {
    private let things: UnsafeMutablePointer<Thing>
    private let capacity: Int
    private var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        things = .allocate(capacity: capacity)
    }

    deinit {
        things.deinitialize(count: count)
        things.deallocate()
    }

    var isFull: Bool { count == capacity }

    /// The thing that was put down last.
    var top: Thing? { count > 0 ? things[count - 1] : nil }

    mutating func take() -> Thing? {
        guard count > 0 else { return nil }
        count -= 1
        return (things + count).move()
    }

    /// Keeps a thing, if there is room.
    mutating func give(_ thing: consuming Thing) {
        guard !isFull else { return }
        (things + count).initialize(to: thing)
        count += 1
    }
}
