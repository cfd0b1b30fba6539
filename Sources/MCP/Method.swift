/// The methods of MCP that the transport reads or writes itself. All others are the host's.
package enum Method {
    @inline(__always) package static var initialize: StaticString { "initialize" }
    @inline(__always) package static var ping: StaticString { "ping" }

    @inline(__always) package static var initialized: StaticString { "notifications/initialized" }
    @inline(__always) package static var cancelled: StaticString { "notifications/cancelled" }
    /// A log message.
    @inline(__always) package static var message: StaticString { "notifications/message" }
}
