import Wire

/// What the `_meta` of a message's params says to the transport. It points into the message.
package struct RequestMeta {
    /// The token that progress is to carry, as it is written; nil if the sender wants none.
    package let progressToken: JSONValue?

    /// Reads the `_meta` that an envelope has noted: it must have been asked for `MetaKey.meta`.
    package init(of envelope: borrowing Envelope) {
        progressToken = envelope.notedParam?[MetaKey.progressToken].flatMap { token in
            token.isString || token.isInteger ? token : nil
        }
    }

    /// Whether the token is no longer than an id may be: every notification repeats it.
    package func isWithin(_ limits: Limits) -> Bool {
        guard let progressToken else { return true }
        return progressToken.text.count <= limits.requestIDBytes
    }
}
