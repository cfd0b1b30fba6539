import Wire

/// The host's name for the user who makes a request.
package struct Principal: Equatable {
    package let name: ByteBuffer

    package static var bytesMax: Int { 256 }

    /// Nil for an empty name, which all users would share, and for one that is too long to be
    /// stored with all that belongs to the user.
    package init?(_ name: UnsafeRawBufferPointer) {
        guard name.count > 0, name.count <= Principal.bytesMax else { return nil }
        self.name = ByteBuffer(copying: name)
    }

    package static func == (left: Principal, right: Principal) -> Bool {
        left.name === right.name || left.name.bytes.equals(right.name.bytes)
    }
}
