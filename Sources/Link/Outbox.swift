import Wire

/// Bytes and events on their way to a connection's socket.
///
/// Bytes are appended to a buffer until the driver takes them; a long message is not copied, its
/// own buffer becomes a piece of the output. Events that the socket cannot take yet wait in the
/// backlog. Every method that changes how much memory waits for the peer returns the change, for
/// the total over all connections.
package struct Outbox: ~Copyable {
    // Hot fields first, to share cache lines.
    /// The bytes composed last; nil if there are none.
    private var buffer: ByteBuffer?
    /// What comes before them: long messages, and the bytes before each.
    private var pieces: [ByteBuffer] = []
    /// Bytes ever queued, taken by the driver, and handed to the socket.
    package private(set) var queuedBytes: UInt64 = 0
    package private(set) var takenBytes: UInt64 = 0
    package private(set) var handedBytes: UInt64 = 0
    /// Events ever given, and those of them that were composed, the backlog's not included.
    package private(set) var givenEvents: UInt64 = 0
    package private(set) var composedEvents: UInt64 = 0
    /// The long messages that are not all handed over, as ranges of `queuedBytes`.
    private var longPieces: [Range<UInt64>] = []
    /// What the socket has taken of the first of these: its memory is released as a whole.
    private var begunBytes = 0
    private var backlog = Backlog()
    /// Whether events wait for earlier ones, which are being looked up.
    private var isHeld = false
    /// Whether the peer has taken only a part of the output since it last took all.
    package private(set) var isSlow = false

    package init() {}

    /// By how much the memory that waits has changed.
    package typealias Change = Int

    /// Bytes composed ahead of the socket; the rest stays in the backlog.
    package static var composedBytesMax: Int { 256 << 10 }

    /// A message of at least this many bytes is not copied: its buffer goes to the socket.
    package static var longBytes: Int { 16 << 10 }

    /// About what HTTP and SSE put around a message, in bytes.
    private static var frameBytes: Int { 96 }
    /// The most that they put before it.
    private static var startBytesMax: Int {
        ByteBuffer.chunkHead.utf8CodeUnitCount + 5 + EventIDCodec.lengthMax
            + SSEFrame.start.utf8CodeUnitCount
    }

    // MARK: Questions

    /// Whether the socket has not taken all it was given.
    package var isBlocked: Bool { handedBytes < takenBytes }

    /// Whether everything composed is with the socket.
    package var isDrained: Bool { handedBytes == queuedBytes }

    /// The bytes that the driver has yet to take.
    package var untakenBytes: Int { Int(queuedBytes - takenBytes) }

    /// The memory that waits for the peer, each message of the backlog counted in full.
    package var unsentBytes: Int { Int(queuedBytes - handedBytes) + begunBytes + backlog.byteCount }

    /// What `shed` could release at most.
    package var backlogBytes: Int { backlog.byteCount }

    /// Whether the composed output is so large that it should be written before the end of the
    /// loop's iteration.
    package var isFull: Bool { untakenBytes > Outbox.composedBytesMax && !isBlocked }

    // MARK: Composing

    /// Appends what `compose` writes, and returns its length.
    @inline(__always)
    package mutating func append(
        _ spare: inout Spare, _ compose: (ByteBuffer) -> Void
    ) -> Change {
        let buffer = takeBuffer(&spare)
        let before = buffer.count
        compose(buffer)
        let count = buffer.count - before
        queuedBytes += UInt64(count)
        return count
    }

    /// The buffer to append to. A peer that does not read keeps it for long, so it gets one
    /// without spare capacity.
    @inline(__always)
    private mutating func takeBuffer(_ spare: inout Spare) -> ByteBuffer {
        if let buffer { return buffer }
        let new = isBlocked ? ByteBuffer() : spare.takeBuffer()
        buffer = new
        return new
    }

    /// Appends a long text without a copy. Nobody may change it any more.
    package mutating func append(long text: ByteBuffer) -> Change {
        if let buffer {
            buffer.trim(sparing: 1_024)  // It may have been made for this text.
            pieces.append(buffer)
        }
        buffer = nil
        text.trim()
        pieces.append(text)
        let end = queuedBytes + UInt64(text.count)
        longPieces.append(queuedBytes..<end)
        queuedBytes = end
        return text.count
    }

    // MARK: Events

    /// What became of an event.
    package enum Receipt {
        case composed(Change)
        /// It waits in the backlog.
        case waits(Change)
    }

    /// Takes an event of the stream that the connection carries. With an `id` the peer can resume
    /// after it.
    package mutating func give(
        _ kind: Backlog.Kind, _ text: ByteBuffer, _ id: EventID?, _ framing: BodyFraming,
        _ spare: inout Spare
    ) -> Receipt {
        givenEvents += 1
        if isOpen {
            composedEvents = givenEvents
            return .composed(compose(text, id, framing, &spare))
        }
        let message = Backlog.Message(kind: kind, text: text, id: id, ordinal: givenEvents)
        return .waits(backlog.append(message))
    }

    /// Whether an event can be composed at once, because none waits.
    package var isOpen: Bool { !isBlocked && backlog.isEmpty && !isHeld }

    /// Composes a short event in place, if the outbox `isOpen`. `compose` writes its text, which
    /// `keep` is passed.
    @inline(__always)
    package mutating func compose(
        _ id: EventID?, _ framing: BodyFraming, _ spare: inout Spare,
        _ compose: (ByteBuffer) -> Void, keep: (UnsafeRawBufferPointer) -> Void
    ) -> Change {
        givenEvents += 1
        composedEvents = givenEvents
        let output = takeBuffer(&spare)
        let start = output.count
        output.append(upTo: Outbox.startBytesMax) { place in
            if framing == .chunked { place.put(ByteBuffer.chunkHead) }
            if let id {
                place.put("id: ")
                EventIDCodec.put(id, at: &place)
                place.put("\n")
            }
            place.put(SSEFrame.start)
        }
        let text = output.count
        compose(output)
        keep(output[text..<output.count])
        output.append(SSEFrame.end)
        if framing == .chunked { output.sizeChunk(from: start) }
        output.endPart(framing)
        let count = output.count - start
        queuedBytes += UInt64(count)
        return count
    }

    private mutating func compose(
        _ text: ByteBuffer, _ id: EventID?, _ framing: BodyFraming, _ spare: inout Spare
    ) -> Change {
        guard text.count >= Outbox.longBytes else {
            return append(&spare) { Outbox.append(text, id, framing, to: $0) }
        }
        let start = append(&spare) { output in
            output.beginPart(framing, rest: text.count + SSEFrame.end.utf8CodeUnitCount) { part in
                if let id { SSEFrame.appendID(to: part) { EventIDCodec.append(id, to: $0) } }
                part.append(SSEFrame.start)
            }
        }
        let middle = append(long: text)
        let end = append(&spare) { output in
            output.append(SSEFrame.end)
            output.endPart(framing)
        }
        return start + middle + end
    }

    /// Appends an event to some output.
    package static func append(
        _ text: ByteBuffer, _ id: EventID?, _ framing: BodyFraming, to output: ByteBuffer
    ) {
        output.appendPart(framing) { part in
            if let id { SSEFrame.appendID(to: part) { EventIDCodec.append(id, to: $0) } }
            SSEFrame.append(to: part) { $0.append(text) }
        }
    }

    /// Composes what waits in the backlog until `limit` bytes are to be taken; nil if there is
    /// nothing to compose.
    package mutating func composeBacklog(
        _ framing: BodyFraming, _ spare: inout Spare, atMost limit: Int = composedBytesMax
    ) -> Change? {
        guard !isHeld, !backlog.isEmpty, untakenBytes < limit else { return nil }
        let capacity = min(
            backlog.textCount + backlog.count * Outbox.frameBytes, limit - untakenBytes)
        takeBuffer(&spare).reserve(min(capacity, Outbox.composedBytesMax))
        var change = 0
        while untakenBytes < limit, let (message, released) = backlog.popFirst() {
            composedEvents = max(composedEvents, message.ordinal)
            change += released + compose(message.text, message.id, framing, &spare)
        }
        return change
    }

    /// Makes events wait, until `release`, for earlier ones that are being looked up.
    package mutating func hold() {
        isHeld = true
    }

    package mutating func release() {
        isHeld = false
    }

    /// Puts events of an earlier time before those in the backlog.
    package mutating func prepend(
        _ events: some Sequence<(id: EventID, text: ByteBuffer)>
    ) -> Change {
        backlog.prepend(events)
    }

    /// Drops the whole backlog. Its events count as composed: nobody waits for them any more.
    package mutating func dropBacklog() -> Change {
        composedEvents = givenEvents
        return backlog.removeAll()
    }

    /// Drops what the peer can do without, until the backlog has `target` bytes.
    package mutating func shed(to target: Int) -> Backlog.Shed { backlog.shed(to: target) }

    // MARK: The driver's side

    /// Takes out what is composed; nil if there is nothing.
    package mutating func take() -> Output? {
        let count = untakenBytes
        guard count > 0 else { return nil }
        var taken: [ByteBuffer] = []
        swap(&taken, &pieces)
        var last: ByteBuffer?
        swap(&last, &buffer)
        takenBytes = queuedBytes
        return Output(taken, last, count: count)
    }

    /// Takes out what is composed up to a position, where it was sealed or which is the end of all;
    /// nil if there is nothing.
    package mutating func take(upTo end: UInt64) -> Output? {
        guard end < queuedBytes else { return take() }
        var taken: [ByteBuffer] = []
        var count = 0
        for piece in pieces {
            guard takenBytes + UInt64(count + piece.count) <= end else { break }
            taken.append(piece)
            count += piece.count
        }
        guard count > 0 else { return nil }
        pieces.removeFirst(taken.count)
        takenBytes += UInt64(count)
        return Output(taken, nil, count: count)
    }

    /// Ends what is composed, so that it can be taken without what follows.
    package mutating func seal() {
        guard let sealed = buffer else { return }
        pieces.append(sealed)
        buffer = nil
    }

    /// `count` bytes of what was taken are with the socket.
    @inline(__always)
    package mutating func sent(_ count: Int) -> Change {
        handedBytes += UInt64(count)
        let released = longPieces.isEmpty ? 0 : releaseHanded()
        if isBlocked { isSlow = true }
        return released - count
    }

    /// Updates what counts for a long message of which the socket has taken only a part.
    private mutating func releaseHanded() -> Change {
        while let first = longPieces.first, first.upperBound <= handedBytes {
            longPieces.removeFirst()
        }
        let before = begunBytes
        let first = longPieces.first
        begunBytes =
            first.map { handedBytes > $0.lowerBound ? Int(handedBytes - $0.lowerBound) : 0 } ?? 0
        return begunBytes - before
    }

    /// The peer has read everything: how slowly does not matter any more.
    package mutating func forgetSlowness() {
        isSlow = false
    }

    /// Releases everything: the connection has ended.
    package mutating func close() -> Change {
        let change = backlog.removeAll() - Int(queuedBytes - handedBytes) - begunBytes
        pieces = []
        longPieces = []
        buffer = nil
        begunBytes = 0
        takenBytes = queuedBytes
        handedBytes = queuedBytes
        return change
    }

    // MARK: For tests

    /// Its buffers, and then the texts of its backlog, with the memory of the arrays around them.
    package func forEachBuffer(
        composed: (ByteBuffer) -> Void, waiting: (ByteBuffer) -> Void
    ) -> (own: Int, pieces: Int, backlog: Int) {
        pieces.forEach(composed)
        if let buffer { composed(buffer) }
        let backlogBytes = backlog.heapBytes(waiting)
        return (HeapBlock.size(of: longPieces), HeapBlock.size(of: pieces), backlogBytes)
    }
}
