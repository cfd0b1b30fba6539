import CLibc

/// Bytes that are appended at the end, and removed at the beginning.
final class ByteQueue {
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    private var end = 0

    /// Memory that an empty queue keeps.
    private static let idleCapacity = 64 << 10

    deinit { free(memory) }

    var count: Int { end - start }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: memory.map { $0 + start }, count: count)
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        let place = makeRoom(bytes.count)
        if let from = bytes.baseAddress { memcpy(place, from, bytes.count) }
        end += bytes.count
    }

    func append(_ byte: UInt8) {
        makeRoom(1).storeBytes(of: byte, as: UInt8.self)
        end += 1
    }

    func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    func append(decimal number: UInt64) {
        let length = ByteQueue.length(of: number)
        let place = makeRoom(length)
        var rest = number
        for index in stride(from: length - 1, through: 0, by: -1) {
            place.storeBytes(
                of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: index, as: UInt8.self)
            rest /= 10
        }
        end += length
    }

    /// With the highest byte first.
    func append(bigEndian number: UInt64) {
        var bytes = number.bigEndian
        withUnsafeBytes(of: &bytes) { append($0) }
    }

    func append(hexadecimal bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            append(ByteQueue.digit(byte >> 4))
            append(ByteQueue.digit(byte & 15))
        }
    }

    /// How many decimal digits a number has.
    static func length(of number: UInt64) -> Int {
        var (length, rest) = (1, number / 10)
        while rest > 0 {
            length += 1
            rest /= 10
        }
        return length
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    func removeFirst(_ count: Int) {
        start += count
        if start == end { removeAll() }
    }

    func removeAll() {
        start = 0
        end = 0
        guard capacity > ByteQueue.idleCapacity else { return }
        free(memory)
        memory = nil
        capacity = 0
    }

    /// Returns where the next `size` bytes go.
    private func makeRoom(_ size: Int) -> UnsafeMutableRawPointer {
        if end + size > capacity {
            if start > 0, let memory {
                memmove(memory, memory + start, count)
                end -= start
                start = 0
            }
            if end + size > capacity {
                capacity = max(end + size, capacity * 2, 4 << 10)
                memory = realloc(memory, capacity)
            }
        }
        guard let memory else { abort() }  // There is no memory.
        return memory + end
    }
}
