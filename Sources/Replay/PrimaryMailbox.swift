import Wire

/// Messages that wait for a session's primary stream to be attached: few, small, in order.
package struct PrimaryMailbox {
    private var messages: [ByteBuffer] = []
    /// The memory that the messages take.
    package private(set) var byteCount = 0

    package init() {}

    package var count: Int { messages.count }

    /// What became of a message, or of all: by how much the memory of all mailboxes has changed.
    /// One that waits in many is in memory once.
    package typealias Change = Int

    /// By how much all mailboxes would grow with a message.
    package static func cost(of message: ByteBuffer) -> Change {
        MemoryLayout<ByteBuffer>.stride + (message.mailboxes == 0 ? message.heldBytes : 0)
    }

    /// Keeps a message; nil if it would be one too many, and then it is not kept.
    package mutating func keep(_ message: ByteBuffer, countMax: Int, byteMax: Int) -> Change? {
        let own = MemoryLayout<ByteBuffer>.stride + message.heldBytes
        guard messages.count < countMax, byteCount + own <= byteMax else { return nil }
        let change = PrimaryMailbox.cost(of: message)
        messages.append(message)
        message.mailboxes += 1
        byteCount += own
        return change
    }

    /// What it takes on the heap, but for the messages: `body` is given those.
    package func heapBytes(_ body: (ByteBuffer) -> Void) -> Int {
        messages.forEach(body)
        return HeapBlock.size(of: messages)
    }

    /// Takes all messages out, the oldest first.
    package mutating func takeAll() -> (messages: [ByteBuffer], change: Change) {
        defer { self = PrimaryMailbox() }
        var change: Change = 0
        for message in messages {
            message.mailboxes -= 1
            change -= PrimaryMailbox.cost(of: message)
        }
        return (messages, change)
    }
}
