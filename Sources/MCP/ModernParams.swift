import Wire

/// What the params of a modern request say to the transport besides their `_meta`. It points into
/// the message.
package struct ModernParams {
    /// What `Mcp-Name` repeats: the name of a tool or a prompt, and the URI of a resource.
    package private(set) var name: JSONValue?
    package private(set) var uri: JSONValue?
    /// The arguments of a tool.
    package private(set) var arguments: JSONValue?
    /// What a client sends back with the answers that a server asked it for.
    package private(set) var requestState: JSONValue?
    package private(set) var inputResponses: JSONValue?

    /// Reads the params of a message; `meta` is their `_meta`, which is not scanned again.
    @_optimize(speed)
    package init(_ params: JSONValue?, knowing meta: JSONValue?) {
        params?.forEachMember(knowing: meta) { name, value in
            if name.means("name") {
                self.name = value
            } else if name.means("uri") {
                uri = value
            } else if name.means("arguments") {
                arguments = value
            } else if name.means("requestState") {
                requestState = value
            } else if name.means("inputResponses") {
                inputResponses = value
            }
        }
    }
}
