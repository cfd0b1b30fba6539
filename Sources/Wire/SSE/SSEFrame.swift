/// One server-sent event to bytes (WHATWG HTML, server-sent events).
package enum SSEFrame {
    /// The comment that opens a stream, so that proxies and clients see it at once.
    package static let opening: StaticString = ": open\n\n"
    /// The comment that opens a stream after some of its events were lost (S-235).
    package static let gap: StaticString = ": some messages were lost; the stream begins afresh\n\n"
    /// The comment that keeps an idle stream alive (S-135).
    package static let keepAlive: StaticString = ":\n\n"

    /// Appends an event without a message. Its id, which `id` writes, lets the client resume the
    /// stream from its start (S-238).
    package static func appendPriming(to output: ByteBuffer, id: (ByteBuffer) -> Void) {
        output.append("id: ")
        id(output)
        output.append("\ndata:\n\n")
    }

    /// Appends the delay before the client reconnects, in milliseconds (S-240).
    package static func appendRetry(_ milliseconds: Int64, to output: ByteBuffer) {
        output.append("retry: ")
        output.append(decimal: milliseconds)
        output.append("\n\n")
    }

    /// Begins an event with its id, which `id` writes; `append` continues it.
    package static func appendID(to output: ByteBuffer, id: (ByteBuffer) -> Void) {
        output.append("id: ")
        id(output)
        output.append("\n")
    }

    /// Appends an event whose data `compose` writes: a message on one line, since a line end would
    /// also end the data (S-514).
    package static func append(to output: ByteBuffer, _ compose: (ByteBuffer) -> Void) {
        output.append(start)
        compose(output)
        output.append(end)
    }

    /// The bytes before and after a message.
    package static let start: StaticString = "event: message\ndata: "
    package static let end: StaticString = "\n\n"
}
