import Fuzzing
import Wire

/// What a parser tells of a connection's bytes.
final class Reader {
    private let parser: HTTPParser
    /// Everything that it told, one thing after the other.
    private(set) var told: [[UInt8]] = []
    private(set) var fault: HTTPFault?

    var isInsideMessage: Bool { fault == nil && parser.isInsideMessage }

    init() {
        var limits = Limits()
        limits.messageBytes = 256
        limits.headerBytes = 512
        limits.headerCount = 12
        limits.targetBytes = 64
        parser = HTTPParser(limits: limits, settings: LLHTTPSettings())
        parser.head = HTTPHead()
    }

    func read(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        var hasStopped = false
        while rest.count > 0 || hasStopped, fault == nil {
            let (step, used) = parser.parse(rest)
            require(used <= rest.count, "used more than there was")
            rest = rest.dropBytes(used)
            hasStopped = step == .head
            switch step {
            case .needsMore: break
            case .head: headEnded()
            case .message: messageEnded()
            case .fault(let found): fault = found
            }
        }
    }

    private func headEnded() {
        guard let head = parser.head else { fatalError("a head that nobody lent") }
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
        // Other bodies are skipped, as those of refused requests are.
        if head.method == .post { parser.receiveBody(in: ByteBuffer()) }
    }

    private func messageEnded() {
        if let body = parser.takeBody() { withExtendedLifetime(body) { told.append(Array(body.bytes)) } }
    }
}

/// The first byte says how the rest, which is what a connection carries, is cut into pieces; a
/// parser that gets the pieces tells the same as one that gets all at once. What is wrong in two
/// ways may be refused for either.
fuzz { input in
    guard let seed = input.first else { return }
    let whole = Reader()
    whole.read(input.dropBytes(1))
    let pieces = Reader()
    forEachPiece(of: input.dropBytes(1), seed: seed) { pieces.read($0) }
    require(pieces.told == whole.told, "\(pieces.told)\nis not\n\(whole.told)")
    require((pieces.fault == nil) == (whole.fault == nil), "refused or not")
    require(pieces.isInsideMessage == whole.isInsideMessage, "at an end or not")
}
