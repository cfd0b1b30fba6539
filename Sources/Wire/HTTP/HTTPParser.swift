/// What is wrong with a request that cannot be read to its end.
package enum HTTPFault: Error, Equatable, Sendable {
    /// Not HTTP/1.x as RFC 9112 has it.
    case malformed
    /// An HTTP version that is not 1.0 or 1.1.
    case version
    case targetTooLong
    case headersTooLarge
    case bodyTooLarge
}

/// Bytes to requests, one connection's worth of them, in order.
///
/// It stops after each head, so that a request can be refused before its body is read, and after
/// each message, so that a pipelined request waits its turn. It decides nothing about either.
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

    private let bridge: LLHTTPBridge
    /// `head` without counting the reference, and the same while it is being read: there are three
    /// reports for each line.
    private var uncountedHead: Unmanaged<HTTPHead>?
    private var filling: Unmanaged<HTTPHead>?
    private var bodyCount = 0
    private var paused: Step?
    private var fault: HTTPFault?

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
        paused = nil
        fault = nil
        filling = nil
        isInsideMessage = false
    }

    /// Whether some bytes of a message have arrived and its end has not.
    package private(set) var isInsideMessage = false

    /// Reads until the next stop. Call again with the bytes that were not used.
    package func parse(_ bytes: UnsafeRawBufferPointer) -> (step: Step, used: Int) {
        paused = nil
        switch bridge.execute(bytes) {
        case .all:
            guard filling?._withUnsafeGuaranteedRef({ $0.keepParts(limits: limits) }) ?? true else {
                return (.fault(.headersTooLarge), bytes.count)
            }
            return (.needsMore, bytes.count)
        case .paused(let used): return (paused ?? .needsMore, used)
        case .failed: return (.fault(fault ?? .malformed), bytes.count)
        }
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
        return body.map { Body(bytes: $0.bytes, buffer: $0) }
    }

    private func skipBody() {
        body = nil
        isBodyLent = false
        lentBody = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    // MARK: What the bridge reports; false stops the parser

    func messageBegan() {
        filling = uncountedHead
        filling?._withUnsafeGuaranteedRef { $0.reset() }
        skipBody()
        bodyCount = 0
        isInsideMessage = true
    }

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
        // Fields behind a chunked body are ignored.
        guard let filling else { return true }
        guard let fault = filling._withUnsafeGuaranteedRef({ $0.endLine(limits: limits) }) else {
            return true
        }
        return stop(fault)
    }

    func headEnded(_ line: LLHTTPBridge.RequestLine) -> Bool {
        guard let head else { return stop(.malformed) }
        guard head.hasRoom(limits) else { return stop(.headersTooLarge) }
        guard line.major == 1 else { return stop(.version) }
        filling = nil
        head.method = line.method
        head.isHTTP10 = line.minor == 0
        head.keepsAlive = line.keepsAlive
        head.contentLength = line.contentLength
        head.hasBody = line.isChunked || (line.contentLength ?? 0) > 0
        paused = .head
        return true
    }

    func bodyPart(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bodyCount += bytes.count
        guard bodyCount <= limits.messageBytes else { return stop(.bodyTooLarge) }
        if isBodyLent { lentBody = bytes } else { body?.append(bytes) }
        return true
    }

    func messageEnded() {
        isInsideMessage = false
        paused = .message
    }

    private func stop(_ fault: HTTPFault) -> Bool {
        self.fault = fault
        return false
    }
}
