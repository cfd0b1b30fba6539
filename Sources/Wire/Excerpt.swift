extension ByteBuffer {
    /// Appends bytes of somebody else for people to read: at most 128 of them, on one line, with
    /// `?` for everything that is not printable ASCII.
    package func append(excerpt bytes: UnsafeRawBufferPointer) {
        let most = 128
        for byte in bytes.prefix(most) {
            append(byte >= 0x20 && byte < 0x7F ? byte : UInt8(ascii: "?"))
        }
        if bytes.count > most { append("...") }
    }
}
