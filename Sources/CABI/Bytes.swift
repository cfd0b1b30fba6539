import CLibc
import CStreamableHTTP
import Wire

extension shttp_bytes {
    /// The library's bytes, lent to the host.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(
            data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), len: bytes.count)
    }

    @_optimize(speed)
    init(_ buffer: ByteBuffer?) {
        self.init(buffer?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }

    init(_ text: StaticString?) {
        self.init(text?.rawBytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// The host's bytes; nil if the length is too large, or nonzero with a NULL pointer.
    var borrowed: UnsafeRawBufferPointer? {
        guard len >= 0, len <= Int32.max else { return nil }  // SIZE_MAX is -1 here.
        guard len > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return data.map { UnsafeRawBufferPointer(start: $0, count: len) }
    }
}

extension UInt32 {
    /// The value, or the default for 0.
    func orDefault(_ standard: Int) -> Int { self == 0 ? standard : Int(self) }
}

/// The bytes of a C string without its NUL; nil for a NULL pointer.
func text(_ string: UnsafePointer<CChar>?) -> UnsafeRawBufferPointer? {
    string.map { UnsafeRawBufferPointer(start: $0, count: strlen($0)) }
}

/// Copies of an array of bytes; nil if the array or one of its elements is invalid.
func copies(_ array: UnsafePointer<shttp_bytes>?, _ count: Int) -> [ByteBuffer]? {
    guard count > 0 else { return count == 0 ? [] : nil }
    guard let array, count <= 1 << 24 else { return nil }
    var copies: [ByteBuffer] = []
    for index in 0..<count {
        guard let bytes = array[index].borrowed else { return nil }
        copies.append(ByteBuffer(copying: bytes))
    }
    return copies
}
