/// How the end of a streamed body is marked, as the peer's HTTP version allows.
package enum BodyFraming: Sendable, Equatable {
    /// Chunked transfer coding (RFC 9112 §7.1).
    case chunked
    /// The body ends with the connection: HTTP/1.0.
    case untilClose
}

/// Header lines and body framing to bytes, in either role.
extension ByteBuffer {
    /// Appends a header line. The caller vouches that `value` has no CR, LF or NUL in it.
    package func appendField(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    /// Appends one part of a streamed body, which `content` writes.
    ///
    /// The size of a chunk precedes it and is only known after it, so it is written with all of its
    /// digits and overwritten afterwards: nothing is copied, however large the part.
    package func appendPart(_ framing: BodyFraming, _ content: (ByteBuffer) -> Void) {
        beginPart(framing, rest: 0, content)
        endPart(framing)
    }

    /// Appends the beginning of a part; `rest` bytes follow later, and then `endPart`.
    package func beginPart(_ framing: BodyFraming, rest: Int, _ content: (ByteBuffer) -> Void) {
        guard framing == .chunked else { return content(self) }
        let size = count
        append(ByteBuffer.chunkHead)
        let start = count
        content(self)
        overwrite(at: size, hex8: count - start + rest)
    }

    /// Writes the size of a chunk that began, with room for its size, at `start`.
    @inline(__always)
    package func sizeChunk(from start: Int) {
        overwrite(at: start, hex8: count - start - ByteBuffer.chunkHead.utf8CodeUnitCount)
    }

    /// What precedes a chunk, with room for its size.
    package static var chunkHead: StaticString { "00000000\r\n" }

    package func endPart(_ framing: BodyFraming) {
        if framing == .chunked { append("\r\n") }
    }

    /// Ends a streamed body.
    package func endBody(_ framing: BodyFraming) {
        if framing == .chunked { append("0\r\n\r\n") }
    }
}
