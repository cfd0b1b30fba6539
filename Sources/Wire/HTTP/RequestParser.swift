/// Bytes to requests.
package final class RequestParser: HTTPParser {
    /// Where the next head goes. The caller lends it before a message begins.
    package var head: RequestHead? {
        didSet { anyHead = head.map { Unmanaged.passUnretained($0) } }
    }

    private var methodCount = 0

    private static var methodBytesMax: Int { 32 }

    package init(limits: Limits, settings: LLHTTPSettings) {
        super.init(.request, limits: limits, settings: settings)
    }

    /// Returns the head that was lent.
    package func takeHead() -> RequestHead? {
        var taken: RequestHead?
        swap(&taken, &head)
        return taken
    }

    /// Takes a message that need not be parsed, because its head is known. Its body is appended to
    /// `buffer`, or left where it is.
    @inline(__always)
    package func take(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, in buffer: ByteBuffer?
    ) {
        self.head = head
        takeBody(bytes, in: buffer)
    }

    /// Reads the method: llhttp refuses those that it does not know, and has rules of its own for
    /// some. It gets another one in place of those that `HTTPMethod` does not list.
    override func readStart(_ bytes: UnsafeRawBufferPointer) -> HTTPFault? {
        let rest = RequestParser.methodBytesMax + 1 - start.count
        var count = 0
        while count < min(bytes.count, rest), bytes[count].isTokenByte { count += 1 }
        if count == rest { return .method }
        guard count < bytes.count else {
            start.append(bytes)
            return nil
        }
        let isWhole = start.isEmpty
        if !isWhole { start.append(bytes.prefixBytes(count)) }
        let method = isWhole ? bytes.prefixBytes(count) : start.bytes
        guard bytes[count] == UInt8(ascii: " "), method.count > 0 else { return .malformed }
        methodCount = method.count
        phase = .head
        let isListed = HTTPMethod.isListed(method)
        if isListed, isWhole { return execute(bytes) }
        if method.equals("CONNECT") { return .method }
        if !isListed { head?.noteMethod(method) }
        let other: StaticString = "PUT"
        return execute(isListed ? method : other.rawBytes) ?? execute(bytes.dropBytes(count))
    }

    /// Whether the first line is a request line: with one blank on each side of the target, and
    /// HTTP before the version.
    override var isStartLine: Bool {
        guard let head else { return false }
        let version: StaticString = " HTTP/1.1"
        return lines.isRequestLine
            && lines.firstLineCount
                == methodCount + 1 + head.targetBytes.count + version.utf8CodeUnitCount
    }

    // MARK: What the bridge reports

    override func target(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard filling != nil else { return true }
        return head?.appendTarget(bytes, limits: limits) ?? true || stop(.targetTooLong)
    }

    override func headEnded(_ line: LLHTTPBridge.StartLine) -> Bool {
        guard let head, filling != nil, isStartLine else { return stop(.malformed) }
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
            phase = .chunked(ChunkedReader(limits, after: head.lineCount))
        case .unknown where !head.isHTTP10:
            return stop(.coding)
        case .chunked, .unknown, .malformed:
            return stop(.malformed)
        }
        head.hasBody = coding == .chunked || (line.contentLength ?? 0) > 0
        return true
    }
}
