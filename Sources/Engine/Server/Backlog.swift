import Link
import Replay
import Session
import Wire

/// Messages that wait until a client has read what went before, the oldest first.
///
/// What counts is the memory that they take. A message that waits for many clients is in memory
/// once: it counts for each of them in `byteCount`, and in `Change`, which is for the sum over all,
/// with the first that it comes to wait for and the last.
struct Backlog {
    /// What may become of a message whose client does not keep up.
    enum Kind {
        /// Newer progress of the same request makes it worthless.
        case progress(RequestKey)
        /// A log line: a client that does not keep up misses the oldest.
        case log
        /// Results, requests and all else: never dropped.
        case essential
    }

    struct Message {
        let kind: Kind
        let text: ByteBuffer
        let id: EventID?
        /// Its place among all the events that its connection was given.
        let ordinal: UInt64

        var heldBytes: Int { MemoryLayout<Message>.stride + text.heldBytes }
    }

    /// By how much the memory of all backlogs has changed.
    typealias Change = Int

    private var messages: [Message] = []
    private var first = 0
    private(set) var byteCount = 0
    /// The bytes of the messages alone.
    private(set) var textCount = 0

    var isEmpty: Bool { first == messages.count }
    var count: Int { messages.count - first }

    mutating func append(_ message: Message) -> Change {
        message.text.trim()
        messages.append(message)
        return hold(message)
    }

    /// Lets events of an earlier time come before what waits.
    mutating func prepend(_ events: [StoredEvent]) -> Change {
        let earlier = events.map { event in
            Message(kind: .essential, text: event.message, id: event.id, ordinal: 0)
        }
        messages.replaceSubrange(..<first, with: earlier)
        first = 0
        return earlier.reduce(0) { $0 + hold($1) }
    }

    mutating func popFirst() -> (message: Message, change: Change)? {
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

    mutating func removeAll() -> Change {
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
    func heapBytes(_ body: (ByteBuffer) -> Void) -> Int {
        for message in messages[first...] { body(message.text) }
        return HeapBlock.size(of: messages)
    }

    // MARK: Shedding

    /// What `shed` dropped.
    struct Shed {
        var progress = 0
        var logs = 0
        var change: Change = 0
    }

    /// Makes do with fewer messages: of each request only the newest progress, and then as few log
    /// lines as brings the rest to `target` bytes.
    mutating func shed(to target: Int) -> Shed {
        var shed = Shed()
        let newest = newestProgress
        keep(&shed.change) { message, _ in
            guard case .progress(let request) = message.kind,
                newest[request] != message.ordinal
            else { return true }
            shed.progress += 1
            return false
        }
        keep(&shed.change) { message, bytes in
            guard case .log = message.kind, bytes > target else { return true }
            shed.logs += 1
            return false
        }
        return shed
    }

    private var newestProgress: [RequestKey: UInt64] {
        var newest: [RequestKey: UInt64] = [:]
        for message in messages[first...] {
            if case .progress(let request) = message.kind { newest[request] = message.ordinal }
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
