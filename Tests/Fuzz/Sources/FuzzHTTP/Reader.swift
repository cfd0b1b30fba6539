import Fuzzing
import MCP
import Wire

/// What a parser tells of one request.
struct ToldRequest: Equatable {
    var method: [UInt8]
    var target: [UInt8]
    var isHTTP10: Bool
    var keepsAlive: Bool
    var contentLength: UInt64?
    var hasBody: Bool
    var lines: [UInt8]
    /// The first value of each known field, and how many there are.
    var known: [HeaderField: [UInt8]] = [:]
    /// What the head says of the types of content that there are here.
    var types: [Bool] = []
    /// Nil for one that was skipped.
    var body: [UInt8]?

    init(_ head: RequestHead) {
        method = Array(head.methodName)
        target = Array(head.targetBytes)
        isHTTP10 = head.isHTTP10
        keepsAlive = head.keepsAlive
        contentLength = head.contentLength
        hasBody = head.hasBody
        lines = Array(head.lines)
        for field in HeaderField.allCases {
            guard let value = head[field] else { continue }
            require(value.equals(value.trimmed), "blanks around a value")
            known[field] = [UInt8(truncatingIfNeeded: head.occurrences(of: field))] + value
        }
        for type in [MediaType.json, .eventStream] {
            types.append(head[.accept].map { type.isAccepted(by: $0) } ?? true)
            types.append(head[.contentType].map { type.isNamed(by: $0) } ?? false)
        }
    }
}

/// What a parser tells of a connection's bytes.
final class Reader {
    static let limits: Limits = {
        var limits = Limits()
        limits.messageBytes = 256
        limits.headerBytes = 512
        limits.headerCount = 12
        limits.targetBytes = 64
        return limits
    }()

    private let parser: RequestParser
    /// Whether it takes what has a head that it knows without parsing it, and which that is.
    private let isKnowing: Bool
    private var known: RequestHead?
    private var isNoted = false
    /// The complete ones.
    private(set) var requests: [ToldRequest] = []
    /// The one after those, if its head is complete.
    private(set) var begun: ToldRequest?
    private(set) var fault: HTTPFault?

    var isInsideMessage: Bool { fault == nil && parser.isInsideMessage }

    init(isKnowing: Bool = false) {
        self.isKnowing = isKnowing
        parser = RequestParser(limits: Reader.limits, settings: LLHTTPSettings(indexing: .mcp))
        parser.head = RequestHead()
    }

    func read(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        var hasStopped = false
        while rest.count > 0 || hasStopped, fault == nil {
            if let count = takeKnown(rest) {
                rest = rest.dropBytes(count)
                continue
            }
            let isWhole = !parser.isInsideMessage
            let (step, used) = parser.parse(rest)
            require(used <= rest.count, "used more than there was")
            checkMemory()
            if step == .head { note(rest.prefixBytes(isWhole ? used : 0)) }
            rest = rest.dropBytes(used)
            hasStopped = step == .head
            switch step {
            case .needsMore: require(rest.isEmpty, "some bytes were not used")
            case .head:
                guard let head = parser.head else { fatalError("a head that nobody lent") }
                begun = ToldRequest(head)
                // Some bodies are skipped, as those of refused requests are.
                if head.method != .delete { parser.receiveBody(in: ByteBuffer()) }
            case .message: messageEnded()
            case .fault(let found):
                require(rest.isEmpty, "something is left of what is of no use")
                fault = found
            }
        }
    }

    /// A byte of a head is kept in one place, and once more if the head is noted; a line gains a
    /// blank. Buffers double their room, and keep it for the next request.
    private func checkMemory() {
        let held = parser.heldBytes
        let heap = parser.heapBytes
        let head = Reader.limits.headerBytes + Reader.limits.headerCount
        let most = 1_200 + 4 * 2 * head + 2 * Reader.limits.messageBytes
        require(held <= most, "\(held) bytes are held, and \(most) may be")
        require(
            heap <= held + held / 4 + 256 && held <= heap + heap / 4 + 256,
            "\(held) bytes are counted, and \(heap) held")
    }

    /// Notes a head as the engine does: with room for the longest length of a body, and no other.
    private func note(_ bytes: UnsafeRawBufferPointer) {
        known = nil
        guard isKnowing, let head = parser.head, head.method == .post, head.keepsAlive,
            !head.isHTTP10, bytes.count + 32 <= Reader.limits.headerBytes
        else { return }
        isNoted = head.note(asArrived: bytes)
    }

    /// Takes a message whose head is known; tells how many bytes it has.
    private func takeKnown(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !parser.isInsideMessage, let known, let recurrence = known.recurrence(in: bytes),
            recurrence.bodyCount <= Reader.limits.messageBytes
        else { return nil }
        let head = RequestHead()
        head.become(known)
        head.become(recurrence)
        var request = ToldRequest(head)
        let count = recurrence.headCount + recurrence.bodyCount
        request.body = Array(bytes.prefixBytes(count).dropBytes(recurrence.headCount))
        requests.append(request)
        return count
    }

    private func messageEnded() {
        guard var request = begun else { fatalError("a message without a head") }
        begun = nil
        if let body = parser.takeBody() { request.body = Array(body.bytes) }
        requests.append(request)
        guard isNoted else { return }
        isNoted = false
        known = parser.head
        parser.head = RequestHead()
    }
}
