/// Response heads to bytes.
extension ByteBuffer {
    /// Begins a head. `field` lines may follow, then one of the `end` methods below.
    package func beginHead(_ status: HTTPStatus) {
        append(status.line)
    }

    /// Ends a head whose body, of `length` bytes, follows at once: JSON, or plain text.
    package func endHead(length: Int, isText: Bool = false, keepsAlive: Bool) {
        append(
            isText
                ? "Content-Type: text/plain; charset=utf-8\r\nContent-Length: "
                : "Content-Type: application/json\r\nContent-Length: ")
        append(decimal: Int64(length))
        append(keepsAlive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n")
    }

    /// Ends a head without a body.
    package func endEmptyHead(_ status: HTTPStatus, keepsAlive: Bool) {
        if status != .noContent { append("Content-Length: 0\r\n") }
        append(keepsAlive ? "\r\n" : "Connection: close\r\n\r\n")
    }

    /// Ends the head of an event stream (S-131, S-247).
    package func endStreamHead(_ framing: BodyFraming, keepsAlive: Bool) {
        append(
            """
            Content-Type: text/event-stream; charset=utf-8\r
            Cache-Control: no-cache, no-transform\r
            X-Accel-Buffering: no\r\n
            """)
        if framing == .chunked { append("Transfer-Encoding: chunked\r\n") }
        append(keepsAlive && framing == .chunked ? "\r\n" : "Connection: close\r\n\r\n")
    }
}
