import Link
import MCP
import Replay
import Session
import Wire

/// Everything that the engine asks of its driver besides writing bytes, in order.
package enum Effect {
    /// Deliver the event to the host.
    case deliver(HostEvent)
    /// Pass the order to the host's store.
    indirect case store(StoreOrder)
    /// Close the sending direction: everything has been written, and nothing follows.
    case shutDown(ServerConnection)
    /// Stop reading from the connection until `startReading`: the engine holds enough of its bytes.
    case stopReading(ServerConnection)
    case startReading(ServerConnection)
    /// Close the connection, which the engine has removed. If it has a diversion, another server
    /// gets its socket instead.
    case close(ServerConnection)
    /// Log a line for the operator.
    case log(LogLine)
    /// The last connection is closed, and the engine is finished.
    case closed
}

/// An event for the host. Which fields are set depends on `kind`; see the ABI table.
package final class HostEvent {
    package enum Kind: Sendable {
        /// A request's head that waits for the host's verdict.
        case authorize
        /// A client's request that waits for an answer.
        case request
        /// The same, and it opens a session.
        case initialize
        case notification
        /// A call was answered or, with a `fault`, never will be.
        case response
        /// A request has ended without the host's answer; `fault` is the reason.
        case cancelled
        case sessionOpened
        case sessionClosed
        case primaryOpened
        case primaryClosed
        /// A client resumed its primary stream, but has lost events that are not stored any more.
        case primaryGap
        /// A command from another thread could not be performed.
        case commandFailed
        case log
        /// An HTTP exchange is over; only if the options want it.
        case access
        /// A page of the listing that the host has asked for: `message`.
        case sessions
        /// A resource has got its first subscriber, or has lost its last: `uri`.
        case resourceSubscribed
        case resourceUnsubscribed
        /// A request for another path than the endpoint's: `exchange`, `head`, and its body as
        /// `message`.
        case httpRequest
        /// Such a request has ended before the host's answer did; `fault` is the reason.
        case httpClosed
        /// What the host has streamed to such a request is with the socket.
        case httpWritable
        /// The exchange that was allowed with a tag is over: `principal` has the tag.
        case tagReleased
        /// The host has asked for room on a stream, and there is some; or, with a `fault`, never.
        case writable
        /// A client calls a tool of the host's catalog, with arguments that were checked.
        case toolCall
        case closed
    }

    package private(set) var kind: Kind
    package var fault: CallerFault?
    package var sessionKey: SessionKey?
    package var request: RequestKey?
    package var call: CallKey?
    package var authorization: AuthorizationKey?
    /// The principal that made the request.
    package var principal: Principal?
    /// Where the client is, if it is known and a request of its caused the event.
    package var peer: ByteBuffer?
    package var callData: UnsafeMutableRawPointer?
    /// The request for another path. No kind has both this and `callData`, and each field costs
    /// every request, since events are recycled.
    package var exchange: ExchangeKey? {
        get { callData.map { ExchangeKey(rawValue: UInt64(UInt(bitPattern: $0))) } }
        set {
            callData = newValue.flatMap {
                UnsafeMutableRawPointer(bitPattern: UInt($0.rawValue))
            }
        }
    }
    /// The session, for its constant fields only: events may be read on any thread.
    package var session: ServerSession?
    /// The pointer that the host had attached to the session.
    package var sessionData: UnsafeMutableRawPointer?
    /// The message's text; nil if there is none. If it was lent, only the code that performs the
    /// effect may read it, and only while it does so.
    package private(set) var message: UnsafeRawBufferPointer?
    /// The buffer that contains the message; nil if it was lent.
    private var messageBuffer: ByteBuffer?
    /// These point into the message, or `method` into `decodedMethod`.
    package private(set) var method = UnsafeRawBufferPointer(start: nil, count: 0)
    package private(set) var params = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The request's JSON-RPC id, verbatim.
    package private(set) var id = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The unescaped method; nil if it contains no escape sequence in the message.
    private var decodedMethod: ByteBuffer?
    private var madeTree: JSONTree?
    package var head: RequestHead?
    package var revision: Revision?
    /// A line of the log, for a host that takes its events from a queue.
    package private(set) var logLine: LogLine?
    /// The resource that the event is about, or the name of the tool.
    package private(set) var uri: ByteBuffer?
    /// The record of an HTTP exchange.
    package private(set) var access: AccessRecord?
    /// The memory that it held when it was queued.
    package var weight = 0

    /// The memory that it holds. A request's head counts with the request as well, which may end
    /// earlier.
    @_optimize(speed)
    package var heldBytes: Int {
        HostEvent.ownBytes + (messageBuffer?.heldBytes ?? 0) + (head?.heldBytes ?? 0)
            + (decodedMethod?.heldBytes ?? 0) + (logLine == nil ? 0 : HostEvent.lineBytes)
            + (access?.heldBytes ?? 0) + (uri?.heldBytes ?? 0)
    }

    /// With the peer's address, which the event may be the last to have.
    private static var ownBytes: Int { 400 }
    /// A line of the log, with all that it refers to.
    private static var lineBytes: Int { 1_600 }

    /// The Authorization header of the request to be authorized; points into `head`.
    package var credentials: Credentials? {
        kind == .authorize ? head?[.authorization].map { Credentials($0) } : nil
    }

    package init(_ kind: Kind) {
        self.kind = kind
    }

    /// jansson's tree of the message, made on first use.
    package var tree: JSONTree? {
        if madeTree == nil { madeTree = message.flatMap { JSONTree($0) } }
        return madeTree
    }

    /// Refills a new or recycled event from a client's message.
    @_optimize(speed)
    func begin(
        _ kind: Kind, of session: ServerSession?, _ message: borrowing Message,
        on connection: ServerConnection
    ) {
        self.kind = kind
        concern(session)
        peer = connection.peer
        self.message = message.text.bytes
        messageBuffer = message.text.buffer
        method = message.envelope.method
        decodedMethod = message.envelope.decodedMethod
        if let params = message.envelope.params { self.params = params.text }
        if let id = message.envelope.id, message.envelope.isRequest { self.id = id.text }
    }

    /// The bytes of its body that are with the socket; in the place of `call`, as above.
    package var sentBytes: UInt64 {
        get { access?.bytesSent ?? call?.rawValue ?? 0 }
        set { call = CallKey(rawValue: newValue) }
    }

    /// Refills a new or recycled event with a request for another path.
    func begin(
        _ key: ExchangeKey, _ head: RequestHead, _ body: HTTPParser.Body?,
        on connection: ServerConnection
    ) {
        kind = .httpRequest
        exchange = key
        self.head = head
        peer = connection.peer
        message = body?.bytes
        messageBuffer = body?.buffer
    }

    /// Refills a new or recycled event with the record of an exchange.
    func begin(_ record: AccessRecord) {
        kind = .access
        access = record
        peer = record.peer
        principal = record.principal
        sessionKey = record.session
    }

    /// Makes a request the call of a tool, which a catalog has checked.
    package func becomeCall(of tool: ByteBuffer) {
        kind = .toolCall
        uri = tool
    }

    /// The arguments of the call of a tool.
    package var arguments: UnsafeRawBufferPointer {
        var arguments = UnsafeRawBufferPointer(start: nil, count: 0)
        JSONValue.forEachMember(of: params) { name, value in
            if name.means("arguments") { arguments = value.text }
        }
        return arguments
    }

    /// Removes and returns the head of the client's request.
    func takeHead() -> RequestHead? {
        var taken: RequestHead?
        swap(&taken, &head)
        return taken
    }

    /// Releases everything, after the host has received the event. Returns the message's buffer for
    /// reuse, unless somebody else refers to it too.
    @_optimize(speed)
    func end() -> ByteBuffer? {
        var buffer: ByteBuffer?
        swap(&buffer, &messageBuffer)
        kind = .closed
        message = nil
        fault = nil
        sessionKey = nil
        request = nil
        call = nil
        authorization = nil
        principal = nil
        peer = nil
        callData = nil
        session = nil
        sessionData = nil
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        method = nothing
        params = nothing
        id = nothing
        decodedMethod = nil
        madeTree = nil
        head = nil
        revision = nil
        logLine = nil
        access = nil
        uri = nil
        weight = 0
        guard var buffer else { return nil }
        return isKnownUniquelyReferenced(&buffer) ? buffer : nil
    }

    package convenience init(_ line: LogLine) {
        self.init(.log)
        logLine = line
        sessionKey = line.session
        peer = line.peer
    }

    convenience init(_ kind: Kind, message: ByteBuffer) {
        self.init(kind)
        messageBuffer = message
        self.message = message.bytes
    }

    convenience init(_ kind: Kind, uri: ByteBuffer) {
        self.init(kind)
        self.uri = uri
    }

    convenience init(_ listing: ByteBuffer, _ data: UnsafeMutableRawPointer?) {
        self.init(.sessions, message: listing)
        callData = data
    }

    convenience init(_ kind: Kind, of session: ServerSession?) {
        self.init(kind)
        concern(session)
    }

    @_optimize(speed)
    private func concern(_ session: ServerSession?) {
        self.session = session
        sessionKey = session?.key
        sessionData = session?.data
        revision = session?.state.revision
    }
}

/// A client's message: its text, its envelope and its metadata.
struct Message: ~Copyable {
    let text: HTTPParser.Body
    let envelope: Envelope
    let meta: RequestMeta

    @_optimize(speed)
    init(_ text: HTTPParser.Body, limits: Limits) throws(Envelope.Fault) {
        envelope = try Envelope(text.bytes, limits: limits, noting: MetaKey.meta)
        meta = RequestMeta(of: envelope)
        self.text = text
    }
}

/// A FIFO queue of effects.
struct EffectQueue {
    private var effects: [Effect] = []
    private var next = 0

    mutating func append(_ effect: Effect) {
        effects.append(effect)
    }

    var count: Int { effects.count - next }

    func forEach(_ body: (Effect) -> Void) {
        for index in next..<effects.count { body(effects[index]) }
    }

    @_optimize(speed)
    mutating func popFirst() -> Effect? {
        guard next < effects.count else { return nil }
        var effect = Effect.closed
        swap(&effect, &effects[next])
        next += 1
        if next == effects.count {
            effects.removeAll(keepingCapacity: effects.count <= 64)
            next = 0
        }
        return effect
    }
}
