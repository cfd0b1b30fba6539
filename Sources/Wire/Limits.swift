/// Every bound on what a peer may send, in one place. Sizes are bytes.
package struct Limits: Sendable {
    /// A request body; a longer one is answered 413.
    package var messageBytes = 4 << 20
    /// The request line and all header lines; more is answered 431.
    package var headerBytes = 64 << 10
    /// Header lines in one request; more is answered 431.
    package var headerCount = 100
    /// The request target; a longer one is answered 414.
    package var targetBytes = 8 << 10
    /// Arrays and objects inside each other; deeper is not JSON to us.
    package var jsonDepth = 64
    /// A JSON-RPC id that is a string or many digits, and a progress token.
    package var requestIDBytes = 1 << 10

    package init() {}
}
