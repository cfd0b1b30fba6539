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
    /// Bytes ever queued, ever taken by the driver, and ever handed to the socket.
    var queuedBytes: UInt64 = 0
    var takenBytes: UInt64 = 0
    var handedBytes: UInt64 = 0
    /// Events that the connection was ever given, that went on to its output, and that have been
    /// handed to the socket.
    var givenEvents: UInt64 = 0
    var composedEvents: UInt64 = 0
    var handedEvents: UInt64 = 0
    /// How the client is coming back for a stream, while the store looks for what it missed.
    var resumption: Resumption?
    /// Requests whose answers wait until events given before have been handed over.
    var fenced: [OpenRequest] = []
    /// Events that are not in the output, since the socket takes no more.
    var backlog = Backlog()
    /// How much of what was queued is the head of the current stream.
    var headBytes: UInt64 = 0

    /// Reads a request, and keeps its head until the exchange is over; nil between exchanges.
    var parser: HTTPParser?
    var keepsAlive = true
    /// Whether its socket is to read no more for now.
    var isHeldBack = false
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

    init(id: ConnectionID, driver: UnsafeMutableRawPointer) {
        self.id = id
        self.driver = driver
    }

    /// The head of the current request.
    var head: HTTPHead? { parser?.head }

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
        isClosed ? 0 : Int(queuedBytes - handedBytes) + backlog.byteCount
    }

    var isStreaming: Bool {
        switch exchange {
        case .request(let request): request.isStreaming
        case .primary: true
        default: false
        }
    }
}

/// What a connection has to write, in pieces: a long message is none that was copied together.
package struct Output {
    fileprivate let pieces: [ByteBuffer]
    fileprivate let last: ByteBuffer?
    package let count: Int

    init(_ pieces: [ByteBuffer], _ last: ByteBuffer?, count: Int) {
        self.pieces = pieces
        self.last = last
        self.count = count
    }

    package var pieceCount: Int { pieces.count + (last == nil ? 0 : 1) }

    /// The pieces in order; their bytes live as long as the output.
    package func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Void) {
        for piece in pieces { body(piece.bytes) }
        if let last { body(last.bytes) }
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

    init(_ load: LoadKey, after cursor: EventID, upTo last: UInt64?) {
        self.load = load
        self.cursor = cursor
        self.last = last
    }
}

/// Objects that have been used and may be used again, a few of each.
struct SpareParts {
    private var parsers: [HTTPParser] = []
    private var heads: [HTTPHead] = []
    private var events: [HostEvent] = []
    private var requests: [OpenRequest] = []
    private var buffers: [ByteBuffer] = []
    private var longBuffers: [ByteBuffer] = []
    /// The room that `buffers` have.
    private var bufferBytes = 0

    private static var countMax: Int { 64 }
    /// What a message to all may need at once, for a thousand streams.
    private static var bufferBytesTotal: Int { 1 << 20 }
    private static var bufferBytesMin: Int { 512 }
    private static var bufferBytesMax: Int { 16 << 10 }
    private static var longCountMax: Int { 4 }
    private static var longBufferBytesMax: Int { 256 << 10 }

    mutating func takeParser() -> HTTPParser? { parsers.popLast() }
    mutating func takeEvent() -> HostEvent? { events.popLast() }
    mutating func takeRequest() -> OpenRequest? { requests.popLast() }

    /// Takes a request back that has ended, unless somebody else has it too.
    mutating func giveIfUnused(_ request: inout OpenRequest) {
        guard requests.count < SpareParts.countMax, isKnownUniquelyReferenced(&request) else {
            return
        }
        request.end()
        requests.append(request)
    }

    /// Takes back an event that the host has heard, with the head and the message that are its own
    /// by now: a host with a queue may look at them for longer than their request is open.
    mutating func give(_ event: HostEvent) {
        if var head = event.takeHead(), isKnownUniquelyReferenced(&head) { give(head) }
        if let message = event.end() { give(message) }
        if events.count < SpareParts.countMax { events.append(event) }
    }

    private mutating func give(_ head: HTTPHead) {
        if heads.count < SpareParts.countMax { heads.append(head) }
    }

    /// A head that nobody else looks at. One that an event still shows comes back with the event.
    mutating func takeHead() -> HTTPHead {
        while var head = heads.popLast() {
            if isKnownUniquelyReferenced(&head) { return head }
        }
        return HTTPHead()
    }

    /// A buffer for what is composed in small parts. It may be a slow client's for long, so none
    /// has much room.
    mutating func takeBuffer() -> ByteBuffer {
        guard let buffer = buffers.popLast() else {
            return ByteBuffer(capacity: SpareParts.bufferBytesMin)
        }
        bufferBytes -= buffer.capacity
        return buffer
    }

    /// A buffer for a text of so many bytes.
    mutating func takeBuffer(for count: Int) -> ByteBuffer {
        let isLong = count > SpareParts.bufferBytesMax
        let buffer = isLong ? longBuffers.popLast() ?? ByteBuffer() : takeBuffer()
        buffer.reserve(count)
        return buffer
    }

    /// Takes a parser back, and its head, which others may still look at.
    mutating func give(_ parser: inout HTTPParser?) {
        guard let used = parser else { return }
        parser = nil
        if let head = used.takeHead() { give(head) }
        guard parsers.count < SpareParts.countMax else { return }
        used.reset()
        parsers.append(used)
    }

    /// Takes back the part of an output that is nobody else's.
    mutating func give(_ output: consuming Output) {
        if let last = output.last { give(last) }
    }

    /// Takes a message back, unless it still waits somewhere.
    mutating func giveIfUnused(_ message: inout ByteBuffer) {
        if isKnownUniquelyReferenced(&message) { give(message) }
    }

    mutating func give(_ buffer: consuming ByteBuffer) {
        buffer.removeAll()
        if buffer.capacity <= SpareParts.bufferBytesMax {
            guard bufferBytes + buffer.capacity <= SpareParts.bufferBytesTotal else { return }
            bufferBytes += buffer.capacity
            buffers.append(buffer)
        } else if buffer.capacity <= SpareParts.longBufferBytesMax {
            if longBuffers.count < SpareParts.longCountMax { longBuffers.append(buffer) }
        }
    }
}
