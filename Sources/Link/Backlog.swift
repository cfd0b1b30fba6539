import Wire

/// Messages that wait until the peer has read what went before, the oldest first.
///
/// What counts is the memory that they take. A message that waits for many peers is in memory
/// once: it counts for each of them in `byteCount`, and in `Change`, which is for the sum over all,
/// with the first that it comes to wait for and the last.
package struct Backlog {
    /// What may become of a message whose reader does not keep up.
    package enum Kind {
        /// A newer one with the same key makes it worthless.
        case replaceable(key: UInt64)
        /// A reader that does not keep up misses the oldest.
        case expendable
        /// Never dropped.
        case essential
    }

    package struct Message {
        package let kind: Kind
        package let text: ByteBuffer
        package let id: EventID?
        /// Its number among all the events that its connection was given.
        let ordinal: UInt64

        var heldBytes: Int { MemoryLayout<Message>.stride + text.heldBytes }
    }

    /// By how much the memory of all backlogs has changed.
    package typealias Change = Int

    private var messages: [Message] = []
    private var first = 0
    package private(set) var byteCount = 0
    /// The bytes of the messages alone.
    package private(set) var textCount = 0

    package var isEmpty: Bool { first == messages.count }
    package var count: Int { messages.count - first }

    package mutating func append(_ message: Message) -> Change {
        message.text.trim()
        messages.append(message)
        return hold(message)
    }

    /// Lets events of an earlier time come before what waits.
    package mutating func prepend(
        _ events: some Sequence<(id: EventID, text: ByteBuffer)>
    ) -> Change {
        let earlier = events.map { event in
            Message(kind: .essential, text: event.text, id: event.id, ordinal: 0)
        }
        messages.replaceSubrange(..<first, with: earlier)
        first = 0
        return earlier.reduce(0) { $0 + hold($1) }
    }

    package mutating func popFirst() -> (message: Message, change: Change)? {
        guard first < messages.count else { return nil }
        let message = messages[first]
        first += 1
        let change = release(message)
        if first == messages.count {
            messages = []
            first = 0
        } else if first > 32, first > messages.count / 2 {
            messages.removeFirst(first)
            first = 0
        }
        return (message, change)
    }

    package mutating func removeAll() -> Change {
        defer { self = Backlog() }
        return messages[first...].reduce(0) { $0 + release($1) }
    }

    private mutating func hold(_ message: Message) -> Change {
        byteCount += message.heldBytes
        textCount += message.text.count
        message.text.backlogs += 1
        return message.text.backlogs == 1 ? message.heldBytes : MemoryLayout<Message>.stride
    }

    private mutating func release(_ message: Message) -> Change {
        byteCount -= message.heldBytes
        textCount -= message.text.count
        message.text.backlogs -= 1
        return message.text.backlogs == 0 ? -message.heldBytes : -MemoryLayout<Message>.stride
    }

    /// What it takes on the heap, but for the messages: `body` is given those.
    package func heapBytes(_ body: (ByteBuffer) -> Void) -> Int {
        for message in messages[first...] { body(message.text) }
        return HeapBlock.size(of: messages)
    }

    // MARK: Shedding

    /// What `shed` dropped.
    package struct Shed {
        package var replaced = 0
        package var expended = 0
        package var change: Change = 0
    }

    /// Drops the replaceable messages that have a newer one with the same key, and then the oldest
    /// expendable ones until `target` bytes are left.
    package mutating func shed(to target: Int) -> Shed {
        var shed = Shed()
        let newest = newestByKey
        keep(&shed.change) { message, _ in
            guard case .replaceable(let key) = message.kind,
                newest[key] != message.ordinal
            else { return true }
            shed.replaced += 1
            return false
        }
        keep(&shed.change) { message, bytes in
            guard case .expendable = message.kind, bytes > target else { return true }
            shed.expended += 1
            return false
        }
        return shed
    }

    /// The newest replaceable message of each key, by its ordinal.
    private var newestByKey: [UInt64: UInt64] {
        var newest: [UInt64: UInt64] = [:]
        for message in messages[first...] {
            if case .replaceable(let key) = message.kind { newest[key] = message.ordinal }
        }
        return newest
    }

    /// Keeps what `isKept` wants, given each message and the bytes that are left at that point.
    private mutating func keep(_ change: inout Change, _ isKept: (Message, Int) -> Bool) {
        var kept: [Message] = []
        for message in messages[first...] {
            if isKept(message, byteCount) {
                kept.append(message)
            } else {
                change += release(message)
            }
        }
        messages = kept
        first = 0
    }
}
