/// What is wrong with a request that cannot be read to its end.
package enum HTTPFault: Error, Equatable, Sendable {
    /// Not HTTP/1.x as RFC 9112 has it.
    case malformed
    /// An HTTP version that is not 1.0 or 1.1.
    case version
    /// A method that no resource can have.
    case method
    /// A transfer coding other than chunked.
    case coding
    case targetTooLong
    case headersTooLarge
    case bodyTooLarge
}

/// Bytes to requests, one connection's worth of them, in order.
///
/// It stops after each head, so that a request can be refused before its body is read, and after
/// each message, so that a pipelined request waits its turn. It decides nothing about either.
///
/// Where a head ends and what its lines are, `LineScanner` finds; llhttp reads what it has passed,
/// and must find the same end. Bodies are counted here, or read by `ChunkedReader`.
package final class HTTPParser {
    package enum Step: Equatable {
        /// All bytes were used; the message goes on.
        case needsMore
        /// The head is complete. Ask for the body, or it will be skipped.
        case head
        /// The message is complete.
        case message
        /// The connection is of no more use.
        case fault(HTTPFault)
    }

    package let limits: Limits
    /// Where the next head goes. The caller lends it before a message begins.
    package var head: HTTPHead? {
        didSet { uncountedHead = head.map { Unmanaged.passUnretained($0) } }
    }
    /// Where the body goes; nil to skip it, or to leave it where it is.
    private var body: ByteBuffer?
    /// Whether the body is to be left where it is, and where that is.
    private var isBodyLent = false
    private var lentBody = UnsafeRawBufferPointer(start: nil, count: 0)

    private enum Phase {
        /// Between messages; whether a CR was read, which an LF must follow.
        case idle(afterCR: Bool)
        case method
        case head
        /// A body of which so many bytes are left.
        case counted(UInt64)
        case chunked(ChunkedReader)
    }

    private let bridge: LLHTTPBridge
    private var phase = Phase.idle(afterCR: false)
    private var lines = LineScanner()
    /// The bytes of the head that have been read.
    private var headCount = 0
    /// The method, as far as it has arrived without its end.
    private let methodStart = ByteBuffer()
    private var methodCount = 0
    /// `head` without counting the reference, and the same while it is being read: there are three
    /// reports for each line.
    private var uncountedHead: Unmanaged<HTTPHead>?
    private var filling: Unmanaged<HTTPHead>?
    private var bodyCount = 0
    private var fault: HTTPFault?
    /// Whether llhttp does not take the version that the request line ends with.
    private var isVersionRefused = false

    private static var methodBytesMax: Int { 32 }
    /// So much unused room of a body, or of a head, is not worth giving back.
    private static var spareBytesMax: Int { 4096 }

    package init(limits: Limits, settings: LLHTTPSettings) {
        self.limits = limits
        self.bridge = LLHTTPBridge(settings: settings)
        bridge.attach(self)
    }

    /// Gives back the head that was lent.
    package func takeHead() -> HTTPHead? {
        var taken: HTTPHead?
        swap(&taken, &head)
        return taken
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
    package var isInsideMessage: Bool {
        if case .idle = phase { false } else { true }
    }

    /// Whether there is something to remember until the next bytes come, be it half a line end
    /// before a message.
    package var isUnfinished: Bool {
        if case .idle(afterCR: false) = phase { false } else { true }
    }

    /// The memory that a message takes that has not ended.
    package var heldBytes: Int {
        (head?.heldBytes ?? 0) + methodStart.heldBytes + (body?.heldBytes ?? 0)
    }

    /// What a message takes on the heap that has not ended.
    package var heapBytes: Int {
        (head?.heapBytes ?? 0) + methodStart.heapBytes + (body?.heapBytes ?? 0)
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
        case .method, .head: break
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

    private func messageBegan() {
        phase = .method
        lines = LineScanner()
        headCount = 0
        fault = nil
        isVersionRefused = false
        methodStart.removeAll()
        filling = uncountedHead
        filling?._withUnsafeGuaranteedRef { $0.reset() }
        skipBody()
        bodyCount = 0
    }

    private func parseHead(_ bytes: UnsafeRawBufferPointer) -> (step: Step, used: Int) {
        let (finding, count) = lines.scan(bytes.prefixBytes(limits.headerBytes - headCount))
        headCount += count
        // What comes first is judged first, however the bytes are cut.
        if let fault = read(bytes.prefixBytes(count)) { return (.fault(fault), bytes.count) }
        switch finding {
        case .end:
            guard filling == nil else { return (.fault(.malformed), bytes.count) }
            if headCount > HTTPParser.spareBytesMax { head?.trim() }
            return (.head, count)
        case .malformed:
            return (.fault(.malformed), bytes.count)
        case .needsMore:
            guard count == bytes.count else { return (.fault(.headersTooLarge), bytes.count) }
            filling?._withUnsafeGuaranteedRef { $0.keepParts() }
            return (.needsMore, count)
        }
    }

    /// Lets llhttp read some bytes of a head.
    private func read(_ bytes: UnsafeRawBufferPointer) -> HTTPFault? {
        guard case .method = phase else { return execute(bytes) }
        return readMethod(bytes)
    }

    /// Reads the method here: llhttp refuses those that it does not know, and has rules of its own
    /// for some. For those that are not told apart it gets another one.
    private func readMethod(_ bytes: UnsafeRawBufferPointer) -> HTTPFault? {
        let rest = HTTPParser.methodBytesMax + 1 - methodStart.count
        var count = 0
        while count < min(bytes.count, rest), bytes[count].isTokenByte { count += 1 }
        if count == rest { return .method }
        guard count < bytes.count else {
            methodStart.append(bytes)
            return nil
        }
        let isWhole = methodStart.isEmpty
        if !isWhole { methodStart.append(bytes.prefixBytes(count)) }
        let method = isWhole ? bytes.prefixBytes(count) : methodStart.bytes
        guard bytes[count] == UInt8(ascii: " "), method.count > 0 else { return .malformed }
        methodCount = method.count
        phase = .head
        let isToldApart = HTTPMethod.isToldApart(method)
        if isToldApart, isWhole { return execute(bytes) }
        if method.equals("CONNECT") { return .method }
        if !isToldApart { filling?._withUnsafeGuaranteedRef { $0.noteMethod(method) } }
        let other: StaticString = "PUT"
        return execute(isToldApart ? method : other.rawBytes) ?? execute(bytes.dropBytes(count))
    }

    private func execute(_ bytes: UnsafeRawBufferPointer) -> HTTPFault? {
        guard !isVersionRefused else { return versionFault }
        switch bridge.execute(bytes) {
        case .read: return nil
        case .version:
            isVersionRefused = true
            return versionFault
        case .failed: return fault ?? .malformed
        }
    }

    /// Another version of HTTP, or none at all: that shows at the end of the line.
    private var versionFault: HTTPFault? {
        lines.lineCount == 0 ? nil : isRequestLine ? .version : .malformed
    }

    /// Whether the first line is one: with one blank on each side of the target, and HTTP in front
    /// of the version.
    private var isRequestLine: Bool {
        guard let head else { return false }
        let version: StaticString = " HTTP/1.1"
        return lines.isRequestLine
            && lines.firstLineCount
                == methodCount + 1 + head.targetBytes.count + version.utf8CodeUnitCount
    }

    // MARK: The body

    /// A message's body: in a buffer of its own, or still where it arrived.
    package struct Body {
        package let bytes: UnsafeRawBufferPointer
        /// What `bytes` stand in; nil if they were lent.
        package let buffer: ByteBuffer?
    }

    /// Has the body put into `buffer`.
    package func receiveBody(in buffer: ByteBuffer) {
        body = buffer
    }

    /// Leaves the body where it is: all of it is among the bytes to be parsed next.
    package func borrowBody() {
        isBodyLent = true
    }

    /// Takes a message that need not be parsed, because its head is known. Its body is put into
    /// `buffer`, or left where it is.
    package func take(
        _ head: HTTPHead, _ bytes: UnsafeRawBufferPointer, in buffer: ByteBuffer?
    ) {
        self.head = head
        buffer?.append(bytes)
        body = buffer
        isBodyLent = buffer == nil
        lentBody = bytes
    }

    /// The body of the message that has ended; nil if it was skipped.
    package func takeBody() -> Body? {
        defer { skipBody() }
        if isBodyLent { return Body(bytes: lentBody, buffer: nil) }
        body?.trim(sparing: HTTPParser.spareBytesMax)
        return body.map { Body(bytes: $0.bytes, buffer: $0) }
    }

    private func skipBody() {
        body = nil
        isBodyLent = false
        lentBody = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private func parseBody(
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

    private func parseChunks(
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

    /// Takes a part of the body; false if that is too long.
    private func take(_ part: UnsafeRawBufferPointer) -> Bool {
        bodyCount += part.count
        guard bodyCount <= limits.messageBytes else { return false }
        if isBodyLent {
            lentBody = part
        } else {
            // What is declared may never come; of chunks nothing is declared.
            body?.append(
                part, of: Int(min(head?.contentLength ?? .max, UInt64(limits.messageBytes))))
        }
        return true
    }

    // MARK: What the bridge reports; false stops the parser

    func target(_ bytes: UnsafeRawBufferPointer) -> Bool {
        filling?._withUnsafeGuaranteedRef { $0.appendTarget(bytes, limits: limits) } ?? true
            || stop(.targetTooLong)
    }

    func name(_ bytes: UnsafeRawBufferPointer) {
        filling?._withUnsafeGuaranteedRef { $0.appendName(bytes) }
    }

    func value(_ bytes: UnsafeRawBufferPointer) {
        filling?._withUnsafeGuaranteedRef { $0.appendValue(bytes) }
    }

    func lineEnded() -> Bool {
        filling?._withUnsafeGuaranteedRef {
            $0.endLine(limits: limits, bridge.settings.fields)
        } ?? true || stop(.headersTooLarge)
    }

    func headEnded(_ line: LLHTTPBridge.RequestLine) -> Bool {
        guard let head, filling != nil, isRequestLine else { return stop(.malformed) }
        guard line.major == 1 else { return stop(.version) }
        filling = nil
        head.method = line.method
        head.isHTTP10 = line.minor == 0
        head.keepsAlive = line.keepsAlive
        head.contentLength = line.contentLength
        let coding = head.transferCoding
        switch coding {
        case .none:
            phase = .counted(line.contentLength ?? 0)
        case .chunked where !head.isHTTP10:
            phase = .chunked(ChunkedReader(limits, behind: head.lineCount))
        case .unknown where !head.isHTTP10:
            return stop(.coding)
        case .chunked, .unknown, .malformed:
            return stop(.malformed)
        }
        head.hasBody = coding == .chunked || (line.contentLength ?? 0) > 0
        return true
    }

    private func stop(_ fault: HTTPFault) -> Bool {
        self.fault = fault
        return false
    }
}
