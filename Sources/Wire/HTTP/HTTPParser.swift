/// What is wrong with a message that cannot be read to its end.
package enum HTTPFault: Error, Equatable, Sendable {
    /// Not HTTP/1.x as RFC 9112 has it.
    case malformed
    /// An HTTP version that is not 1.0 or 1.1.
    case version
    /// A request method that no resource can have.
    case method
    /// A transfer coding other than chunked.
    case coding
    case targetTooLong
    case headersTooLarge
    case bodyTooLarge
}

/// Bytes to messages, one connection's worth of them, in order: requests or responses.
///
/// It stops after each head, so that a message can be refused before its body is read, and after
/// each message, so that a pipelined request waits its turn. It decides nothing about either.
///
/// `LineScanner` finds where a head ends and what its lines are; llhttp reads what has passed, and
/// must find the same end. Bodies are counted here, or read by `ChunkedReader`.
package class HTTPParser {
    /// Which side of the connection is read.
    enum Role {
        case request, response
    }

    package enum Step: Equatable {
        /// All bytes were used; the message continues.
        case needsMore
        /// The head is complete. Ask for the body, or it will be skipped.
        case head
        /// The message is complete.
        case message
        /// The connection cannot be used any more.
        case fault(HTTPFault)
    }

    package final let limits: Limits
    /// The head that is lent, whose subclass keeps it alive; nil if there is none. References are
    /// not counted while it is filled: there are three reports for each line.
    final var anyHead: Unmanaged<HTTPHead>?
    /// The same while its head is being read.
    final var filling: Unmanaged<HTTPHead>?
    /// Where the body goes; nil to skip it, or to leave it where it is.
    private final var body: ByteBuffer?
    /// Whether the body is to be left where it is, and where that is.
    private final var isBodyLent = false
    private final var lentBody = UnsafeRawBufferPointer(start: nil, count: 0)

    enum Phase {
        /// Between messages; whether a CR was read, which an LF must follow.
        case idle(afterCR: Bool)
        /// In the first bytes of a head, which the subclass judges.
        case start
        case head
        /// In a body; the value is how many bytes of it are left.
        case counted(UInt64)
        case chunked(ChunkedReader)
        /// In a body that ends with the connection.
        case untilClose
    }

    final var phase = Phase.idle(afterCR: false)
    final private(set) var lines = LineScanner()
    /// The bytes of the head that have been read.
    private final var headCount = 0
    /// The first bytes of a head, until there are enough to judge.
    final let start = ByteBuffer()
    private final let bridge: LLHTTPBridge
    private final let role: Role
    private final var bodyCount = 0
    private final var bodyBytesMax = 0
    private final var fault: HTTPFault?
    /// Whether llhttp refuses the version that the request line ends with.
    private final var isVersionRefused = false

    /// Unused room of a body, or of a head, up to which nothing is released.
    private static var spareBytesMax: Int { 4096 }

    init(_ role: Role, limits: Limits, settings: LLHTTPSettings) {
        self.role = role
        self.limits = limits
        self.bridge = LLHTTPBridge(role, settings: settings)
        bridge.attach(self)
    }

    /// Forgets the message under way, for another connection.
    package func reset() {
        bridge.reset()
        skipBody()
        phase = .idle(afterCR: false)
        fault = nil
        filling = nil
    }

    /// Whether some bytes of a message have arrived and its end has not.
    package final var isInsideMessage: Bool {
        if case .idle = phase { false } else { true }
    }

    /// Whether there is something to remember until the next bytes arrive, be it half a line end
    /// before a message.
    package final var isUnfinished: Bool {
        if case .idle(afterCR: false) = phase { false } else { true }
    }

    /// The memory that an unfinished message takes.
    package final var heldBytes: Int {
        let head = anyHead?._withUnsafeGuaranteedRef { $0.heldBytes } ?? 0
        return head + start.heldBytes + (body?.heldBytes ?? 0)
    }

    /// The same as measured on the heap.
    package final var heapBytes: Int {
        let head = anyHead?._withUnsafeGuaranteedRef { $0.heapBytes } ?? 0
        return head + start.heapBytes + (body?.heapBytes ?? 0)
    }

    /// Reads until the next stop. Call again with the bytes that were not used; after a head, even
    /// if there are none.
    package func parse(_ bytes: UnsafeRawBufferPointer) -> (step: Step, used: Int) {
        var used = 0
        switch phase {
        case .idle(let afterCR):
            guard let count = HTTPParser.emptyLines(bytes, afterCR: afterCR) else {
                return (.fault(.malformed), bytes.count)
            }
            used = count
            guard used < bytes.count else {
                let endsInCR = bytes.last.map { $0 == 0x0D } ?? afterCR
                phase = .idle(afterCR: endsInCR)
                return (.needsMore, used)
            }
            messageBegan()
        case .counted(let left):
            return parseBody(bytes, left)
        case .chunked(var reader):
            defer { if case .chunked = phase { phase = .chunked(reader) } }
            return parseChunks(bytes, &reader)
        case .untilClose:
            return parseRest(bytes)
        case .start, .head: break
        }
        let (step, count) = parseHead(bytes.dropBytes(used))
        return (step, used + count)
    }

    // MARK: The head

    /// Counts the bytes of empty lines before a request (RFC 9112 §2.2); nil if there is half a
    /// line end among them.
    private static func emptyLines(_ bytes: UnsafeRawBufferPointer, afterCR: Bool) -> Int? {
        var isAfterCR = afterCR
        for index in 0..<bytes.count {
            switch (bytes[index], isAfterCR) {
            case (0x0D, false): isAfterCR = true
            case (0x0A, true): isAfterCR = false
            case (0x0D, true), (0x0A, false), (_, true): return nil
            default: return index
            }
        }
        return bytes.count
    }

    final func messageBegan() {
        headCount = 0
        headBegan()
        skipBody()
        bodyCount = 0
        bodyBytesMax = limits.messageBytes
    }

    /// Begins a head; the bytes of one before it in the same message still count.
    final func headBegan() {
        phase = .start
        if role == .response { bridge.reset() }  // It reads nothing after `Connection: close`.
        lines = LineScanner(startLineHasTabs: role == .response)
        fault = nil
        isVersionRefused = false
        start.removeAll()
        filling = anyHead
        filling?._withUnsafeGuaranteedRef { $0.reset() }
    }

    private final func parseHead(_ bytes: UnsafeRawBufferPointer) -> (step: Step, used: Int) {
        let (finding, count) = lines.scan(bytes.prefixBytes(limits.headerBytes - headCount))
        headCount += count
        // What comes first is judged first, however the bytes are cut.
        if let fault = read(bytes.prefixBytes(count)) { return (.fault(fault), bytes.count) }
        switch finding {
        case .end:
            guard filling == nil else { return (.fault(.malformed), bytes.count) }
            if headCount > HTTPParser.spareBytesMax {
                anyHead?._withUnsafeGuaranteedRef { $0.trim() }
            }
            return (.head, count)
        case .malformed:
            return (.fault(.malformed), bytes.count)
        case .needsMore:
            guard count == bytes.count else { return (.fault(.headersTooLarge), bytes.count) }
            filling?._withUnsafeGuaranteedRef { $0.keepParts() }
            return (.needsMore, count)
        }
    }

    private final func read(_ bytes: UnsafeRawBufferPointer) -> HTTPFault? {
        guard case .start = phase else { return execute(bytes) }
        return readStart(bytes)
    }

    /// Judges the first bytes of a head, and then has llhttp execute them.
    func readStart(_ bytes: UnsafeRawBufferPointer) -> HTTPFault? { execute(bytes) }

    /// Whether the first line is what it must be, apart from its version.
    var isStartLine: Bool { true }

    /// Lets llhttp read some bytes of a head.
    final func execute(_ bytes: UnsafeRawBufferPointer) -> HTTPFault? {
        guard !isVersionRefused else { return versionFault }
        switch bridge.execute(bytes) {
        case .read: return nil
        case .version:
            isVersionRefused = true
            return versionFault
        case .failed: return fault ?? .malformed
        }
    }

    /// Another version of HTTP, or none at all: the end of the line decides.
    private final var versionFault: HTTPFault? {
        lines.lineCount == 0 ? nil : isStartLine ? .version : .malformed
    }

    // MARK: The body

    /// A message's body: in a buffer of its own, or still where it arrived.
    package struct Body {
        package let bytes: UnsafeRawBufferPointer
        /// The buffer that holds `bytes`; nil if they were lent.
        package let buffer: ByteBuffer?

        init(bytes: UnsafeRawBufferPointer, buffer: ByteBuffer?) {
            self.bytes = bytes
            self.buffer = buffer
        }

        /// A body that did not arrive by itself.
        package init(_ buffer: ByteBuffer) {
            self.init(bytes: buffer.bytes, buffer: buffer)
        }
    }

    /// Appends the body to `buffer`.
    package final func receiveBody(in buffer: ByteBuffer) {
        body = buffer
    }

    /// Appends the body to `buffer`, which the caller empties after each call: an event stream has
    /// no end, so the limit of a message does not bound it.
    package final func streamBody(in buffer: ByteBuffer) {
        body = buffer
        bodyBytesMax = .max
    }

    /// Leaves the body where it is: all of it is among the bytes to be parsed next.
    package final func borrowBody() {
        isBodyLent = true
    }

    /// Takes a body that has arrived as a whole.
    final func takeBody(_ bytes: UnsafeRawBufferPointer, in buffer: ByteBuffer?) {
        buffer?.append(bytes)
        body = buffer
        isBodyLent = buffer == nil
        lentBody = bytes
    }

    /// The body of the message that has ended; nil if it was skipped.
    package final func takeBody() -> Body? {
        defer { skipBody() }
        if isBodyLent { return Body(bytes: lentBody, buffer: nil) }
        body?.trim(sparing: HTTPParser.spareBytesMax)
        return body.map { Body(bytes: $0.bytes, buffer: $0) }
    }

    /// Puts back a body that was taken.
    package final func putBack(_ body: ByteBuffer) {
        self.body = body
    }

    final func skipBody() {
        body = nil
        isBodyLent = false
        lentBody = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Takes a part of a body that ends with the connection.
    private final func parseRest(_ bytes: UnsafeRawBufferPointer) -> (step: Step, used: Int) {
        (take(bytes) ? .needsMore : .fault(.bodyTooLarge), bytes.count)
    }

    private final func parseBody(
        _ bytes: UnsafeRawBufferPointer, _ left: UInt64
    ) -> (step: Step, used: Int) {
        let part = bytes.prefixBytes(Int(min(left, UInt64(bytes.count))))
        guard take(part) else { return (.fault(.bodyTooLarge), bytes.count) }
        guard UInt64(part.count) == left else {
            phase = .counted(left - UInt64(part.count))
            return (.needsMore, part.count)
        }
        phase = .idle(afterCR: false)
        return (.message, part.count)
    }

    private final func parseChunks(
        _ bytes: UnsafeRawBufferPointer, _ reader: inout ChunkedReader
    ) -> (step: Step, used: Int) {
        var rest = bytes
        while rest.count > 0 {
            let (step, used) = reader.read(rest)
            let part = rest.prefixBytes(used)
            rest = rest.dropBytes(used)
            switch step {
            case .framing: break
            case .data:
                guard take(part) else { return (.fault(.bodyTooLarge), bytes.count) }
            case .end:
                phase = .idle(afterCR: false)
                return (.message, bytes.count - rest.count)
            case .malformed: return (.fault(.malformed), bytes.count)
            case .tooLarge: return (.fault(.headersTooLarge), bytes.count)
            }
        }
        return (.needsMore, bytes.count)
    }

    /// Takes a part of the body; false if the body is too long.
    private final func take(_ part: UnsafeRawBufferPointer) -> Bool {
        bodyCount += part.count
        guard bodyCount <= bodyBytesMax else { return false }
        if isBodyLent {
            lentBody = part
        } else {
            // The declared length may never arrive; chunks declare none.
            let declared = anyHead?._withUnsafeGuaranteedRef { $0.contentLength }
            body?.append(part, of: Int(min(declared ?? .max, UInt64(limits.messageBytes))))
        }
        return true
    }

    // MARK: What the bridge reports; false stops the parser

    func target(_ bytes: UnsafeRawBufferPointer) -> Bool { true }

    final func name(_ bytes: UnsafeRawBufferPointer) {
        filling?._withUnsafeGuaranteedRef { $0.appendName(bytes) }
    }

    final func value(_ bytes: UnsafeRawBufferPointer) {
        filling?._withUnsafeGuaranteedRef { $0.appendValue(bytes) }
    }

    final func lineEnded() -> Bool {
        filling?._withUnsafeGuaranteedRef {
            $0.endLine(limits: limits, bridge.settings.fields)
        } ?? true || stop(.headersTooLarge)
    }

    func headEnded(_ line: LLHTTPBridge.StartLine) -> Bool { true }

    final func stop(_ fault: HTTPFault) -> Bool {
        self.fault = fault
        return false
    }
}
