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
