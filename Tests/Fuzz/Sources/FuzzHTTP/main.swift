import Fuzzing
import Wire

/// What a parser tells of a connection's bytes.
final class Reader {
    private static let limits: Limits = {
        var limits = Limits()
        limits.messageBytes = 256
        limits.headerBytes = 512
        limits.headerCount = 12
        limits.targetBytes = 64
        return limits
    }()

    private let parser: HTTPParser
    /// Whether it takes what has a head that it knows without parsing it, and which that is.
    private let isKnowing: Bool
    private var known: HTTPHead?
    private var isNoted = false
    /// Everything that it told, one thing after the other.
    private(set) var told: [[UInt8]] = []
    private(set) var fault: HTTPFault?

    var isInsideMessage: Bool { fault == nil && parser.isInsideMessage }

    init(isKnowing: Bool = false) {
        self.isKnowing = isKnowing
        parser = HTTPParser(limits: Reader.limits, settings: LLHTTPSettings())
        parser.head = HTTPHead()
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
            if step == .head { note(rest.prefixBytes(isWhole ? used : 0)) }
            rest = rest.dropBytes(used)
            hasStopped = step == .head
            switch step {
            case .needsMore: break
            case .head:
                guard let head = parser.head else { fatalError("a head that nobody lent") }
                tell(head)
                // Other bodies are skipped, as those of refused requests are.
                if head.method == .post { parser.receiveBody(in: ByteBuffer()) }
            case .message: messageEnded()
            case .fault(let found): fault = found
            }
        }
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
        let head = HTTPHead()
        head.become(known)
        head.become(recurrence)
        tell(head)
        let count = recurrence.headCount + recurrence.bodyCount
        told.append(Array(bytes.prefixBytes(count).dropBytes(recurrence.headCount)))
        return count
    }

    private func tell(_ head: HTTPHead) {
        var text = "\(head.method) \(head.isHTTP10) \(head.keepsAlive) \(head.hasBody) "
        text += "\(String(describing: head.contentLength))"
        told.append(Array(text.utf8))
        told.append(Array(head.targetBytes))
        told.append(Array(head.lines))
        for field in KnownField.allCases {
            guard let value = head[field] else { continue }
            require(value.equals(value.trimmed), "blanks around a value")
            told.append([UInt8(head.occurrences(of: field))] + value)
        }
        let types: [MediaType] = [.json, .eventStream]
        for type in types {
            let isAccepted = head[.accept].map { type.isAccepted(by: $0) } ?? true
            let isNamed = head[.contentType].map { type.isNamed(by: $0) } ?? false
            told.append(Array("\(isAccepted) \(isNamed)".utf8))
        }
    }

    private func messageEnded() {
        if let body = parser.takeBody() { withExtendedLifetime(body) { told.append(Array(body.bytes)) } }
        guard isNoted else { return }
        isNoted = false
        known = parser.head
        parser.head = HTTPHead()
    }
}

/// The first byte says how the rest, which is what a connection carries, is cut into pieces; a
/// parser that gets the pieces tells the same as one that gets all at once. What is wrong in two
/// ways may be refused for either. If all of it comes twice, many heads come again: who knows them
/// tells the same as who reads them.
fuzz { input in
    guard let seed = input.first else { return }
    let whole = Reader()
    whole.read(input.dropBytes(1))
    let pieces = Reader()
    forEachPiece(of: input.dropBytes(1), seed: seed) { pieces.read($0) }
    require(pieces.told == whole.told, "\(pieces.told)\nis not\n\(whole.told)")
    require((pieces.fault == nil) == (whole.fault == nil), "refused or not")
    require(pieces.isInsideMessage == whole.isInsideMessage, "at an end or not")

    let twice = Array(input.dropBytes(1)) + Array(input.dropBytes(1))
    let reading = Reader()
    let knowing = Reader(isKnowing: true)
    twice.withUnsafeBytes {
        reading.read($0)
        knowing.read($0)
    }
    require(knowing.told == reading.told, "\(knowing.told)\nis not known as\n\(reading.told)")
    require((knowing.fault == nil) == (reading.fault == nil), "known to be refused or not")
    require(knowing.isInsideMessage == reading.isInsideMessage, "known to be at an end or not")
}
