/// One server-sent event to bytes (WHATWG HTML, server-sent events).
package enum SSEFrame {
    /// The comment that opens a stream, so that proxies and clients see it at once.
    package static let opening: StaticString = ": open\n\n"
    /// The comment that opens a stream whose client has lost some of it (S-235).
    package static let gap: StaticString = ": some messages were lost; the stream begins afresh\n\n"
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

    /// Appends an event whose data is what `compose` writes: a message on one line, for a line end
    /// would end the data too (S-514).
    package static func append(to output: ByteBuffer, _ compose: (ByteBuffer) -> Void) {
        output.append(start)
        compose(output)
        output.append(end)
    }

    /// What stands before and behind a message.
    package static let start: StaticString = "event: message\ndata: "
    package static let end: StaticString = "\n\n"
}
