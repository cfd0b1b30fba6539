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
        /// A command made from another thread could not be carried out.
        case commandFailed
        case log
        case closed
    }

    package let kind: Kind
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
    /// The message; `method` points into it.
    package var document: JSONDocument?
    package var method = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The request's JSON-RPC id as JSON text.
    package var id: ByteBuffer?
    package var head: HTTPHead?
    package var revision: Revision?
    package var level = LogLevel.warning
    package var text: ByteBuffer?

    /// What the head of the request to be authorized has for proof; it points into the head.
    package var credentials: Credentials? {
        kind == .authorize ? head?[.authorization].map { Credentials($0) } : nil
    }

    package init(_ kind: Kind) {
        self.kind = kind
    }

    convenience init(_ kind: Kind, of session: ServerSession?) {
        self.init(kind)
        self.session = session
        sessionKey = session?.key
        sessionData = session?.data
        revision = session?.state.revision
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
        let effect = effects[next]
        next += 1
        if next == effects.count {
            effects.removeAll(keepingCapacity: effects.count <= 64)
            next = 0
        }
        return effect
    }
}
