/// A request's method, as far as the endpoint tells them apart.
package enum HTTPMethod: Sendable, Equatable {
    case get, post, delete, head, options, other

    /// The method as it stands in a request; nil for one that is not told apart.
    package var name: StaticString? {
        switch self {
        case .get: "GET"
        case .post: "POST"
        case .delete: "DELETE"
        case .head: "HEAD"
        case .options: "OPTIONS"
        case .other: nil
        }
    }

    static func isToldApart(_ name: UnsafeRawBufferPointer) -> Bool {
        name.equals("POST") || name.equals("GET") || name.equals("DELETE")
            || name.equals("OPTIONS") || name.equals("HEAD")
    }
}

/// What Transfer-Encoding says of a request's body (RFC 9112 §6.1).
package enum TransferCoding: Sendable, Equatable {
    /// Nothing: Content-Length tells the length.
    case none
    case chunked
    /// Something that is to be undone after the chunked coding, and that we cannot.
    case unknown
    /// A request whose length nobody could tell.
    case malformed
}

/// The header fields that the transport reads itself. The raw value is a place in `HTTPHead`.
package enum KnownField: Int, CaseIterable, Sendable {
    case host, origin, accept, contentType, contentLength, sessionID, protocolVersion
    case lastEventID, authorization, expect, transferEncoding, contentEncoding

    /// Finds the field that a lower-case name means.
    init?(name: UnsafeRawBufferPointer) {
        switch name.count {
        case 4 where name.equals("host"): self = .host
        case 6 where name.equals("origin"): self = .origin
        case 6 where name.equals("accept"): self = .accept
        case 6 where name.equals("expect"): self = .expect
        case 12 where name.equals("content-type"): self = .contentType
        case 13 where name.equals("last-event-id"): self = .lastEventID
        case 13 where name.equals("authorization"): self = .authorization
        case 14 where name.equals("content-length"): self = .contentLength
        case 14 where name.equals("mcp-session-id"): self = .sessionID
        case 16 where name.equals("content-encoding"): self = .contentEncoding
        case 17 where name.equals("transfer-encoding"): self = .transferEncoding
        case 20 where name.equals("mcp-protocol-version"): self = .protocolVersion
        default: return nil
        }
    }
}
