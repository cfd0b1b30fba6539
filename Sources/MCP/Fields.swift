import Wire

/// The names of the header fields that MCP adds to HTTP's, as they are written.
package enum FieldName {
    @inline(__always) package static var sessionID: StaticString { "Mcp-Session-Id" }
    @inline(__always) package static var protocolVersion: StaticString { "MCP-Protocol-Version" }
    @inline(__always) package static var method: StaticString { "Mcp-Method" }
    @inline(__always) package static var name: StaticString { "Mcp-Name" }
}

/// The same fields as heads index them, next to HTTP's own: `head[.sessionID]`.
extension HeaderField {
    @inline(__always) package static var sessionID: HeaderField { .extension(0) }
    @inline(__always) package static var protocolVersion: HeaderField { .extension(1) }
    @inline(__always) package static var mcpMethod: HeaderField { .extension(2) }
    @inline(__always) package static var mcpName: HeaderField { .extension(3) }
}

extension ExtensionFields {
    /// MCP's fields, in the order of their numbers above.
    package static var mcp: ExtensionFields {
        ExtensionFields("mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name")
    }
}
