import CLibc
import CStreamableHTTP

extension shttp_bytes {
    package init(_ bytes: UnsafeRawBufferPointer) {
        self.init(data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), len: bytes.count)
    }
}

extension UnsafeRawBufferPointer {
    /// No bytes.
    package static var none: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}

/// The order of two texts, the shorter one first: less than, equal to or greater than 0.
package func compare(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Int32 {
    guard one.count == other.count else { return one.count < other.count ? -1 : 1 }
    guard let start = one.baseAddress, let otherStart = other.baseAddress else { return 0 }
    return memcmp(start, otherStart, one.count)
}
