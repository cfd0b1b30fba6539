import Link
import MCP
import Session
import Wire

/// One HTTP request and its response, as its connection carries them.
///
/// A connection has one at a time, which begins with a head and ends with the last byte of the
/// response; the object that outlives it, if the request waits for the host, is an `OpenRequest`.
struct Exchange {
    enum State {
        /// No request is under way.
        case idle
        /// A request is arriving.
        case receiving
        /// A request for another path than the endpoint's is arriving.
        case receivingOther
        /// A request for another path waits for the host's answer, or for the rest of it.
        case hosted(HostedExchange)
        /// A request's head waits for the host's verdict.
        case authorizing(AuthorizationKey)
        /// A request's head waits for the session store to find its session.
        case seeking(LoadKey)
        /// Another node answers the request.
        case relayed(RelayedExchange)
        /// A request was answered by its head, and the rest of it is skipped.
        case refused
        /// A request waits for its answer.
        case request(OpenRequest)
        /// A session's primary stream.
        case primary(ServerSession)
        /// A stream that tells of changes.
        case listening(Listener)
        /// A stream that has ended; the store is to return what it has sent.
        case loading
        /// The last response is being written.
        case finishing
        /// Everything is written; the client is to close the connection.
        case lingering
        case closed

        /// Whether a connection in this state carries an event stream.
        var isStreaming: Bool {
            switch self {
            case .request(let request): request.isStreaming
            case .primary, .listening: true
            default: false
            }
        }

        /// Whether it is for another path than the endpoint's: then errors are plain text.
        var isForOtherPath: Bool {
            switch self {
            case .receivingOther, .hosted: true
            default: false
            }
        }
    }

    private(set) var state = State.idle
    /// The same as `state.isStreaming`: it is asked for with every write.
    private(set) var isStreaming = false
    private(set) var framing = BodyFraming.chunked
    /// The length of the head of the current stream, with what comes before its first message.
    private(set) var headBytes: UInt64 = 0
    /// The client's principal; nil without authorization.
    private(set) var principal: Principal?
    /// When the head had arrived.
    private(set) var since = Instant(milliseconds: 0)
    /// When the authorization of the request expires; nil for never.
    private(set) var expiry: Instant?
    /// The messages of its body, if they are several.
    private(set) var batch: Batch?
    /// The node that has the session, if it is another one.
    private(set) var place: NodeID?
    /// Whether its session was looked up.
    private(set) var isSought = false
    /// What a node has given back, while the store looks for another one.
    private(set) var returned: RelayedExchange?
    /// CORS fields for the response; nil for none.
    private var crossOriginFields: ByteBuffer?
    /// The bytes handed over when the last keep-alive was written.
    private var handedAtKeepAlive: UInt64 = 0

    var isClosed: Bool {
        if case .closed = state { true } else { false }
    }

    /// The request that waits for its answer.
    var request: OpenRequest? {
        if case .request(let request) = state { request } else { nil }
    }

    /// What another node answers, or has given back.
    var relayed: RelayedExchange? {
        if case .relayed(let relayed) = state { relayed } else { returned }
    }

    /// The session whose primary stream the connection carries.
    var primary: ServerSession? {
        if case .primary(let session) = state { session } else { nil }
    }

    /// The session whose stream the connection carries.
    var session: ServerSession? {
        switch state {
        case .request(let request): request.session
        case .primary(let session): session
        case .idle, .receiving, .receivingOther, .hosted, .authorizing, .seeking, .relayed,
            .refused, .listening, .loading, .finishing, .lingering, .closed:
            nil
        }
    }

    /// Changes the state. `streams` counts the connections that carry an event stream.
    mutating func enter(_ new: State, _ streams: inout StreamCount) {
        if isStreaming { streams.remove() }
        isStreaming = new.isStreaming
        state = new
        if isStreaming { streams.add() }
    }

    /// The stream of its request begins.
    mutating func beginStreaming(_ streams: inout StreamCount) {
        isStreaming = true
        streams.add()
    }

    /// Begins with a request's head. `principal` is known already if an equal head was authorized
    /// on this connection.
    mutating func begin(
        _ head: RequestHead, crossOriginFields: ByteBuffer?, as principal: Principal?,
        at now: Instant
    ) {
        since = now
        state = .receiving
        framing = head.isHTTP10 ? .untilClose : .chunked
        self.crossOriginFields = crossOriginFields
        self.principal = principal
        isSought = false
        expiry = nil
    }

    mutating func seek() {
        isSought = true
    }

    mutating func setPlace(_ node: NodeID?) {
        place = node
    }

    /// The request has arrived, or was refused: where its session is matters no more.
    mutating func takePlace() -> NodeID? {
        defer { place = nil }
        return place
    }

    mutating func setReturned(_ relayed: RelayedExchange) {
        returned = relayed
        place = nil
    }

    mutating func takeReturned() -> RelayedExchange? {
        defer { returned = nil }
        return returned
    }

    /// The request may be made in the name of `principal`, until `expiry`.
    mutating func authorize(as principal: Principal, until expiry: Instant? = nil) {
        self.principal = principal
        self.expiry = expiry
    }

    /// Nobody acts for the principal any more: the exchange is over.
    mutating func takePrincipal() -> Principal? {
        defer { principal = nil }
        return principal
    }

    mutating func setBatch(_ batch: Batch?) {
        self.batch = batch
    }

    /// Appends the CORS fields. A stream may last for days, so they are released.
    mutating func appendCrossOriginFields(to output: ByteBuffer) {
        guard let fields = crossOriginFields else { return }
        output.append(fields)
        crossOriginFields = nil
    }

    mutating func dropCrossOriginFields() {
        crossOriginFields = nil
    }

    var crossOriginBytes: Int { crossOriginFields?.heapBytes ?? 0 }

    /// `count` bytes of the stream's head were written.
    mutating func wroteHead(_ count: UInt64) {
        headBytes += count
    }

    /// A keep-alive is due. Returns whether the client has read nothing since the last one.
    mutating func isStuck(_ outbox: borrowing Outbox) -> Bool {
        defer { handedAtKeepAlive = outbox.handedBytes }
        return !outbox.isDrained && outbox.handedBytes == handedAtKeepAlive
    }

    /// The response is complete.
    mutating func end(_ new: State, _ streams: inout StreamCount) {
        enter(new, &streams)
        crossOriginFields = nil
        headBytes = 0
    }
}

/// The number of connections that carry an event stream.
struct StreamCount {
    private(set) var value = 0

    mutating func add() { value += 1 }
    mutating func remove() { value -= 1 }
}
