/// Every bound on what a peer may send, in one place. Sizes are bytes.
package struct Limits: Sendable {
    /// A message body; a request with a longer one is answered 413.
    package var messageBytes = LimitDefaults.messageBytes
    /// The first line and all header lines; a request with more is answered 431.
    package var headerBytes = LimitDefaults.headerBytes
    /// Header lines of one message; a request with more is answered 431.
    package var headerCount = LimitDefaults.headerCount
    /// The request target; a longer one is answered 414.
    package var targetBytes = 8 << 10
    /// Nesting of arrays and objects; deeper messages are refused.
    package var jsonDepth = LimitDefaults.jsonDepth
    /// A JSON-RPC id, and what the layers above repeat as ids: a progress token.
    package var requestIDBytes = 1 << 10

    package init() {}
}
