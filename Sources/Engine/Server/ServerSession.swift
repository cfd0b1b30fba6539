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

    /// The open requests, both ways. `Requests` writes it.
    package var ledger = SessionLedger()
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
