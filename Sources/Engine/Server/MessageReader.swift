import Link
import MCP
import Wire

/// Turns the bytes of a connection into heads and messages, and keeps those that must wait.
///
/// Between requests it owns neither a parser nor a buffer.
struct MessageReader: ~Copyable {
    /// Reads a request, and holds its head until the exchange is over.
    private var parser: RequestParser?
    /// What arrived after a request that is not answered yet.
    private var pipelined: ByteBuffer?
    /// The memory of both, as it was counted last.
    private(set) var countedBytes = 0
    /// Whether a head was read and the timer of its body is not running: most bodies arrive with
    /// their heads.
    private var isAtBody = false
    /// Whether the driver was asked to read no more for now.
    private var isHeldBack = false
    /// Whether the driver reads nothing for now.
    private(set) var isPaused = false
    /// Whether the client has closed its sending direction.
    private(set) var hasEnded = false

    // MARK: Questions

    /// The head of the current request.
    var head: RequestHead? { parser?.head }

    /// Whether some bytes of a request have arrived and its end has not.
    var isInsideMessage: Bool { parser?.isInsideMessage ?? false }

    /// Whether a request has arrived in part.
    var isUnfinished: Bool { parser?.isUnfinished ?? false }

    var isIdle: Bool { parser == nil }
    var hasPipelined: Bool { pipelined != nil }

    /// The memory of what has arrived in part, or waits.
    var heldBytes: Int {
        (isUnfinished ? parser?.heldBytes ?? 0 : 0) + (pipelined?.heldBytes ?? 0)
    }

    /// Whether `count` has something to do.
    var needsCount: Bool { isUnfinished || pipelined != nil || countedBytes > 0 }

    // MARK: Reading

    /// Reads up to the next head, the end of a message, or the end of `bytes`, and removes what it
    /// has read from them.
    mutating func parse(
        _ bytes: inout UnsafeRawBufferPointer, _ spare: inout SpareParts
    ) -> HTTPParser.Step {
        let parser = self.parser ?? beginParsing(&spare)
        let (step, used) = parser.parse(bytes)
        bytes = bytes.dropBytes(used)
        return step
    }

    private mutating func beginParsing(_ spare: inout SpareParts) -> RequestParser {
        let parser = spare.takeParser()
        parser.head = spare.takeHead()
        self.parser = parser
        return parser
    }

    /// Takes a request whose head equals the last one of the connection, so that nothing needs to
    /// be parsed; nil if it does not. If the bytes are `lent`, the message is not copied.
    mutating func takeKnown(
        _ bytes: UnsafeRawBufferPointer, of connection: ConnectionID, bodyMax: Int, lent: Bool,
        _ spare: inout SpareParts
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

    /// Remembers the head that was just read from `bytes`; false if an equal one could not be told
    /// by its bytes.
    func remember(
        asArrived bytes: UnsafeRawBufferPointer, of connection: ConnectionID,
        as principal: Principal?, _ spare: inout SpareParts
    ) -> Bool {
        guard let head, head.note(asArrived: bytes) else { return false }
        spare.keep(head, of: connection, as: principal)
        return true
    }

    /// Prepares for the body of a POST. If all of it is among the next `lentCount` bytes, it is not
    /// copied.
    func prepareBody(lent lentCount: Int, _ spare: inout SpareParts) {
        guard let parser, let head = parser.head else { return }
        let length = Int(clamping: head.contentLength ?? 0)
        if length > 0, length <= lentCount {
            parser.borrowBody()
        } else {
            parser.receiveBody(in: spare.takeBuffer(for: min(length, Outbox.longBytes)))
        }
    }

    func takeBody() -> HTTPParser.Body? { parser?.takeBody() }

    /// A head was read: its body may be there already.
    mutating func beginBody() {
        isAtBody = true
    }

    /// Returns whether the timer of the body is to start, which is once.
    mutating func awaitBody() -> Bool {
        defer { isAtBody = false }
        return isAtBody
    }

    /// Returns the parser, at the end of an exchange, and the head unless it is remembered.
    mutating func endMessage(of connection: ConnectionID, _ spare: inout SpareParts) {
        guard let parser else { return }
        self.parser = nil
        spare.give(parser, of: connection)
    }

    // MARK: What has to wait

    /// Keeps bytes for later, and returns how many there are.
    mutating func postpone(_ bytes: UnsafeRawBufferPointer) -> Int {
        let pipelined = self.pipelined ?? ByteBuffer()
        self.pipelined = pipelined
        pipelined.append(bytes)
        return pipelined.count
    }

    mutating func takePipelined() -> ByteBuffer? {
        var taken: ByteBuffer?
        swap(&taken, &pipelined)
        return taken
    }

    /// Returns whether the driver is to be asked to stop reading: the first time.
    mutating func holdBack() -> Bool {
        defer { isHeldBack = true }
        return !isHeldBack
    }

    /// Returns whether the driver is to be asked to read again.
    mutating func endHoldBack() -> Bool {
        defer { isHeldBack = false }
        return isHeldBack
    }

    mutating func pause() {
        isPaused = true
    }

    /// Returns whether it was paused.
    mutating func resume() -> Bool {
        defer { isPaused = false }
        return isPaused
    }

    mutating func end() {
        hasEnded = true
    }

    /// Counts the memory again, and returns by how much it has changed.
    mutating func count() -> Int {
        let before = countedBytes
        countedBytes = heldBytes
        return countedBytes - before
    }

    /// Releases everything: the connection has ended.
    mutating func close(of connection: ConnectionID, _ spare: inout SpareParts) {
        endMessage(of: connection, &spare)
        spare.forgetHead(of: connection)
        pipelined = nil
    }

    // MARK: For tests

    /// Its memory: what belongs to the connection, and what has arrived.
    var heapBytes: (own: Int, arriving: Int) {
        let own = parser.map { HeapBlock.size(of: $0) } ?? 0
        let unfinished = isUnfinished ? parser?.heapBytes ?? 0 : 0
        return (own, unfinished + (pipelined?.heapBytes ?? 0))
    }
}
