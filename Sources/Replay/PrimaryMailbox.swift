import Wire

/// Messages that wait for a session's primary stream to be attached: few, small, in order.
package struct PrimaryMailbox {
    private var messages: [ByteBuffer] = []
    private var byteCount = 0

    package init() {}

    package var count: Int { messages.count }

    /// Keeps a message; false if it would be one too many, and then it is not kept.
    package mutating func keep(_ message: ByteBuffer, countMax: Int, byteMax: Int) -> Bool {
        guard messages.count < countMax, byteCount + message.count <= byteMax else { return false }
        messages.append(message)
        byteCount += message.count
        return true
    }

    /// Takes all messages out, the oldest first.
    package mutating func takeAll() -> [ByteBuffer] {
        defer {
            messages = []
            byteCount = 0
        }
        return messages
    }
}
