import Wire

/// The server's metadata as a protected resource, and its URL (RFC 9728).
package struct ResourceMetadata {
    /// A JSON object, verbatim from the host.
    let document: ByteBuffer
    /// The URL of the metadata. It is derived from the host's document, never from a request
    /// (A-013).
    let url = ByteBuffer()
    private let path: ByteBuffer

    private static var wellKnown: StaticString { "/.well-known/oauth-protected-resource" }

    /// Nil unless `json` is an object with a resource and authorization servers (A-012).
    package init?(_ json: UnsafeRawBufferPointer, depthMax: Int) {
        let text = ByteBuffer(copying: json)
        guard let value = JSONValue(text.bytes, depthMax: depthMax),
            let written = value["resource"]?.string, let resource = WebAddress(written.bytes),
            let servers = value["authorization_servers"]?.elements, !servers.isEmpty,
            servers.allSatisfy({ $0.string.flatMap { WebAddress($0.bytes) } != nil })
        else { return nil }
        defer { withExtendedLifetime(written) {} }  // The address points into it.
        document = text
        // A-011: the well-known path is inserted before the resource's own path.
        path = ByteBuffer(copying: ResourceMetadata.wellKnown.rawBytes)
        if !resource.path.equals("/") { path.append(resource.path) }
        url.append(resource.origin)
        url.append(path)
        url.append(resource.query)
    }

    /// Whether a path is that of the document: the resource's own, or the root's (A-011).
    func isServed(at path: UnsafeRawBufferPointer) -> Bool {
        path.hasPrefix(ResourceMetadata.wellKnown)
            && (path.count == ResourceMetadata.wellKnown.utf8CodeUnitCount
                || path.equals(self.path.bytes))
    }
}

/// The parts of an absolute `http` or `https` URL without a fragment.
struct WebAddress {
    /// Scheme and authority: `https://api.example:8443`.
    let origin: UnsafeRawBufferPointer
    /// From the first slash to the query; may be empty.
    let path: UnsafeRawBufferPointer
    /// With its question mark; may be empty.
    let query: UnsafeRawBufferPointer

    init?(_ url: UnsafeRawBufferPointer) {
        let colon = url.firstIndex(ofByte: UInt8(ascii: ":")) ?? 0
        let scheme = url.prefixBytes(colon)
        guard scheme.equalsIgnoringCase("https") || scheme.equalsIgnoringCase("http"),
            url.dropBytes(colon).hasPrefix("://"), url.allSatisfy({ $0.isURLByte })
        else { return nil }
        let rest = url.dropBytes(colon + 3)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard !authority.contains(UInt8(ascii: "@")),
            Authority.host(of: UnsafeRawBufferPointer(rebasing: authority)) != nil
        else { return nil }
        origin = url.prefixBytes(colon + 3 + authority.count)
        let tail = rest.dropBytes(authority.count)
        path = tail.cut(at: UInt8(ascii: "?")).head
        query = tail.dropBytes(path.count)
    }
}

extension UInt8 {
    /// Whether the byte may occur in a URL without a fragment, and unescaped in a quoted string.
    fileprivate var isURLByte: Bool {
        let others: StaticString = "#\"<>\\^`{|}"
        return self > 0x20 && self < 0x7F && others.rawBytes.firstIndex(ofByte: self) == nil
    }
}
