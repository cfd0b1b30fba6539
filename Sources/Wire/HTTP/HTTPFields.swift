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
