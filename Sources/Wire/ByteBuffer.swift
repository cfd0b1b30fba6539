import CLibc

/// One growable allocation of bytes, which never moves unless something is appended.
///
/// A class, so that a socket can hold on to bytes in flight while the engine goes on. An empty
/// buffer owns no storage.
package final class ByteBuffer {
    private var storage: UnsafeMutableRawPointer?
    package private(set) var count = 0
    package private(set) var capacity = 0

    package init() {}

    /// An empty buffer with room for `capacity` bytes.
    package init(capacity: Int) {
        reserve(capacity)
    }

    package init(copying bytes: UnsafeRawBufferPointer) {
        append(bytes)
    }

    /// A copy with room for more.
    package convenience init(copying bytes: UnsafeRawBufferPointer, room: Int) {
        self.init(capacity: bytes.count + room)
        append(bytes)
    }

    deinit {
        free(storage)
    }

    package var isEmpty: Bool { count == 0 }

    /// How many backlogs, mailboxes and logs hold it. Memory is counted by kind, but the buffer
    /// exists once.
    package var backlogs: Int32 = 0
    package var mailboxes: Int32 = 0
    package var logs: Int32 = 0

    /// The memory that it takes: its capacity, and the overhead of an object and an allocation.
    @inline(__always)
    package var heldBytes: Int { 64 + (capacity > 0 ? capacity + 16 : 0) }

    /// The same as measured on the heap, for tests of `heldBytes`.
    package var heapBytes: Int { HeapBlock.size(of: self) + HeapBlock.size(storage) }

    /// Releases unused capacity, if there is much: the buffer may have to wait for long. A short
    /// text is moved out of a block of its own pages, since realloc would keep at least one page.
    package func trim(sparing spare: Int = 64) {
        guard capacity - count > spare + count / 8 else { return }
        let room = max(count, 16)
        if capacity >= ByteBuffer.pagedBytesMin, let moved = malloc(room) {
            if let storage { memcpy(moved, storage, count) }
            free(storage)
            storage = moved
        } else if let smaller = realloc(storage, room) {
            storage = smaller
        } else {
            return
        }
        capacity = room
    }

    /// From this size on the C library may map a block separately.
    private static var pagedBytesMin: Int { 128 << 10 }

    /// The bytes, valid until the next append or the buffer's release: keep the buffer in a
    /// variable while they are used.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: storage, count: count)
    }

    /// A part of the bytes, valid as long as `bytes`.
    package subscript(range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    /// Makes room, so that appending `additional` bytes does not move what is there.
    package func reserve(_ additional: Int) {
        let needed = count + additional
        guard needed > capacity else { return }
        grow(to: needed)
    }

    package func append(_ byte: UInt8) {
        if count == capacity { grow(to: Swift.max(64, capacity * 2)) }
        storage?.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    package func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if count + bytes.count > capacity { grow(to: Swift.max(count + bytes.count, capacity * 2)) }
        guard let storage else { return }
        memcpy(storage + count, source, bytes.count)
        count += bytes.count
    }

    /// Appends the contents of another, long buffer by taking over its storage; this buffer's own
    /// bytes are inserted before them. The other buffer is empty afterwards.
    package func append(taking other: ByteBuffer) {
        other.reserve(count)
        guard let storage, let otherStorage = other.storage else { return append(other) }
        memmove(otherStorage + count, otherStorage, other.count)
        memcpy(otherStorage, storage, count)
        other.count += count
        swap(&self.storage, &other.storage)
        swap(&count, &other.count)
        swap(&capacity, &other.capacity)
        other.count = 0
    }

    /// Appends a header line: the name in lower case, a colon and a blank, the value, CR and LF.
    package func appendLine(
        lowercasing name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) {
        let length = name.count + value.count + 4
        if count + length > capacity { grow(to: Swift.max(count + length, capacity * 2)) }
        guard let storage, let source = name.baseAddress else { return }
        var place = storage + count
        ByteBuffer.lowercase(source, name.count, to: place)
        place += name.count
        place.storeBytes(of: UInt16(0x203A).littleEndian, as: UInt16.self)
        place += 2
        if let bytes = value.baseAddress { memcpy(place, bytes, value.count) }
        place += value.count
        place.storeBytes(of: UInt16(0x0A0D).littleEndian, as: UInt16.self)
        count += length
    }

    @inline(__always)
    private static func lowercase(
        _ text: UnsafeRawPointer, _ length: Int, to place: UnsafeMutableRawPointer
    ) {
        if length >= 8 {
            lowercase(text, length, UInt64.self, to: place)
        } else if length >= 4 {
            lowercase(text, length, UInt32.self, to: place)
        } else {
            lowercase(text, length, UInt8.self, to: place)
        }
    }

    /// Works word by word; `length` is at least one word. The last may overlap the one before.
    @inline(__always)
    private static func lowercase<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ text: UnsafeRawPointer, _ length: Int, _ type: Word.Type,
        to place: UnsafeMutableRawPointer
    ) {
        let width = MemoryLayout<Word>.size
        var index = 0
        while index < length {
            index = Swift.min(index, length - width)
            let word = text.loadUnaligned(fromByteOffset: index, as: type)
            place.storeBytes(of: word.lettersLowercased, toByteOffset: index, as: type)
            index += width
        }
    }

    /// Appends what another buffer holds.
    package func append(_ other: ByteBuffer) {
        withExtendedLifetime(other) { append(other.bytes) }
    }

    /// Appends a literal. Inlined: its length is a constant then, and the copy a few moves.
    @inline(__always)
    package func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        if count + length > capacity { grow(to: Swift.max(count + length, capacity * 2)) }
        guard let storage else { return }
        memcpy(storage + count, text.utf8Start, length)
        count += length
    }

    /// The same where speed matters less than size: not inlined.
    @inline(never)
    package func put(_ text: StaticString) {
        append(text.rawBytes)
    }

    package func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends a number in decimal.
    package func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    package func append(decimal value: UInt64) {
        append(upTo: 20) { $0.put(digits: value) }
    }

    /// Appends a number as two hexadecimal digits.
    package func append(hex2 value: UInt8) {
        let digits = ByteBuffer.digits(UInt32(value)).bigEndian
        append(UInt8(truncatingIfNeeded: digits >> 8))
        append(UInt8(truncatingIfNeeded: digits))
    }

    /// Overwrites eight bytes at `offset` with a number's hexadecimal digits.
    package func overwrite(at offset: Int, hex8 value: Int) {
        guard let storage, offset + 8 <= count else { return }
        let digits = ByteBuffer.digits(UInt32(truncatingIfNeeded: value))
        storage.storeBytes(of: digits, toByteOffset: offset, as: UInt64.self)
    }

    /// Eight hexadecimal digits in memory order, computed in one word.
    private static func digits(_ value: UInt32) -> UInt64 {
        // One nibble in each byte, the highest first.
        var nibbles = UInt64(value)
        nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F
        let isLetter = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        let toLetter = UInt64(UInt8(ascii: "a") - UInt8(ascii: "0") - 10)
        return (nibbles + 0x3030_3030_3030_3030 + isLetter * toLetter).bigEndian
    }

    /// Appends a number as sixteen hexadecimal digits.
    package func append(hex16 value: UInt64) {
        append(upTo: 16) { $0.put(hex16: value) }
    }

    /// Appends at most `room` bytes, which `write` stores at a pointer that it moves on.
    @inline(__always)
    package func append(upTo room: Int, _ write: (inout UnsafeMutableRawPointer) -> Void) {
        if count + room > capacity { grow(to: Swift.max(count + room, capacity * 2)) }
        guard let storage else { return }
        var place = storage + count
        write(&place)
        count = place - storage
    }

    /// Removes the bytes and keeps the capacity.
    package func removeAll() {
        count = 0
    }

    /// Removes a part of the bytes.
    package func remove(_ range: Range<Int>) {
        replace(range, with: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Replaces a part with other bytes, which must not be the buffer's own.
    package func replace(_ range: Range<Int>, with bytes: UnsafeRawBufferPointer) {
        guard range.upperBound <= count else { return }
        reserve(max(bytes.count - range.count, 0))
        guard let place = storage.map({ $0 + range.lowerBound }) else { return }
        if bytes.count != range.count {
            memmove(place + bytes.count, place + range.count, count - range.upperBound)
        }
        if let source = bytes.baseAddress { memcpy(place, source, bytes.count) }
        count += bytes.count - range.count
    }

    /// Removes everything after the first `length` bytes.
    package func truncate(to length: Int) {
        count = Swift.min(count, length)
    }

    /// Appends bytes of a text that will have `length` bytes in all. The capacity grows with what
    /// has arrived, for the rest may never arrive, and not beyond `length`.
    package func append(_ bytes: UnsafeRawBufferPointer, of length: Int) {
        let needed = count + bytes.count
        if needed > capacity { grow(to: Swift.max(needed, Swift.min(length, capacity * 2))) }
        append(bytes)
    }

    private func grow(to needed: Int) {
        guard let larger = realloc(storage, needed) else { fatalError("out of memory") }
        storage = larger
        capacity = needed
    }
}
