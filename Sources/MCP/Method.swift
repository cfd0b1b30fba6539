/// The methods of MCP that the transport reads or writes itself. All others are the host's.
package enum Method {
    @inline(__always) package static var initialize: StaticString { "initialize" }
    @inline(__always) package static var ping: StaticString { "ping" }
    @inline(__always) package static var discover: StaticString { "server/discover" }
    @inline(__always) package static var listen: StaticString { "subscriptions/listen" }

    @inline(__always) package static var initialized: StaticString { "notifications/initialized" }
    @inline(__always) package static var cancelled: StaticString { "notifications/cancelled" }
    @inline(__always) package static var progress: StaticString { "notifications/progress" }
    /// A log message.
    @inline(__always) package static var message: StaticString { "notifications/message" }
    /// The first message of a stream that `subscriptions/listen` has opened.
    @inline(__always) package static var acknowledged: StaticString {
        "notifications/subscriptions/acknowledged"
    }
}
