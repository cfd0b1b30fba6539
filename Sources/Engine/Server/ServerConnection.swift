import MCP
import Session
import Wire

/// One connection: its parser, what it is doing, and the bytes that wait to be written.
///
/// While it waits for a request it owns no parser and no buffer.
package final class ServerConnection {
    package let id: ConnectionID
    /// The driver's own name for the connection. The engine only keeps it.
    package let driver: UnsafeMutableRawPointer

    /// The request and the response that it carries now.
    var exchange = Exchange()
    var isQueuedForWriting = false
    var outbox = Outbox()
    /// How the client is coming back for a stream, while the store looks for what it missed.
    var resumption: Resumption?
    /// Answers that wait until events given before have been handed over.
    var fence = Fence()
    /// The bytes of those answers.
    var fencedBytes = 0
    var reader = MessageReader()
    var keepsAlive = true
    /// Where its client is, and what that address has of the server; nil if it has none.
    let share: Share?

    init(id: ConnectionID, driver: UnsafeMutableRawPointer, share: Share?) {
        self.id = id
        self.driver = driver
        self.share = share
    }

    /// The memory that a connection takes besides: this object, the driver's, its handle, a small
    /// buffer for output, and its places in tables.
    package static var heldBytes: Int { 1_600 }

    /// The head of the current request.
    var head: RequestHead? { reader.head }

    /// Whether the engine has forgotten the connection.
    package var hasEnded: Bool { isClosed }

    var isClosed: Bool { exchange.isClosed }

    /// The memory that waits for the client to read.
    package var unsentBytes: Int { isClosed ? 0 : outbox.unsentBytes + fencedBytes }
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
