import Session
import Wire

/// Messages that wait until a client has read what went before, the oldest first.
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
    }

    private var messages: [Message] = []
    private var first = 0
    private(set) var byteCount = 0

    var isEmpty: Bool { first == messages.count }

    mutating func append(_ message: Message) {
        messages.append(message)
        byteCount += message.text.count
    }

    mutating func popFirst() -> Message? {
        guard first < messages.count else { return nil }
        let message = messages[first]
        first += 1
        byteCount -= message.text.count
        if first == messages.count {
            self = Backlog()
        } else if first > 32, first > messages.count / 2 {
            messages.removeFirst(first)
            first = 0
        }
        return message
    }

    /// Makes do with fewer messages: of each request only the newest progress, and then as few log
    /// lines as brings the rest to `target` bytes. Says how many of each went.
    mutating func shed(to target: Int) -> (progress: Int, logs: Int) {
        let progress = coalesceProgress()
        var logs = 0
        keep { message, bytes in
            guard case .log = message.kind, bytes > target else { return true }
            logs += 1
            return false
        }
        return (progress, logs)
    }

    private mutating func coalesceProgress() -> Int {
        var newest: [RequestKey: UInt64] = [:]
        for message in messages[first...] {
            if case .progress(let request) = message.kind { newest[request] = message.ordinal }
        }
        var dropped = 0
        keep { message, _ in
            guard case .progress(let request) = message.kind,
                newest[request] != message.ordinal
            else { return true }
            dropped += 1
            return false
        }
        return dropped
    }

    /// Keeps what `isKept` wants, given each message and the bytes that are left at that point.
    private mutating func keep(_ isKept: (Message, Int) -> Bool) {
        var kept: [Message] = []
        for message in messages[first...] {
            if isKept(message, byteCount) {
                kept.append(message)
            } else {
                byteCount -= message.text.count
            }
        }
        messages = kept
        first = 0
    }
}
