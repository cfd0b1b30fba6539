import Wire

/// Who makes a request, in the host's words. Sessions belong to the one that opened them (S-500).
package struct Principal: Equatable {
    package let name: ByteBuffer

    package static var bytesMax: Int { 256 }

    /// Nil for no name, which would make one of everybody, and for one that is too long to be kept
    /// with each session.
    package init?(_ name: UnsafeRawBufferPointer) {
        guard name.count > 0, name.count <= Principal.bytesMax else { return nil }
        self.name = ByteBuffer(copying: name)
    }

    package static func == (left: Principal, right: Principal) -> Bool {
        left.name === right.name || left.name.bytes.equals(right.name.bytes)
    }
}
