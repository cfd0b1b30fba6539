import CLibc
import Session
import Wire

/// Events one behind the other in one block of memory, the oldest first: what many clients may come
/// back for must cost no allocation each, and none may be touched before its time.
///
/// A short message is copied into the block, a long one is referred to. An empty block holds no
/// memory.
final class EventBlock {
    /// What stands before each message. A negative length: a reference to so many bytes follows.
    private struct Header {
        let id: EventID
        let time: Instant
        let length: Int
    }

    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    private var first = 0
    private var end = 0
    private(set) var count = 0
    /// The bytes of the messages.
    private(set) var byteCount = 0

    private static var longBytes: Int { 16 << 10 }

    deinit {
        while count > 0 { _ = removeFirst() }
        free(storage)
    }

    /// When the oldest event was made.
    var oldest: Instant? { count > 0 ? header(at: first).time : nil }

    func append(_ event: StoredEvent, at time: Instant) {
        let message = event.message
        let isLong = message.count >= EventBlock.longBytes
        let length = isLong ? -message.count : message.count
        makeRoom(EventBlock.size(of: length))
        guard let storage else { return }
        let header = Header(id: event.id, time: time, length: length)
        storage.storeBytes(of: header, toByteOffset: end, as: Header.self)
        let place = storage + end + MemoryLayout<Header>.stride
        if isLong {
            place.storeBytes(
                of: Unmanaged.passRetained(message).toOpaque(), as: UnsafeMutableRawPointer.self)
        } else if let bytes = message.bytes.baseAddress {
            memcpy(place, bytes, message.count)
        }
        withExtendedLifetime(message) {}
        end += EventBlock.size(of: length)
        count += 1
        byteCount += message.count
    }

    /// Removes the oldest event, of which there must be one; tells which it was.
    func removeFirst() -> EventID {
        let header = header(at: first)
        if header.length < 0 { reference(at: first).release() }
        first += EventBlock.size(of: header.length)
        count -= 1
        byteCount -= abs(header.length)
        return header.id
    }

    /// The events of a stream after `cursor`, in order.
    func events(after cursor: EventID) -> [StoredEvent] {
        var events: [StoredEvent] = []
        var place = first
        for _ in 0..<count {
            let header = header(at: place)
            if header.id.stream == cursor.stream, header.id.sequence > cursor.sequence {
                events.append(StoredEvent(id: header.id, message: message(at: place, header)))
            }
            place += EventBlock.size(of: header.length)
        }
        return events
    }

    /// Gives back memory that is not needed any more.
    func shrink() {
        if count == 0 {
            move(to: 0)
        } else if capacity > 4096, (end - first) * 8 < capacity {
            move(to: (end - first) * 2)
        }
    }

    // MARK: Memory

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

    /// Makes room behind the last event. A block that is half empty is used again from its start:
    /// so each byte is moved a few times at most.
    private func makeRoom(_ size: Int) {
        guard end + size > capacity else { return }
        let live = end - first
        move(to: 2 * (live + size) <= capacity ? capacity : max(live + size, 2 * live))
    }

    /// Moves what there is to the start of a block of `room` bytes.
    private func move(to room: Int) {
        let live = end - first
        if room == capacity, let storage {
            memmove(storage, storage + first, live)
        } else {
            let block = room > 0 ? malloc(room) : nil
            if room > 0, block == nil { fatalError("out of memory") }
            if live > 0, let block, let storage { memcpy(block, storage + first, live) }
            free(storage)
            storage = block
            capacity = room
        }
        first = 0
        end = live
    }
}
