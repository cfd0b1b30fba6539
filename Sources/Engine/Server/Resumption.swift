import Replay
import Session
import Wire

/// A client that resumes a stream, until the store has returned what was sent meanwhile. What is
/// sent from now on waits in the connection's backlog.
final class Resumption {
    let load: LoadKey
    let cursor: EventID
    /// The last event that the store was given; nil if the stream had ended before.
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
