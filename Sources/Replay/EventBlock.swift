import CLibc
import Session
import Wire

/// Events one behind the other in one block of memory, the oldest first: what many clients may come
/// back for must cost no allocation each, and none may be touched before its time.
///
/// A short message is copied into the block; a long one, or one for many sessions, is referred to.
/// The block is used in turns: behind its end it goes on at its start. An empty one holds no
/// memory.
///
/// The blocks of some sessions are more than a processor's caches hold, so what will be wanted next
/// is fetched ahead, and nothing is read that need not be.
struct EventBlock: ~Copyable {
    /// What stands before each message.
    private struct Header {
        let id: EventID
        let time: Instant
        /// The bytes that follow; negative if a reference does.
        let length: Int

        static var reference: Int { -1 }
        /// The message is other sessions' too.
        static var sharedReference: Int { -2 }

        var size: Int { EventBlock.size(of: length) }
    }

    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    /// Where the oldest event stands, and where the next one would.
    private var first = 0
    private var end = 0
    /// Where the events end that stand before those at the start; nil if there are none.
    private var turn: Int?
    private(set) var count = 0
    /// The memory that the messages take which are referred to, whoever else refers to them.
    private var referredBytes = 0
    /// Of that, what is other sessions' too.
    private var sharedBytes = 0

    /// The memory that its events take, and what it takes with its unused room.
    var byteCount: Int { liveBytes + referredBytes }
    var heldBytes: Int { (capacity > 0 ? capacity + 16 : 0) + referredBytes }
    /// The same without what is other sessions' too.
    var ownBytes: Int { heldBytes - sharedBytes }
    /// What it takes on the heap, but for what others refer to as well: `body` is given that.
    func heapBytes(_ body: (ByteBuffer) -> Void) -> Int {
        forEach { place, header in
            if header.length < 0 { body(reference(at: place).takeUnretainedValue()) }
        }
        return HeapBlock.size(storage)
    }

    /// By how much the memory of all blocks has changed since this was set to 0: what several refer
    /// to is in memory once.
    var change = 0

    private static var longBytes: Int { 16 << 10 }
    private static var lineBytes: Int { 64 }
    /// Up to here a block need not shrink; from the next on it grows by a quarter only: what is
    /// unused of it is held, too.
    private static var smallBytes: Int { 4 << 10 }
    private static var largeBytes: Int { 64 << 10 }

    /// Beyond, it has room for no more than it needs.
    private let roomMax: Int

    /// A block that is to hold so many bytes at most: its room is an eighth more.
    init(bytesMax: Int) {
        roomMax = bytesMax > .max / 2 ? .max : bytesMax + bytesMax / 8
    }

    /// When the oldest event was made.
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
        let isReferred = (isShared || message.count >= EventBlock.longBytes) && message.count > 0
        if isReferred { message.trim() }  // It is counted with the room that it has now.
        let reference = isShared ? Header.sharedReference : Header.reference
        let header = Header(
            id: id, time: time, length: isReferred ? reference : message.count)
        makeRoom(header.size)
        guard let storage else { return }
        storage.storeBytes(of: header, toByteOffset: end, as: Header.self)
        let place = storage + end + MemoryLayout<Header>.stride
        if isReferred {
            place.storeBytes(
                of: Unmanaged.passRetained(message).toOpaque(), as: UnsafeMutableRawPointer.self)
            referredBytes += message.heldBytes
            if isShared { sharedBytes += message.heldBytes }
            if message.logs == 0 { change += message.heldBytes }
            message.logs += 1
        } else if let bytes = message.bytes.baseAddress {
            memcpy(place, bytes, message.count)
        }
        withExtendedLifetime(message) {}
        end += header.size
        count += 1
        // The next event is likely to be as long as this one.
        for line in 0..<min(1 + header.size / EventBlock.lineBytes, 4) {
            prefetch_line(storage + end + line * EventBlock.lineBytes)
        }
    }

    /// Removes the oldest event, of which there must be one; tells which it was.
    mutating func removeFirst() -> EventID {
        let header = header(at: first)
        if header.length < 0 { release(reference(at: first), header) }
        first += header.size
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

    /// Gives back memory that is not needed any more.
    mutating func shrink() {
        if count == 0 {
            move(to: 0)
        } else if capacity > EventBlock.largeBytes, liveBytes * 3 < capacity * 2 {
            move(to: liveBytes + liveBytes / 4)
        } else if capacity > EventBlock.smallBytes, liveBytes * 4 < capacity {
            move(to: liveBytes * 2)
        }
    }

    /// Gives back all memory but what the events take.
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

    /// The bytes that a message of such a length takes with its header.
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

    /// The bytes of all events with their headers.
    private var liveBytes: Int { turn.map { $0 - first + end } ?? (end - first) }

    /// Makes room at `end`: behind the last event, at the start, or in a larger block.
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

    /// Moves what there is to the start of a new block of `room` bytes.
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
