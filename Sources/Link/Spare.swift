import Wire

/// Objects that connections have used and may use again, a few of each.
package struct Spare: ~Copyable {
    private var parsers = Shelf<RequestParser>(capacity: countMax)
    private var heads = Shelf<RequestHead>(capacity: countMax)
    private var knownHeads = KnownHeads()
    /// As many as a message to a thousand streams may need at once.
    private var buffers = BufferShelf(capacity: 2048, bytesMax: 1 << 20)
    /// Without them the heap would grow and shrink with every long message.
    private var longBuffers = BufferShelf(capacity: 16, bytesMax: 4 << 20)
    /// Long buffers that may still be given back. No more are kept: buffers from elsewhere are
    /// given, too, and nobody would take those again.
    private var lentLongBuffers = 0

    private let limits: Limits
    private let parserSettings: LLHTTPSettings

    private static var countMax: Int { 64 }
    private static var headBytesMax: Int { 4 << 10 }
    private static var bufferBytesMin: Int { 512 }
    private static var bufferBytesMax: Int { 16 << 10 }

    /// A spare parser keeps to `limits`, and indexes `fields` next to HTTP's own.
    package init(limits: Limits, indexing fields: ExtensionFields) {
        self.limits = limits
        parserSettings = LLHTTPSettings(indexing: fields)
    }

    mutating func takeParser() -> RequestParser {
        parsers.take() ?? RequestParser(limits: limits, settings: parserSettings)
    }

    /// A head that nobody else has. One that somebody still reads is given back later.
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

    package mutating func forgetHead(of connection: ConnectionID) {
        var last = knownHeads.forget(connection)
        giveIfUnused(&last)
    }

    /// Forgets the heads of all connections.
    package mutating func forgetHeads() {
        knownHeads = KnownHeads()
    }

    /// Takes a head back, unless somebody else still has it.
    package mutating func giveIfUnused(_ head: inout RequestHead?) {
        if isKnownUniquelyReferenced(&head), let head { give(head) }
    }

    /// A long one is not kept: it would be used, and count, for somebody who sends short ones.
    private mutating func give(_ head: RequestHead) {
        if head.heldBytes <= Spare.headBytesMax { heads.give(head) }
    }

    /// A buffer for what is composed in small parts. It may wait for a slow peer for long, so none
    /// has much capacity.
    package mutating func takeBuffer() -> ByteBuffer {
        buffers.take() ?? ByteBuffer(capacity: Spare.bufferBytesMin)
    }

    /// A buffer for a text of `count` bytes.
    package mutating func takeBuffer(for count: Int) -> ByteBuffer {
        let isLong = count > Spare.bufferBytesMax
        if isLong { lentLongBuffers += 1 }
        let buffer = isLong ? longBuffers.take() ?? ByteBuffer() : takeBuffer()
        buffer.reserve(count)
        return buffer
    }

    /// Recycles a connection's parser, and its head unless that is remembered. Others may still
    /// hold the head.
    mutating func give(_ used: RequestParser, of connection: ConnectionID) {
        if let head = used.takeHead(), !knownHeads.holds(head, of: connection) { give(head) }
        guard !parsers.isFull else { return }
        used.reset()
        parsers.give(used)
    }

    /// Takes back the buffers of an output that nobody else has.
    package mutating func give(_ output: consuming Output) {
        output.dismantle { give($0) }
    }

    /// Takes a message back, unless it still waits somewhere.
    package mutating func giveIfUnused(_ message: inout ByteBuffer) {
        if isKnownUniquelyReferenced(&message) { give(message) }
    }

    package mutating func give(_ buffer: consuming ByteBuffer) {
        buffer.removeAll()
        if buffer.capacity <= Spare.bufferBytesMax {
            buffers.give(buffer)
        } else if lentLongBuffers > 0 {
            lentLongBuffers -= 1
            longBuffers.give(buffer)
        }
    }
}
