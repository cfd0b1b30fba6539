import CStreamableHTTP
import Wire

extension shttp_bytes {
    /// Bytes of ours, lent to the host.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(
            data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), len: bytes.count)
    }

    init(_ buffer: ByteBuffer?) {
        self.init(buffer?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }

    init(_ text: StaticString?) {
        self.init(text?.rawBytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// The host's bytes, lent to us; nil if there is a length without bytes, or an absurd one.
    var borrowed: UnsafeRawBufferPointer? {
        guard len >= 0, len <= Int32.max else { return nil }  // SIZE_MAX is -1 here.
        guard len > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return data.map { UnsafeRawBufferPointer(start: $0, count: len) }
    }
}

extension UInt32 {
    /// The value, or what 0 stands for.
    func orDefault(_ standard: UInt32) -> UInt32 { self == 0 ? standard : self }

    /// The value as milliseconds, where the largest stands for never.
    func milliseconds(_ standard: Int64) -> Int64? {
        self == .max ? nil : self == 0 ? standard : Int64(self)
    }
}

/// The text a C string holds, without its NUL; nil for a null pointer.
func text(_ string: UnsafePointer<CChar>?) -> UnsafeRawBufferPointer? {
    guard let string else { return nil }
    var count = 0
    while string[count] != 0 { count += 1 }
    return UnsafeRawBufferPointer(start: string, count: count)
}

/// Copies of an array of bytes; nil if the array or one of its elements cannot be read.
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
