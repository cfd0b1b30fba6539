/// The status codes that the transport answers with.
package enum HTTPStatus: Int, Sendable {
    case ok = 200
    case accepted = 202
    case noContent = 204
    case badRequest = 400
    case unauthorized = 401
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case notAcceptable = 406
    case requestTimeout = 408
    case contentTooLarge = 413
    case targetTooLong = 414
    case unsupportedMediaType = 415
    case headersTooLarge = 431
    case notImplemented = 501
    case serviceUnavailable = 503
    case versionNotSupported = 505

    var line: StaticString {
        switch self {
        case .ok: "HTTP/1.1 200 OK\r\n"
        case .accepted: "HTTP/1.1 202 Accepted\r\n"
        case .noContent: "HTTP/1.1 204 No Content\r\n"
        case .badRequest: "HTTP/1.1 400 Bad Request\r\n"
        case .unauthorized: "HTTP/1.1 401 Unauthorized\r\n"
        case .forbidden: "HTTP/1.1 403 Forbidden\r\n"
        case .notFound: "HTTP/1.1 404 Not Found\r\n"
        case .methodNotAllowed: "HTTP/1.1 405 Method Not Allowed\r\n"
        case .notAcceptable: "HTTP/1.1 406 Not Acceptable\r\n"
        case .requestTimeout: "HTTP/1.1 408 Request Timeout\r\n"
        case .contentTooLarge: "HTTP/1.1 413 Content Too Large\r\n"
        case .targetTooLong: "HTTP/1.1 414 URI Too Long\r\n"
        case .unsupportedMediaType: "HTTP/1.1 415 Unsupported Media Type\r\n"
        case .headersTooLarge: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
        case .notImplemented: "HTTP/1.1 501 Not Implemented\r\n"
        case .serviceUnavailable: "HTTP/1.1 503 Service Unavailable\r\n"
        case .versionNotSupported: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
        }
    }
}

/// How a body's end is told: the coding that the request's HTTP version allows.
package enum BodyFraming: Sendable, Equatable {
    /// Chunked transfer coding (RFC 9112 §7.1).
    case chunked
    /// The body ends with the connection: HTTP/1.0.
    case untilClose
}

/// Response heads and body framing to bytes.
extension ByteBuffer {
    /// Begins a head. `field` lines may follow, then one of the `end` methods below.
    package func beginHead(_ status: HTTPStatus) {
        append(status.line)
    }

    /// A header line. The caller vouches that `value` has no CR, LF or NUL in it.
    package func appendField(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
        append(name)
        append(": ")
        append(value)
        append("\r\n")
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

    /// Appends one part of a streamed body, which `content` writes.
    ///
    /// The size of a chunk stands before it and is known only behind it, so it is written with all
    /// of its digits and mended afterwards: nothing is copied, however large the part.
    package func appendPart(_ framing: BodyFraming, _ content: (ByteBuffer) -> Void) {
        beginPart(framing, rest: 0, content)
        endPart(framing)
    }

    /// Appends the beginning of a part of which `rest` bytes come later, and then `endPart`.
    package func beginPart(_ framing: BodyFraming, rest: Int, _ content: (ByteBuffer) -> Void) {
        guard framing == .chunked else { return content(self) }
        let size = count
        append("00000000\r\n")
        let start = count
        content(self)
        overwrite(at: size, hex8: count - start + rest)
    }

    package func endPart(_ framing: BodyFraming) {
        if framing == .chunked { append("\r\n") }
    }

    /// Ends a streamed body.
    package func endBody(_ framing: BodyFraming) {
        if framing == .chunked { append("0\r\n\r\n") }
    }
}
