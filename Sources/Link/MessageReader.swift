import Wire

/// Turns the bytes of a connection into heads and messages, and keeps those that must wait.
///
/// Between requests it owns neither a parser nor a buffer.
package struct MessageReader: ~Copyable {
    /// Reads a request, and holds its head until the exchange is over.
    private var parser: RequestParser?
    /// What arrived after a request that is not answered yet.
    private var pipelined: ByteBuffer?
    /// The memory of both, as it was counted last.
    package private(set) var countedBytes = 0
    /// Whether a head was read and the timer of its body is not running: most bodies arrive with
    /// their heads.
    private var isAtBody = false
    /// Whether the driver was asked to read no more for now.
    private var isHeldBack = false
    /// Whether the driver reads nothing for now.
    package private(set) var isPaused = false
    /// Whether the peer has closed its sending direction.
    package private(set) var hasEnded = false

    package init() {}

    // MARK: Questions

    /// The head of the current request.
    package var head: RequestHead? { parser?.head }

    /// Whether some bytes of a request have arrived and its end has not.
    package var isInsideMessage: Bool { parser?.isInsideMessage ?? false }

    /// Whether a request has arrived in part.
    package var isUnfinished: Bool { parser?.isUnfinished ?? false }

    package var isIdle: Bool { parser == nil }
    package var hasPipelined: Bool { pipelined != nil }

    /// The memory of what has arrived in part, or waits.
    package var heldBytes: Int {
        (isUnfinished ? parser?.heldBytes ?? 0 : 0) + (pipelined?.heldBytes ?? 0)
    }

    /// Whether `count` has something to do.
    package var needsCount: Bool { isUnfinished || pipelined != nil || countedBytes > 0 }

    // MARK: Reading

    /// Reads up to the next head, the end of a message, or the end of `bytes`, and removes what it
    /// has read from them.
    package mutating func parse(
        _ bytes: inout UnsafeRawBufferPointer, _ spare: inout Spare
    ) -> HTTPParser.Step {
        let parser = self.parser ?? beginParsing(&spare)
        let (step, used) = parser.parse(bytes)
        bytes = bytes.dropBytes(used)
        return step
    }

    private mutating func beginParsing(_ spare: inout Spare) -> RequestParser {
        let parser = spare.takeParser()
        parser.head = spare.takeHead()
        self.parser = parser
        return parser
    }

    /// Takes a request whose head equals the last one of the connection, so that nothing needs to
    /// be parsed; nil if it does not. If the bytes are `lent`, the message is not copied.
    package mutating func takeKnown(
        _ bytes: UnsafeRawBufferPointer, of connection: ConnectionID, bodyMax: Int, lent: Bool,
        _ spare: inout Spare
    ) -> (head: RequestHead, principal: Principal?, count: Int)? {
        guard parser == nil,
            let (head, principal, recurrence) = spare.takeKnownHead(
                of: connection, in: bytes, bodyMax: bodyMax)
        else { return nil }
        let count = recurrence.headCount + recurrence.bodyCount
        let body = bytes.prefixBytes(count).dropBytes(recurrence.headCount)
        let parser = spare.takeParser()
        parser.take(head, body, in: lent ? nil : spare.takeBuffer(for: body.count))
        self.parser = parser
        return (head, principal, count)
    }

    /// Remembers the head that was just read from `bytes`; false if an equal one could not be
    /// recognized by its bytes.
    package func remember(
        asArrived bytes: UnsafeRawBufferPointer, of connection: ConnectionID,
        as principal: Principal?, _ spare: inout Spare
    ) -> Bool {
        guard let head, head.note(asArrived: bytes) else { return false }
        spare.keep(head, of: connection, as: principal)
        return true
    }

    /// Prepares for the body of a POST. If all of it is among the next `lentCount` bytes, it is not
    /// copied.
    package func prepareBody(lent lentCount: Int, _ spare: inout Spare) {
        guard let parser, let head = parser.head else { return }
        let length = Int(clamping: head.contentLength ?? 0)
        if length > 0, length <= lentCount {
            parser.borrowBody()
        } else {
            parser.receiveBody(in: spare.takeBuffer(for: min(length, Outbox.longBytes)))
        }
    }

    package func takeBody() -> HTTPParser.Body? { parser?.takeBody() }

    /// Puts back the body of the current request, to be taken again.
    package func putBack(_ body: ByteBuffer) {
        parser?.putBack(body)
    }

    /// A head was read: its body may be there already.
    package mutating func beginBody() {
        isAtBody = true
    }

    /// Returns whether the timer of the body is to start, which is once.
    package mutating func awaitBody() -> Bool {
        defer { isAtBody = false }
        return isAtBody
    }

    /// Returns the parser, at the end of an exchange, and the head unless it is remembered.
    package mutating func endMessage(of connection: ConnectionID, _ spare: inout Spare) {
        guard let parser else { return }
        self.parser = nil
        spare.give(parser, of: connection)
    }

    // MARK: What has to wait

    /// Keeps bytes for later, and returns how many there are.
    package mutating func postpone(_ bytes: UnsafeRawBufferPointer) -> Int {
        let pipelined = self.pipelined ?? ByteBuffer()
        self.pipelined = pipelined
        pipelined.append(bytes)
        return pipelined.count
    }

    package mutating func takePipelined() -> ByteBuffer? {
        var taken: ByteBuffer?
        swap(&taken, &pipelined)
        return taken
    }

    /// Returns whether the driver is to be asked to stop reading: the first time.
    package mutating func holdBack() -> Bool {
        defer { isHeldBack = true }
        return !isHeldBack
    }

    /// Returns whether the driver is to be asked to read again.
    package mutating func endHoldBack() -> Bool {
        defer { isHeldBack = false }
        return isHeldBack
    }

    package mutating func pause() {
        isPaused = true
    }

    /// Returns whether it was paused.
    package mutating func resume() -> Bool {
        defer { isPaused = false }
        return isPaused
    }

    package mutating func end() {
        hasEnded = true
    }

    /// Counts the memory again, and returns by how much it has changed.
    package mutating func count() -> Int {
        let before = countedBytes
        countedBytes = heldBytes
        return countedBytes - before
    }

    /// Releases everything: the connection has ended.
    package mutating func close(of connection: ConnectionID, _ spare: inout Spare) {
        endMessage(of: connection, &spare)
        spare.forgetHead(of: connection)
        pipelined = nil
    }

    // MARK: For tests

    /// Its memory: what belongs to the connection, and what has arrived.
    package var heapBytes: (own: Int, arriving: Int) {
        let own = parser.map { HeapBlock.size(of: $0) } ?? 0
        let unfinished = isUnfinished ? parser?.heapBytes ?? 0 : 0
        return (own, unfinished + (pipelined?.heapBytes ?? 0))
    }
}
