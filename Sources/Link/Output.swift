import Wire

/// What a connection has to write, in pieces: a long message is none that was copied together.
package struct Output {
    private var pieces: [ByteBuffer]
    private var last: ByteBuffer?
    /// Where the first piece begins that has not been sent.
    private var offset = 0
    /// The bytes that have not been sent.
    package private(set) var count: Int

    init(_ pieces: [ByteBuffer], _ last: ByteBuffer?, count: Int) {
        self.pieces = pieces
        self.last = last
        self.count = count
    }

    package var pieceCount: Int { pieces.count + (last == nil ? 0 : 1) }

    /// The pieces in order; their bytes live as long as the output.
    package func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Void) {
        var skipped = offset
        for piece in pieces {
            body(piece.bytes.dropBytes(skipped))
            skipped = 0
        }
        if let last { body(last.bytes.dropBytes(skipped)) }
    }

    /// Notes that `sent` bytes have been sent, and that the rest has to wait: it may be for long,
    /// so it takes no more memory than it must.
    package mutating func wait(behind sent: Int) {
        count -= sent
        offset += sent
        while let first = pieces.first, offset >= first.count {
            offset -= first.count
            pieces.removeFirst()
        }
        for piece in pieces { piece.trim() }
        guard let last else { return }
        if pieces.isEmpty, offset > 4_096, offset > (last.count - offset) / 4 {
            last.remove(0..<offset)
            offset = 0
        }
        last.trim()
    }

    /// Takes the output apart, and passes on the pieces that nobody else has.
    mutating func dismantle(_ pass: (ByteBuffer) -> Void) {
        if let last { pass(last) }
        while var piece = pieces.popLast() {
            if isKnownUniquelyReferenced(&piece) { pass(piece) }
        }
    }

    /// Its buffers, for those who count what they hold.
    package func forEachBuffer(_ body: (ByteBuffer) -> Void) {
        pieces.forEach(body)
        if let last { body(last) }
    }
}
