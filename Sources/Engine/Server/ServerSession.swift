import MCP
import Replay
import Session
import Wire

/// One session with everything that belongs to it. When the engine lets go of it, all is gone.
package final class ServerSession {
    package let key: SessionKey
    package let id: SessionID
    /// Who opened it, and may use it (S-500); nil without authorization.
    package let principal: Principal?
    /// The shares of who opened it.
    let shares: Shares
    package internal(set) var state = Session()
    /// What the host attached.
    package internal(set) var data: UnsafeMutableRawPointer?
    /// The client's own words about itself, as JSON objects.
    package let clientInfo: ByteBuffer
    package let clientCapabilities: ByteBuffer

    package internal(set) var ledger = RequestLedger()
    var primary: EventStream
    var mailbox = PrimaryMailbox()
    /// Requests whose answers a fence holds.
    var held = HeldAnswers()

    init(
        key: SessionKey, id: SessionID, principal: Principal?, shares: Shares,
        primary: StreamToken, clientInfo: ByteBuffer, clientCapabilities: ByteBuffer
    ) {
        self.key = key
        self.id = id
        self.principal = principal
        self.shares = shares
        self.primary = EventStream(primary)
        self.clientInfo = clientInfo
        self.clientCapabilities = clientCapabilities
    }

    /// Whether it has had a primary stream or a request, so that somebody may miss it.
    var isUsed = false
    /// Whether it may give way to another one: nobody has used it, and nothing is under way.
    var mayGiveWay = false

    package var heldAnswers: Int { held.requests.count }

    /// The memory that it takes, but for its mailbox: this object, its books, its log's and its
    /// places in tables, and what its client says of itself.
    var heldBytes: Int {
        ServerSession.ownBytes + clientInfo.heldBytes + clientCapabilities.heldBytes
    }

    package static var ownBytes: Int { 750 }

    /// The id as it stands in `Mcp-Session-Id`. Made when somebody asks, and then kept.
    package private(set) lazy var wireID = id.text
}

/// One request of a client, from its arrival to the last byte of its answer. It may be used again.
final class OpenRequest {
    private(set) var key = RequestKey(rawValue: 0)
    private(set) var id = RequestID.integer(0)
    private(set) var session: ServerSession?
    /// What its memory counts in if it belongs to no session.
    private var ownShares: Shares?
    private(set) var revision = Revision.assumed
    private(set) var isInitialize = false
    /// The client's progress token as JSON text; nil if it wants no progress.
    private(set) var progressToken: ByteBuffer?
    /// What the host may still ask about; nil once the request has ended.
    var head: RequestHead?
    /// Who waits for the answer; nil once the client is gone.
    var connection: ServerConnection?
    /// Whether the head of an event stream has been written.
    private(set) var isStreaming = false
    /// The request's own stream, once it has begun in a way that can be resumed.
    var stream: EventStream?
    /// The host's requests to the client that ride on this request's stream.
    var calls: [CallKey] = []
    /// What the answer has to wait for, and the answer while it waits.
    var fence = RequestFence()
    /// Whether its client has gone, and may come back.
    var isDetached = false
    /// The memory that it takes while it is open, as it was counted.
    var heldBytes = 0

    /// The memory that a request takes besides its head, its token and its id.
    static var ownBytes: Int { 380 }

    /// Releases what the client sent: a held answer may wait for long.
    func releaseMessage() {
        head = nil
        progressToken = nil
    }

    var shares: Shares {
        session?.shares ?? ownShares ?? Shares(address: nil, principal: nil)
    }

    /// Whether what is sent now reaches the client, at once or when it comes back.
    var isReachable: Bool { connection != nil || stream != nil }

    /// Whether its client understands an event that only tells where a stream begins.
    var hasPriming: Bool { (session?.state.revision ?? revision).hasPriming }

    /// Makes this a client's request; it is new, or has ended.
    func begin(
        _ key: RequestKey, _ id: RequestID, of session: ServerSession?, _ revision: Revision,
        isInitialize: Bool, progressToken: ByteBuffer?, head: RequestHead,
        on connection: ServerConnection, ownShares: Shares?
    ) {
        self.key = key
        self.id = id
        self.session = session
        self.ownShares = ownShares
        self.revision = revision
        self.isInitialize = isInitialize
        self.progressToken = progressToken
        self.head = head
        self.connection = connection
    }

    /// The head of its event stream is about to be written, on a connection that `streams` counts.
    func beginStreaming(_ streams: inout StreamCount) {
        isStreaming = true
        streams.add()
    }

    /// Lets go of who waits for the answer, and tells who it was.
    func takeConnection() -> ServerConnection? {
        var taken: ServerConnection?
        swap(&taken, &connection)
        return taken
    }

    /// Lets go of everything.
    func end() {
        key = RequestKey(rawValue: 0)
        id = .integer(0)
        revision = .assumed
        isInitialize = false
        isDetached = false
        session = nil
        ownShares = nil
        progressToken = nil
        head = nil
        connection = nil
        isStreaming = false
        stream = nil
        calls = []
        fence = RequestFence()
        heldBytes = 0
    }
}

/// One request of the host's to a client, until it is answered.
struct OpenCall {
    let session: ServerSession
    /// The request on whose stream it went; nil for the primary.
    let request: OpenRequest?
    let data: UnsafeMutableRawPointer?

    /// The memory that a call takes, with its places in tables.
    static var heldBytes: Int { 160 }
}
