import Session
import Wire

/// One connection: its parser, what it is doing, and the bytes that wait to be written.
///
/// While it waits for a request it owns no parser and no buffer.
package final class ServerConnection {
    package let id: ConnectionID
    /// The driver's own name for the connection. The engine only keeps it.
    package let driver: UnsafeMutableRawPointer

    enum Exchange {
        /// No request is under way.
        case idle
        /// A request is arriving.
        case receiving
        /// A request's head waits for the host to allow it.
        case authorizing(AuthorizationKey)
        /// A request has been answered by its head, and the rest of it is being skipped.
        case refused
        /// A request waits for its answer.
        case request(OpenRequest)
        /// A session's primary stream.
        case primary(ServerSession)
        /// A stream that has ended, of which the store is to say what there was.
        case loading
        /// The last response is being written.
        case finishing
        /// Everything is written; the client is to hang up.
        case lingering
        case closed
    }

    var exchange = Exchange.idle

    // What every message that is sent looks at: together, because memory comes in lines.
    var framing = BodyFraming.chunked
    var isQueuedForWriting = false
    /// Bytes to write: long messages as they are, with what goes before each, and then what has
    /// been composed since; nil if there is none.
    var output: ByteBuffer?
    var pieces: [ByteBuffer] = []
    /// The long messages among them, by the bytes ever queued.
    var longPieces: [Range<UInt64>] = []
    /// What the socket has taken of a long message that is not all taken: its memory goes as a
    /// whole.
    var begunBytes = 0
    /// Bytes ever queued, ever taken by the driver, and ever handed to the socket.
    var queuedBytes: UInt64 = 0
    var takenBytes: UInt64 = 0
    var handedBytes: UInt64 = 0
    /// Events that the connection was ever given, and that went on to its output.
    var givenEvents: UInt64 = 0
    var composedEvents: UInt64 = 0
    /// How the client is coming back for a stream, while the store looks for what it missed.
    var resumption: Resumption?
    /// Answers that wait until events given before have been handed over.
    var fence = Fence()
    /// The bytes of those answers.
    var fencedBytes = 0
    /// Whether its client was slow to read what is being sent, or was sent.
    var isSlow = false
    /// Whether its client has finished sending, and still reads.
    var hasReadAll = false
    /// Events that are not in the output, since the socket takes no more.
    var backlog = Backlog()
    /// How much of what was queued is the head of the current stream.
    var headBytes: UInt64 = 0

    /// Reads a request, and keeps its head until the exchange is over; nil between exchanges.
    var parser: RequestParser?
    var keepsAlive = true
    /// Whether its socket is to read no more for now.
    var isHeldBack = false
    /// Whether the driver reads nothing from it for now.
    var isPaused = false
    /// Whether a body begins, whose time to arrive is not measured yet: most are there already.
    var isAtBody = false
    /// Who made the current request; nil without authorization.
    var principal: Principal?
    /// When what the current request was allowed by expires.
    var expiry: Instant?
    /// What the responses to the current request tell a browser; nil for nothing.
    var crossOriginFields: ByteBuffer?
    /// The bytes handed over when the stream last got a sign of life.
    var handedAtKeepAlive: UInt64 = 0
    /// What arrived behind a request that is not answered yet.
    var pipelined: ByteBuffer?
    /// The memory of what has arrived in part, or waits, as it was counted last.
    var arrivingBytes = 0
    /// Where its client is, and what that address has of the server; nil if it has none.
    let share: Share?

    init(id: ConnectionID, driver: UnsafeMutableRawPointer, share: Share?) {
        self.id = id
        self.driver = driver
        self.share = share
    }

    /// The memory of what has arrived in part, or waits behind something.
    var arrivingBytesNow: Int {
        (parser?.isUnfinished == true ? parser?.heldBytes ?? 0 : 0) + (pipelined?.heldBytes ?? 0)
    }

    /// The memory that a connection takes besides: this object, the driver's, its handle, a small
    /// buffer for output, and its places in tables.
    package static var heldBytes: Int { 1_600 }

    /// The head of the current request.
    var head: RequestHead? { parser?.head }

    /// Whether some bytes of a request have arrived and its end has not.
    var isArriving: Bool { parser?.isInsideMessage ?? false }

    /// Whether the engine has forgotten the connection.
    package var hasEnded: Bool { isClosed }

    var isClosed: Bool {
        if case .closed = exchange { true } else { false }
    }

    /// Whether the socket has not taken all it was given.
    var isBlocked: Bool { handedBytes < takenBytes }

    /// What the driver has yet to take.
    var untakenBytes: Int { isClosed ? 0 : Int(queuedBytes - takenBytes) }

    /// What the client has yet to read.
    package var unsentBytes: Int {
        isClosed
            ? 0 : Int(queuedBytes - handedBytes) + begunBytes + backlog.byteCount + fencedBytes
    }

    var isStreaming: Bool {
        switch exchange {
        case .request(let request): request.isStreaming
        case .primary: true
        default: false
        }
    }
}

/// A client's return to a stream, until the store has said what was sent meanwhile. What is sent
/// from now on waits behind that in the connection's backlog.
final class Resumption {
    let load: LoadKey
    let cursor: EventID
    /// The last event that the store was told of; nil if the stream had ended before.
    let last: UInt64?
    /// What the stream ends with; nil as long as it goes on.
    var end: ByteBuffer?
    /// Whether it is a session's primary stream.
    var isPrimary = false

    init(_ load: LoadKey, after cursor: EventID, upTo last: UInt64?) {
        self.load = load
        self.cursor = cursor
        self.last = last
    }
}
