/// Bytes to responses. Interim ones (1xx) are skipped; their bytes count with the head that
/// follows.
package final class ResponseParser: HTTPParser {
    /// Where the next head goes. The caller lends it before a message begins.
    package var head: ResponseHead? {
        didSet { anyHead = head.map { Unmanaged.passUnretained($0) } }
    }

    /// Whether the next response answers a HEAD request: it has no body then, whatever its head
    /// says (RFC 9110 §9.3.2). Set before it begins.
    package var answersHead = false

    private var isInterim = false

    package init(limits: Limits, settings: LLHTTPSettings) {
        super.init(.response, limits: limits, settings: settings)
    }

    package override func reset() {
        super.reset()
        answersHead = false
        isInterim = false
    }

    package override func parse(
        _ bytes: UnsafeRawBufferPointer
    ) -> (step: Step, used: Int) {
        // No empty lines may stand before a response: RFC 9112 §2.2 allows them before requests.
        if case .idle = phase {
            guard bytes.count > 0 else { return (.needsMore, 0) }
            messageBegan()
        }
        var used = 0
        while true {
            let (step, count) = super.parse(bytes.dropBytes(used))
            used += count
            guard step == .head, isInterim else { return (step, used) }
            isInterim = false
            headBegan()
            guard used < bytes.count else { return (.needsMore, used) }
        }
    }

    /// What the end of the connection means.
    package enum Ending: Equatable {
        /// No message was under way.
        case betweenMessages
        /// It ended the body, and so the message (RFC 9112 §6.3, rule 8).
        case message
        /// The message is incomplete (RFC 9112 §8).
        case truncated
    }

    /// The connection has been closed by the server.
    package func connectionEnded() -> Ending {
        switch phase {
        case .idle: return .betweenMessages
        case .untilClose:
            phase = .idle(afterCR: false)
            return .message
        case .start, .head, .counted, .chunked: return .truncated
        }
    }

    // MARK: The status line

    private static var statusStartCount: Int { 13 }

    /// Reads the line up to the end of the status code: `HTTP/1.1 200` and a blank or, where
    /// servers omit it with the reason phrase, a CR (RFC 9112 §4).
    override func readStart(_ bytes: UnsafeRawBufferPointer) -> HTTPFault? {
        let count = ResponseParser.statusStartCount - start.count
        start.append(bytes.prefixBytes(count))
        for index in 0..<start.count where !ResponseParser.fits(start.bytes[index], at: index) {
            return .malformed
        }
        guard start.count == ResponseParser.statusStartCount else { return nil }
        phase = .head
        let version = start[0..<8]
        guard version.equals("HTTP/1.1") || version.equals("HTTP/1.0") else { return .version }
        return execute(start.bytes) ?? execute(bytes.dropBytes(count))
    }

    private static func fits(_ byte: UInt8, at index: Int) -> Bool {
        let form: StaticString = "HTTP/d.d ddd"
        switch index {
        case 9: return byte.isDigit && byte != UInt8(ascii: "0")
        case 5, 7, 10, 11: return byte.isDigit
        case 12: return byte == UInt8(ascii: " ") || byte == 0x0D
        default: return byte == form.utf8Start[index]
        }
    }

    // MARK: What the bridge reports

    override func headEnded(_ line: LLHTTPBridge.StartLine) -> Bool {
        guard let head, filling != nil else { return stop(.malformed) }
        filling = nil
        head.status = line.status
        head.isHTTP10 = line.minor == 0
        if line.status < 200 {
            // We never offer to upgrade, so nobody may accept it.
            guard line.status != 101 else { return stop(.malformed) }
            isInterim = true
            return true
        }
        head.contentLength = line.contentLength
        head.keepsAlive = !line.closes && (!head.isHTTP10 || line.asksToKeepAlive)
        return framingFound(head)
    }

    /// Decides how the body ends (RFC 9112 §6.3).
    private func framingFound(_ head: ResponseHead) -> Bool {
        let coding = head.transferCoding
        let hasNone = answersHead || head.status == 204 || head.status == 304
        switch (coding, head.contentLength) {
        case (.none, let length?):
            phase = .counted(hasNone ? 0 : length)
            head.hasBody = !hasNone && length > 0
            // A body that must not be there may follow all the same.
            if head.status == 204, length > 0 { head.keepsAlive = false }
        case (.none, nil):
            phase = hasNone ? .counted(0) : .untilClose
            head.hasBody = !hasNone
            if !hasNone { head.keepsAlive = false }
        case (.chunked, nil) where !head.isHTTP10:
            phase = hasNone ? .counted(0) : .chunked(ChunkedReader(limits, after: head.lineCount))
            head.hasBody = !hasNone
            if head.status == 204 { head.keepsAlive = false }
        case (.unknown, nil) where !head.isHTTP10:
            return stop(.coding)
        case (.chunked, _), (.unknown, _), (.malformed, _):
            return stop(.malformed)
        }
        return true
    }
}
