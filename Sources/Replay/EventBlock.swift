import CLibc
import Link
import Wire

/// A ring buffer of events in one block of memory, the oldest first. The events of many clients
/// need no allocation each, and no memory is read before it is needed.
///
/// A short message is copied into the block; a long one, or one shared by several sessions, is
/// stored as a reference. An empty buffer has no memory.
///
/// The blocks of many sessions do not fit into the processor's caches. So the memory that is needed
/// next is prefetched, and as little as possible is read.
struct EventBlock: ~Copyable {
    /// The header before each message.
    private struct Header {
        let id: EventID
        let time: Instant
        /// The number of bytes that follow; negative if a reference follows.
        let length: Int

        static var reference: Int { -1 }
        /// The message is shared with other sessions.
        static var sharedReference: Int { -2 }

        var size: Int { EventBlock.size(of: length) }
    }

    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    /// The offsets of the oldest event and of the next one.
    private var first = 0
    private var end = 0
    /// The end offset of the upper part, if the events wrap around; nil if they do not.
    private var turn: Int?
    private(set) var count = 0
    /// The size of all events with their headers.
    private var liveBytes = 0
    /// The memory of all messages stored as references, shared or not.
    private var referredBytes = 0
    /// The part of it that is shared with other sessions.
    private var sharedBytes = 0

    /// The memory of its events, and the same with its unused capacity.
    var byteCount: Int { liveBytes + referredBytes }
    var heldBytes: Int { (capacity > 0 ? capacity + 16 : 0) + referredBytes }
    /// The same without messages shared with other sessions.
    var ownBytes: Int { heldBytes - sharedBytes }
    /// Its heap memory without messages stored as references, which are passed to `body`.
    func heapBytes(_ body: (ByteBuffer) -> Void) -> Int {
        forEach { place, header in
            if header.length < 0 { body(reference(at: place).takeUnretainedValue()) }
        }
        return HeapBlock.size(storage)
    }

    /// The change of the memory of all blocks since this was set to 0. A message shared by several
    /// blocks counts once.
    var change = 0

    private static var longBytes: Int { 16 << 10 }
    private static var lineBytes: Int { 64 }
    /// Up to `smallBytes` a block need not shrink. From `largeBytes` on it grows only by a quarter,
    /// because unused capacity counts as held memory.
    private static var smallBytes: Int { 4 << 10 }
    private static var largeBytes: Int { 64 << 10 }

    /// Above this, the capacity is exactly what the events need.
    private let roomMax: Int

    /// A block for at most `bytesMax` bytes of events; its capacity is up to an eighth more.
    init(bytesMax: Int) {
        roomMax = bytesMax > .max / 2 ? .max : bytesMax + bytesMax / 8
    }

    /// The time of the oldest event.
    var oldest: Instant? { count > 0 ? header(at: first).time : nil }

    deinit {
        forEach { place, header in
            guard header.length < 0 else { return }
            reference(at: place).takeRetainedValue().logs -= 1
        }
        free(storage)
    }

    mutating func append(
        _ id: EventID, _ message: ByteBuffer, isShared: Bool = false, at time: Instant
    ) {
        guard (isShared || message.count >= EventBlock.longBytes) && message.count > 0 else {
            return withExtendedLifetime(message) { append(id, copying: message.bytes, at: time) }
        }
        message.trim()  // Its capacity counts as memory from now on.
        let length = isShared ? Header.sharedReference : Header.reference
        append(Header(id: id, time: time, length: length)) { place in
            place.storeBytes(
                of: Unmanaged.passRetained(message).toOpaque(), as: UnsafeMutableRawPointer.self)
        }
        referredBytes += message.heldBytes
        if isShared { sharedBytes += message.heldBytes }
        if message.logs == 0 { change += message.heldBytes }
        message.logs += 1
    }

    /// Appends a message that is copied into the block.
    mutating func append(_ id: EventID, copying message: UnsafeRawBufferPointer, at time: Instant) {
        append(Header(id: id, time: time, length: message.count)) { place in
            if let bytes = message.baseAddress { memcpy(place, bytes, message.count) }
        }
    }

    @inline(__always)
    private mutating func append(_ header: Header, _ write: (UnsafeMutableRawPointer) -> Void) {
        makeRoom(header.size)
        guard let storage else { return }
        storage.storeBytes(of: header, toByteOffset: end, as: Header.self)
        write(storage + end + MemoryLayout<Header>.stride)
        end += header.size
        liveBytes += header.size
        count += 1
        // Prefetch for the next event, which is probably as long as this one.
        for line in 0..<min(1 + header.size / EventBlock.lineBytes, 4) {
            prefetch_line(storage + end + line * EventBlock.lineBytes)
        }
    }

    /// Removes the oldest event, which must exist, and returns its id.
    mutating func removeFirst() -> EventID {
        let header = header(at: first)
        if header.length < 0 { release(reference(at: first), header) }
        first += header.size
        liveBytes -= header.size
        if first == turn {
            first = 0
            turn = nil
        }
        count -= 1
        if let storage { prefetch_line(storage + first) }
        return header.id
    }

    /// The numbers of the first and the last event of a stream; nil if there is none.
    func range(of stream: StreamToken) -> (first: UInt64, last: UInt64)? {
        var range: (first: UInt64, last: UInt64)?
        forEach { _, header in
            guard header.id.stream == stream else { return }
            range = (range?.first ?? header.id.sequence, header.id.sequence)
        }
        return range
    }

    /// The events of a stream after `cursor`, in order.
    func events(after cursor: EventID) -> [StoredEvent] {
        var events: [StoredEvent] = []
        forEach { place, header in
            guard header.id.stream == cursor.stream, header.id.sequence > cursor.sequence else {
                return
            }
            events.append(StoredEvent(id: header.id, message: message(at: place, header)))
        }
        return events
    }

    private mutating func release(_ reference: Unmanaged<ByteBuffer>, _ header: Header) {
        let message = reference.takeRetainedValue()
        message.logs -= 1
        referredBytes -= message.heldBytes
        if header.length == Header.sharedReference { sharedBytes -= message.heldBytes }
        if message.logs == 0 { change -= message.heldBytes }
    }

    /// Frees memory that is no longer needed.
    mutating func shrink() {
        if count == 0 {
            move(to: 0)
        } else if capacity > EventBlock.largeBytes, liveBytes * 3 < capacity * 2 {
            move(to: liveBytes + liveBytes / 4)
        } else if capacity > EventBlock.smallBytes, liveBytes * 4 < capacity {
            move(to: liveBytes * 2)
        }
    }

    /// Frees all unused capacity.
    mutating func compact() {
        move(to: liveBytes)
    }

    // MARK: Memory

    private func forEach(_ body: (Int, Header) -> Void) {
        var place = first
        for _ in 0..<count {
            let header = header(at: place)
            body(place, header)
            place += header.size
            if place == turn { place = 0 }
        }
    }

    /// The size of a message of this length with its header.
    private static func size(of length: Int) -> Int {
        let payload = length < 0 ? MemoryLayout<UnsafeMutableRawPointer>.size : length
        return MemoryLayout<Header>.stride + (payload + 7) & ~7
    }

    private func header(at place: Int) -> Header {
        storage!.load(fromByteOffset: place, as: Header.self)
    }

    private func reference(at place: Int) -> Unmanaged<ByteBuffer> {
        .fromOpaque(
            storage!.load(
                fromByteOffset: place + MemoryLayout<Header>.stride,
                as: UnsafeMutableRawPointer.self))
    }

    private func message(at place: Int, _ header: Header) -> ByteBuffer {
        guard header.length >= 0 else { return reference(at: place).takeUnretainedValue() }
        return ByteBuffer(
            copying: UnsafeRawBufferPointer(
                start: storage! + place + MemoryLayout<Header>.stride, count: header.length))
    }

    /// Makes space for `size` bytes at `end`: after the last event, by wrapping around, or in a
    /// larger block.
    private mutating func makeRoom(_ size: Int) {
        if count == 0 {
            first = 0
            end = 0
        }
        if turn == nil {
            if end + size <= capacity { return }
            if size <= first {
                turn = end
                end = 0
                return
            }
        } else if end + size <= first {
            return
        }
        let live = liveBytes
        let grown = live + (live > EventBlock.largeBytes ? live / 4 : live)
        move(to: max(live + size, min(grown, roomMax)))
    }

    /// Moves the events to the start of a new block of `room` bytes.
    private mutating func move(to room: Int) {
        let block = room > 0 ? malloc(room) : nil
        if room > 0, block == nil { fatalError("out of memory") }
        let live = liveBytes
        if live > 0, let block, let storage {
            let upper = (turn ?? end) - first
            memcpy(block, storage + first, upper)
            memcpy(block + upper, storage, live - upper)
        }
        free(storage)
        storage = block
        change += (room > 0 ? room + 16 : 0) - (capacity > 0 ? capacity + 16 : 0)
        capacity = room
        first = 0
        end = live
        turn = nil
    }
}
