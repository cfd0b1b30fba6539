/// The members of `_meta` that concern the transport.
package enum MetaKey {
    /// The member of a message's params, or of a result, that holds the others.
    @inline(__always) package static var meta: StaticString { "_meta" }
    @inline(__always) package static var progressToken: StaticString { "progressToken" }
}
