extension Connections {
    /// What a connection may wait for. The raw value is its list on the deadline board.
    enum Wait: Int {
        case nextRequest
        case head
        /// The body of a request.
        case body
        /// The client's reading of the last response.
        case drain
        /// The answer, without which a stream begins.
        case responseHead
        case keepAlive
        case load
        case hangUp
        /// The host's verdict on a request.
        case authorization

        /// Whether it is for bytes that a client has to send.
        var isForClient: Bool { self == .nextRequest || self == .head || self == .body }
    }
}
