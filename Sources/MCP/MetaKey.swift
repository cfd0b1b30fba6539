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

/// The members of params that the transport reads.
extension ParamNames {
    package static let mcp = ParamNames(
        "_meta", "name", "uri", "arguments", "requestState", "inputResponses")
}

extension Envelope {
    package var meta: JSONValue? { param(0) }
    /// What `Mcp-Name` repeats: the name of a tool or a prompt, and the URI of a resource.
    package var name: JSONValue? { param(1) }
    package var uri: JSONValue? { param(2) }
    /// The arguments of a tool.
    package var arguments: JSONValue? { param(3) }
    /// What a client sends back with the answers that a server asked it for.
    package var requestState: JSONValue? { param(4) }
    package var inputResponses: JSONValue? { param(5) }
}
