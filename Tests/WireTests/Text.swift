import Wire

extension String {
    /// Calls `body` with the text's bytes.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        var text = self
        return try text.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
    }

    var buffer: ByteBuffer { withBytes { ByteBuffer(copying: $0) } }
}

extension UnsafeRawBufferPointer {
    var text: String { String(decoding: self, as: UTF8.self) }
}

extension ByteBuffer {
    var text: String { withExtendedLifetime(self) { bytes.text } }

    /// What `compose` appends to an empty buffer, as text.
    static func text(_ compose: (ByteBuffer) throws -> Void) rethrows -> String {
        let output = ByteBuffer()
        try compose(output)
        return output.text
    }
}

/// The ways to cut `bytes` that no reader may notice: whole, byte by byte, and at every position.
func cuts(of bytes: [UInt8]) -> [[[UInt8]]] {
    let inTwo = bytes.indices.dropFirst().map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
    return [[bytes], bytes.map { [$0] }] + inTwo
}
