import Wire

/// The host's name for the user who makes a request, with the tag that it has given to the request.
package struct Principal: Equatable {
    /// The name, and the tag's eight bytes: most requests have neither, and pay for one reference.
    private let text: ByteBuffer

    package static var bytesMax: Int { 256 }

    private static var tagBytes: Int { MemoryLayout<UInt64>.size }

    /// Nil for an empty name, which all users would share, and for one that is too long to be
    /// stored with all that belongs to the user.
    @inline(never)
    package init?(_ name: UnsafeRawBufferPointer, tag: UInt64 = 0) {
        guard name.count > 0, name.count <= Principal.bytesMax else { return nil }
        text = ByteBuffer(copying: name, room: Principal.tagBytes)
        withUnsafeBytes(of: tag) { text.append($0) }
    }

    /// The bytes of the name, which live as long as the principal.
    package var name: UnsafeRawBufferPointer {
        text.bytes.prefixBytes(text.count - Principal.tagBytes)
    }

    /// The host's number for the request; 0 for none. It does not tell one user from another.
    package var tag: UInt64 {
        text.bytes.loadUnaligned(fromByteOffset: text.count - Principal.tagBytes, as: UInt64.self)
    }

    package static func == (left: Principal, right: Principal) -> Bool {
        left.text === right.text || left.name.equals(right.name)
    }
}
