import Wire

/// What the params of `initialize` say to the transport. It points into the message.
package struct InitializeParams {
    package private(set) var protocolVersion: JSONValue?
    package private(set) var capabilities: JSONValue?
    package private(set) var clientInfo: JSONValue?

    package init() {}

    @_optimize(speed)
    package init(_ params: JSONValue?) {
        params?.forEachMember { name, value in
            if name.means("protocolVersion") {
                protocolVersion = value
            } else if name.means("capabilities") {
                capabilities = value
            } else if name.means("clientInfo") {
                clientInfo = value
            }
        }
    }
}
