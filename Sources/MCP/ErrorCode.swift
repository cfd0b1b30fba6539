/// The JSON-RPC errors that the transport itself may author (PROTOCOL 7.3).
package enum ErrorCode: Int32, Sendable {
    case parseError = -32700
    case invalidRequest = -32600
    case methodNotFound = -32601
    case invalidParams = -32602
    case internalError = -32603
    /// A header field and the body contradict each other.
    case headerMismatch = -32020
    /// The request needs a capability that the client has not declared.
    case missingCapability = -32021
    case unsupportedVersion = -32022
    /// Our own: the client cancelled the request (S-226).
    case cancelled = -32800
}
