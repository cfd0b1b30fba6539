import Wire

/// What the `_meta` of a message's params says to the transport. It points into the message.
package struct RequestMeta {
    /// The token that progress is to carry, as it is written; nil if the sender wants none.
    package private(set) var progressToken: JSONValue?
    /// The revision that the message claims to follow, of any type; nil for none.
    package private(set) var claim: JSONValue?
    package private(set) var clientCapabilities: JSONValue?
    /// The least severe log line that the client wants; nil if it wants none.
    package private(set) var logLevel: JSONValue?

    /// Reads the `_meta` that an envelope has noted: it must have been asked for `MetaKey.meta`.
    @_optimize(speed)
    package init(of envelope: borrowing Envelope) {
        guard let meta = envelope.notedParam else { return }
        meta.forEachMember { name, value in
            if name.means(MetaKey.progressToken.rawBytes) {
                progressToken = value.isString || value.isInteger ? value : nil
            } else if name.means(MetaKey.protocolVersion.rawBytes) {
                claim = value
            } else if name.means(MetaKey.clientCapabilities.rawBytes) {
                clientCapabilities = value
            } else if name.means(MetaKey.logLevel.rawBytes) {
                logLevel = value
            }
        }
    }

    /// Whether the token is no longer than an id may be: every notification repeats it.
    package func isWithin(_ limits: Limits) -> Bool {
        guard let progressToken else { return true }
        return progressToken.text.count <= limits.requestIDBytes
    }
}
