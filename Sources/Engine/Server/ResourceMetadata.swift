import Wire

/// What the server says of itself as a protected resource, and where (RFC 9728).
package struct ResourceMetadata {
    /// A JSON object, as the host gave it.
    let document: ByteBuffer
    /// Where clients find it. It comes from the host's word, never from a request's (A-013).
    let url = ByteBuffer()
    private let path: ByteBuffer

    private static var wellKnown: StaticString { "/.well-known/oauth-protected-resource" }

    /// Nil unless `json` is an object that names the resource and authorization servers (A-012).
    package init?(_ json: UnsafeRawBufferPointer, depthMax: Int) {
        let text = ByteBuffer(copying: json)
        guard let value = JSONValue(text.bytes, depthMax: depthMax),
            let written = value["resource"]?.string, let resource = WebAddress(written.bytes),
            let servers = value["authorization_servers"]?.elements, !servers.isEmpty,
            servers.allSatisfy({ $0.string.flatMap { WebAddress($0.bytes) } != nil })
        else { return nil }
        defer { withExtendedLifetime(written) {} }  // The address points into it.
        document = text
        // A-011: the well-known path goes in front of the resource's own.
        path = ByteBuffer(copying: ResourceMetadata.wellKnown.rawBytes)
        if !resource.path.equals("/") { path.append(resource.path) }
        url.append(resource.origin)
        url.append(path)
        url.append(resource.query)
    }

    /// Whether the document is what a path asks for: its own place, or the root's (A-011).
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
    /// From the first slash; may be empty.
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
    /// Whether a URL without a fragment may hold the byte, and a quoted string as it stands.
    fileprivate var isURLByte: Bool {
        let others: StaticString = "#\"<>\\^`{|}"
        return self > 0x20 && self < 0x7F && others.rawBytes.firstIndex(ofByte: self) == nil
    }
}
