import Link
import MCP
import Replay
import Session
import Wire

/// Everything the engine asks of its driver beyond writing bytes, in order.
package enum Effect {
    /// Hand the event to the host.
    case deliver(HostEvent)
    /// Have the host's store do something.
    case store(StoreOrder)
    /// Finish sending: everything has been written, and nothing will follow.
    case shutDown(ServerConnection)
    /// Read no more from the connection until `startReading`: the engine holds enough of its bytes.
    case stopReading(ServerConnection)
    case startReading(ServerConnection)
    /// Close the connection. The engine has forgotten it.
    case close(ServerConnection)
    /// Tell the operator.
    case log(LogLevel, ByteBuffer)
    /// The last connection is closed, and the engine is of no more use.
    case closed
}

/// Something the host should know. What a kind does not name stays empty.
package final class HostEvent {
    package enum Kind: Sendable {
        /// A request's head, which waits to be allowed or refused.
        case authorize
        /// A client's request, which waits for an answer.
        case request
        case notification
        /// A call was answered, or, with a `fault`, never will be.
        case response
        /// The client cancelled a request; its exchange has ended.
        case cancelled
        case sessionOpened
        case sessionClosed
        case primaryOpened
        case primaryClosed
        /// A client came back to its primary stream for events that are gone, and has lost them.
        case primaryGap
        /// A command made from another thread could not be carried out.
        case commandFailed
        case log
        case closed
    }

    package private(set) var kind: Kind
    package var fault: CallerFault?
    package var sessionKey: SessionKey?
    package var request: RequestKey?
    package var call: CallKey?
    package var authorization: AuthorizationKey?
    /// Who made the request.
    package var principal: Principal?
    package var callData: UnsafeMutableRawPointer?
    /// The session itself, for what does not change about it: events may be read on any thread.
    package var session: ServerSession?
    /// What the host had attached to the session.
    package var sessionData: UnsafeMutableRawPointer?
    /// The message's text; nil if there is none. If it was lent, only whoever performs the effect
    /// may read it, and only then.
    package private(set) var message: UnsafeRawBufferPointer?
    /// Where the message stands; nil if it was lent.
    private var messageBuffer: ByteBuffer?
    /// These point into the message.
    package private(set) var method = UnsafeRawBufferPointer(start: nil, count: 0)
    package private(set) var params = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The request's JSON-RPC id, as it is written.
    package private(set) var id = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Where `method` stands if it is not written as it reads.
    private var decodedMethod: ByteBuffer?
    private var madeTree: JSONTree?
    package var head: RequestHead?
    package var revision: Revision?
    package var level = LogLevel.warning
    package var text: ByteBuffer?
    /// The memory that it held when it was put into a queue.
    package var weight = 0

    /// The memory that it holds. A request's head is counted with the request as well, which may
    /// end before.
    package var heldBytes: Int {
        HostEvent.ownBytes + (messageBuffer?.heldBytes ?? 0) + (head?.heldBytes ?? 0)
            + (decodedMethod?.heldBytes ?? 0) + (text?.heldBytes ?? 0)
    }

    private static var ownBytes: Int { 400 }

    /// What the head of the request to be authorized has for proof; it points into the head.
    package var credentials: Credentials? {
        kind == .authorize ? head?[.authorization].map { Credentials($0) } : nil
    }

    package init(_ kind: Kind) {
        self.kind = kind
    }

    /// jansson's tree of the message. Made when somebody asks, and then kept.
    package var tree: JSONTree? {
        if madeTree == nil { madeTree = message.flatMap { JSONTree($0) } }
        return madeTree
    }

    /// Makes this an event that a client's message makes; it is new, or has ended.
    func begin(_ kind: Kind, of session: ServerSession?, _ message: borrowing Message) {
        self.kind = kind
        concern(session)
        self.message = message.text.bytes
        messageBuffer = message.text.buffer
        method = message.envelope.method
        decodedMethod = message.envelope.decodedMethod
        if let params = message.envelope.params { self.params = params.text }
        if let id = message.envelope.id, message.envelope.isRequest { self.id = id.text }
    }

    /// Gives back the head of the client's request.
    func takeHead() -> RequestHead? {
        var taken: RequestHead?
        swap(&taken, &head)
        return taken
    }

    /// Lets go of everything: the event has been heard. Its message's buffer is given back, unless
    /// somebody else looks at it too.
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
        level = .warning
        self.text = nil
        weight = 0
        guard var buffer else { return nil }
        return isKnownUniquelyReferenced(&buffer) ? buffer : nil
    }

    convenience init(_ kind: Kind, of session: ServerSession?) {
        self.init(kind)
        concern(session)
    }

    private func concern(_ session: ServerSession?) {
        self.session = session
        sessionKey = session?.key
        sessionData = session?.data
        revision = session?.state.revision
    }
}

/// A client's message: its text, and what it says of itself.
struct Message: ~Copyable {
    let text: HTTPParser.Body
    let envelope: Envelope
    let meta: RequestMeta

    init(_ text: HTTPParser.Body, limits: Limits) throws(Envelope.Fault) {
        envelope = try Envelope(text.bytes, limits: limits, noting: MetaKey.meta)
        meta = RequestMeta(of: envelope)
        self.text = text
    }
}

/// Effects in the order in which they were asked for.
struct EffectQueue {
    private var effects: [Effect] = []
    private var next = 0

    mutating func append(_ effect: Effect) {
        effects.append(effect)
    }

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
