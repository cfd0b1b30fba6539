import Wire

extension String {
    var buffer: ByteBuffer {
        var text = self
        return text.withUTF8 { ByteBuffer(copying: UnsafeRawBufferPointer($0)) }
    }
}

extension UnsafeRawBufferPointer {
    var text: String { String(decoding: self, as: UTF8.self) }
}
