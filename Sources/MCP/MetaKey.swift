import Wire

/// The members of `_meta` that concern the transport.
package enum MetaKey {
    /// The member of a message's params, or of a result, that holds the others.
    @inline(__always) package static var meta: StaticString { "_meta" }
    @inline(__always) package static var progressToken: StaticString { "progressToken" }

    // Of modern revisions.
    @inline(__always)
    package static var protocolVersion: StaticString { "io.modelcontextprotocol/protocolVersion" }
    @inline(__always)
    package static var clientCapabilities: StaticString {
        "io.modelcontextprotocol/clientCapabilities"
    }
    @inline(__always)
    package static var logLevel: StaticString { "io.modelcontextprotocol/logLevel" }
    @inline(__always)
    package static var serverInfo: StaticString { "io.modelcontextprotocol/serverInfo" }
    @inline(__always)
    package static var subscriptionID: StaticString { "io.modelcontextprotocol/subscriptionId" }
}
