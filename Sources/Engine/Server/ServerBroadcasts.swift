import Link
import Replay
import Session
import Wire

/// Notifications to every session, in portions.
extension ServerEngine {
    /// Begins a broadcast: one notification to every session. `proceed` sends it.
    package func broadcast(
        method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) -> Broadcast {
        let message = ByteBuffer()
        message.appendNotification(method: method, params: params)
        return Broadcast(kind: kind(of: method), message: message)
    }

    /// Sends a broadcast to the next few sessions; false if there are no more. The output should be
    /// written before the next call, while it is in the cache and so that its buffers can be
    /// recycled. A session whose mailbox is full misses the broadcast.
    package func proceed(_ broadcast: inout Broadcast) -> Bool {
        enter {
            let places = broadcast.place..<broadcast.place + ServerEngine.portion
            for place in places {
                guard let session = sessions[index: place], session.state.isLive,
                    broadcast.concerns(session)
                else { continue }
                do throws(CallerFault) {
                    // Of changes, a client need not be told twice.
                    if broadcast.isChange, primaryConnection(of: session) == nil,
                        session.mailbox.contains(broadcast.message)
                    {
                        continue
                    }
                    try send(broadcast.kind, broadcast.message, isShared: true, to: session)
                } catch {
                    log(
                        .notice, "A session's mailbox is full; it misses a broadcast", on: nil,
                        of: session)
                }
            }
            broadcast.place = places.upperBound
            return broadcast.place < sessions.slotCount
        }
    }

    /// To how many a message for many is given before it is written.
    static var portion: Int { 32 }
}

/// A notification that is being sent to every session.
package struct Broadcast {
    let kind: Backlog.Kind
    let message: ByteBuffer
    /// Whether it tells of a change, and nobody needs it twice.
    var isChange = false
    /// The resource that has changed, if only its subscribers are told, and those that cover it.
    var resource: ByteBuffer?
    var covering: [ByteBuffer] = []
    /// The index of the next session in the table.
    fileprivate var place = 0

    init(kind: Backlog.Kind, message: ByteBuffer) {
        self.kind = kind
        self.message = message
    }

    fileprivate func concerns(_ session: ServerSession) -> Bool {
        guard let resource else { return true }
        if case .none = session.subscriptions.match(resource, covering) { return false }
        return true
    }
}
