import Wire

/// A small, bounded FIFO queue of messages for a session's primary stream while it is not attached.
package struct PrimaryMailbox {
    private var messages: [ByteBuffer] = []
    /// The memory of the messages.
    package private(set) var byteCount = 0
    /// What it has added to the memory of all mailboxes: a message counts with the first that it
    /// came to, until that one is emptied.
    package private(set) var addedBytes: Change = 0

    package init() {}

    package var count: Int { messages.count }

    /// A change of the memory of all mailboxes. A message in several mailboxes counts once.
    package typealias Change = Int

    /// The growth of all mailboxes if a message is added.
    package static func cost(of message: ByteBuffer) -> Change {
        MemoryLayout<ByteBuffer>.stride + (message.mailboxes == 0 ? message.heldBytes : 0)
    }

    /// Whether a message with the same text waits.
    package func contains(_ message: ByteBuffer) -> Bool {
        messages.contains { $0.count == message.count && $0.bytes.equals(message.bytes) }
    }

    /// Adds a message; nil, and no change, if that would exceed a limit.
    package mutating func keep(_ message: ByteBuffer, countMax: Int, byteMax: Int) -> Change? {
        let own = MemoryLayout<ByteBuffer>.stride + message.heldBytes
        guard messages.count < countMax, byteCount + own <= byteMax else { return nil }
        let change = PrimaryMailbox.cost(of: message)
        messages.append(message)
        message.mailboxes += 1
        byteCount += own
        addedBytes += change
        return change
    }

    /// Its heap memory without the messages, which are passed to `body`.
    package func heapBytes(_ body: (ByteBuffer) -> Void) -> Int {
        messages.forEach(body)
        return HeapBlock.size(of: messages)
    }

    /// Removes and returns all messages, the oldest first.
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
