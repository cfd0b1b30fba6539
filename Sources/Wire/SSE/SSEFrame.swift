/// One server-sent event to bytes (WHATWG HTML, server-sent events).
package enum SSEFrame {
    /// The comment that opens a stream, so that proxies and clients see it at once.
    package static let opening: StaticString = ": open\n\n"
    /// The comment that shows a quiet stream is alive (S-135).
    package static let keepAlive: StaticString = ":\n\n"

    /// Appends an event that has no message: it tells its id, so that the client can come back to
    /// the stream from its start (S-238). The id is what `id` writes.
    package static func appendPriming(to output: ByteBuffer, id: (ByteBuffer) -> Void) {
        output.append("id: ")
        id(output)
        output.append("\ndata:\n\n")
    }

    /// Appends how long the client should wait before it comes back, in milliseconds (S-240).
    package static func appendRetry(_ milliseconds: Int64, to output: ByteBuffer) {
        output.append("retry: ")
        output.append(decimal: milliseconds)
        output.append("\n\n")
    }

    /// Begins an event with its id, which `id` writes; `append` goes on.
    package static func appendID(to output: ByteBuffer, id: (ByteBuffer) -> Void) {
        output.append("id: ")
        id(output)
        output.append("\n")
    }

    /// Appends an event whose data is what `compose` writes.
    ///
    /// A message is one event. Its text may have line ends, which then split it over several `data`
    /// lines; the client joins them with LF.
    package static func append(to output: ByteBuffer, _ compose: (ByteBuffer) -> Void) {
        output.append(self.start)
        let start = output.count
        compose(output)
        if !isOneLine(output[start..<output.count]) {
            split(from: start, in: output)
        }
        output.append(end)
    }

    /// What stands before and behind a message of one line.
    package static let start: StaticString = "event: message\ndata: "
    package static let end: StaticString = "\n\n"

    package static func isOneLine(_ message: UnsafeRawBufferPointer) -> Bool {
        !message.hasByte(below: 0x0E) || firstLineEnd(in: message) == nil
    }

    private static func split(from start: Int, in output: ByteBuffer) {
        let message = ByteBuffer(copying: output[start..<output.count])
        output.truncate(to: start)
        var rest = message.bytes
        while let end = firstLineEnd(in: rest) {
            output.append(rest.prefixBytes(end.index))
            output.append("\ndata: ")
            rest = rest.dropBytes(end.index + end.length)
        }
        output.append(rest)
    }

    /// The first CRLF, LF or CR.
    private static func firstLineEnd(in text: UnsafeRawBufferPointer) -> (index: Int, length: Int)?
    {
        let feed = text.firstIndex(ofByte: 0x0A)
        let before = feed.map { text.prefixBytes($0) } ?? text
        if let carriage = before.firstIndex(ofByte: 0x0D) {
            return (carriage, feed == carriage + 1 ? 2 : 1)
        }
        return feed.map { ($0, 1) }
    }
}
