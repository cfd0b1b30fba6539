/// A request's method, as far as the endpoint tells them apart.
package enum HTTPMethod: Sendable, Equatable {
    case get, post, delete, head, options, other

    /// The method as it stands in a request; nil for one that is not told apart.
    package var name: StaticString? {
        switch self {
        case .get: "GET"
        case .post: "POST"
        case .delete: "DELETE"
        case .head: "HEAD"
        case .options: "OPTIONS"
        case .other: nil
        }
    }
}

/// The header fields that the transport reads itself. The raw value is a place in `HTTPHead`.
package enum KnownField: Int, CaseIterable, Sendable {
    case host, origin, accept, contentType, sessionID, protocolVersion
    case lastEventID, authorization, expect

    /// Finds the field that a lower-case name means.
    init?(name: UnsafeRawBufferPointer) {
        switch name.count {
        case 4 where name.equals("host"): self = .host
        case 6 where name.equals("origin"): self = .origin
        case 6 where name.equals("accept"): self = .accept
        case 6 where name.equals("expect"): self = .expect
        case 12 where name.equals("content-type"): self = .contentType
        case 13 where name.equals("last-event-id"): self = .lastEventID
        case 13 where name.equals("authorization"): self = .authorization
        case 14 where name.equals("mcp-session-id"): self = .sessionID
        case 20 where name.equals("mcp-protocol-version"): self = .protocolVersion
        default: return nil
        }
    }
}

/// One request's head: its method, its target, and its header lines as received, names lowered.
///
/// Reused from request to request, so reading a head allocates nothing in the steady state.
package final class HTTPHead {
    package internal(set) var method = HTTPMethod.other
    /// HTTP/1.0: no chunked coding, and no reuse unless asked for.
    package internal(set) var isHTTP10 = false
    /// Whether the connection may carry another request after this one.
    package internal(set) var keepsAlive = true
    /// The length the head declares; nil for a chunked body or none.
    package internal(set) var contentLength: UInt64?
    package internal(set) var hasBody = false

    private let target = ByteBuffer()
    private let text = ByteBuffer()
    private var lineCount = 0
    private var nameStart = 0
    private var valueStart = 0
    private let known: UnsafeMutablePointer<KnownValue>
    private let knownCount = KnownField.allCases.count

    private struct KnownValue {
        var start: UInt32 = 0
        var length: UInt32 = 0
        var count: UInt32 = 0
    }

    package init() {
        known = .allocate(capacity: knownCount)
        known.initialize(repeating: KnownValue(), count: knownCount)
    }

    deinit {
        known.deallocate()
    }

    /// The request target as sent: `/mcp?x=1`.
    package var targetBytes: UnsafeRawBufferPointer { target.bytes }

    /// All header lines: `name: value`, CR, LF; names in lower case.
    package var lines: UnsafeRawBufferPointer { text.bytes }

    /// The first value of a known field, without blanks around it; nil if it is absent.
    package subscript(field: KnownField) -> UnsafeRawBufferPointer? {
        let value = known[field.rawValue]
        guard value.count > 0 else { return nil }
        return text[Int(value.start)..<Int(value.start + value.length)]
    }

    /// How many lines carry the field.
    package func occurrences(of field: KnownField) -> Int {
        Int(known[field.rawValue].count)
    }

    /// Takes the line of a field out, which must be the only one of that name.
    package func remove(_ field: KnownField) {
        let value = known[field.rawValue]
        guard value.count == 1 else { return }
        let end = Int(value.start + value.length)
        let before = text[0..<Int(value.start)]
        let start = (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        let length = end + 2 - start
        text.remove(start..<end + 2)
        known[field.rawValue] = KnownValue()
        for index in 0..<knownCount where known[index].start > value.start {
            known[index].start -= UInt32(length)
        }
    }

    /// Finds the first value of any field in header lines such as `lines` gives.
    package static func find(
        _ name: UnsafeRawBufferPointer, in lines: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        var rest = lines
        while let end = rest.firstIndex(ofByte: UInt8(ascii: "\n")) {
            let line = rest.prefixBytes(end > 0 && rest[end - 1] == 0x0D ? end - 1 : end)
            let (candidate, value) = line.cut(at: UInt8(ascii: ":"))
            if let value, candidate.equalsIgnoringCase(name) { return value.trimmed }
            rest = rest.dropBytes(end + 1)
        }
        return nil
    }

    // MARK: Filling, by the parser

    func reset() {
        method = .other
        isHTTP10 = false
        keepsAlive = true
        contentLength = nil
        hasBody = false
        target.removeAll()
        text.removeAll()
        lineCount = 0
        nameStart = 0
        known.update(repeating: KnownValue(), count: knownCount)
    }

    func appendTarget(_ bytes: UnsafeRawBufferPointer, limits: Limits) -> Bool {
        target.append(bytes)
        return target.count <= limits.targetBytes
    }

    func appendName(_ bytes: UnsafeRawBufferPointer, limits: Limits) -> Bool {
        text.append(lowercasing: bytes)
        return text.count + target.count <= limits.headerBytes && lineCount < limits.headerCount
    }

    /// Ends a name; false for one with a blank before the colon, which RFC 9112 §5.1 forbids: what
    /// others read as a field we must not overlook.
    func endName() -> Bool {
        if let last = text.bytes.last, last.isBlank, text.count > nameStart { return false }
        text.append(UInt8(ascii: ":"), UInt8(ascii: " "))
        valueStart = text.count
        return true
    }

    func appendValue(_ bytes: UnsafeRawBufferPointer, limits: Limits) -> Bool {
        text.append(bytes)
        return text.count + target.count <= limits.headerBytes
    }

    func endValue() {
        let name = text[nameStart..<valueStart - 2]
        let value = text[valueStart..<text.count].trimmed
        text.truncate(to: valueStart + value.count)
        if let field = KnownField(name: name) {
            if known[field.rawValue].count == 0 {
                known[field.rawValue].start = UInt32(valueStart)
                known[field.rawValue].length = UInt32(value.count)
            }
            known[field.rawValue].count += 1
        }
        text.append(0x0D, 0x0A)
        nameStart = text.count
        lineCount += 1
    }
}
