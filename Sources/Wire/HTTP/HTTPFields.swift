/// A request's method; those that the endpoint does not serve are all `other`.
package enum HTTPMethod: Sendable, Equatable {
    case get, post, delete, head, options, other

    /// The method as sent; nil for `other`.
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

    static func isListed(_ name: UnsafeRawBufferPointer) -> Bool {
        name.equals("POST") || name.equals("GET") || name.equals("DELETE")
            || name.equals("OPTIONS") || name.equals("HEAD")
    }
}

/// What Transfer-Encoding says about a body (RFC 9112 §6.1).
package enum TransferCoding: Sendable, Equatable {
    /// Absent: Content-Length has the length.
    case none
    case chunked
    /// Chunked after another coding, which is not supported.
    case unknown
    /// The end of the body cannot be determined.
    case malformed
}
