/// A JSON-RPC 2.0 message's outside: what kind it is, and whose. Classified, not interpreted.
package struct Envelope {
    package enum Kind: Equatable {
        /// Wants an answer under this id.
        case request(RequestID)
        case notification
        /// Answers a request of ours. `isError` tells the two kinds of answer apart.
        case response(RequestID, isError: Bool)
    }

    /// Why a text is not a message (S-011 to S-014), with the id as far as it is a legal one.
    package enum Fault: Error, Equatable {
        /// Not JSON in UTF-8, or deeper than the limit.
        case malformed
        case batch
        case notAMessage(RequestID?)
        case illegalID
    }

    package let kind: Kind
    package var isRequest: Bool {
        if case .request = kind { true } else { false }
    }
    /// Empty for a response. Valid as long as the text and `decodedMethod`.
    package let method: UnsafeRawBufferPointer
    /// Where the method stands if it is not written as it reads.
    package let decodedMethod: ByteBuffer?
    /// The message's params; nil if it has none.
    package let params: JSONValue?
    /// What the sender wants progress to be named by; nil if it wants none.
    package let progressToken: JSONValue?
    /// The id as it is written; nil for a notification.
    package let id: JSONValue?

    /// Reads a message, which `text` must be all of. The envelope points into it.
    package init(_ text: UnsafeRawBufferPointer, limits: Limits) throws(Fault) {
        let members = try Members(text, depthMax: limits.jsonDepth)
        var requestID: RequestID?
        if let id = members.id {
            requestID = Envelope.requestID(id, limits: limits)
        }
        guard members.version?.isVersion == true else { throw .notAMessage(requestID) }
        if members.id != nil, requestID == nil {
            throw .illegalID
        }
        params = members.params
        progressToken = members.meta?["progressToken"].flatMap { token in
            token.isString || token.isInteger ? token : nil
        }
        id = members.id
        if let method = members.method {
            guard members.result == nil, members.error == nil, method.isString,
                params.map({ $0.isObject || $0.isArray }) ?? true
            else { throw .notAMessage(requestID) }
            let written = UnsafeRawBufferPointer(rebasing: method.text[1..<method.text.count - 1])
            guard written.count > 0 else { throw .notAMessage(requestID) }
            decodedMethod = JSONName(written).decoded
            self.method = decodedMethod?.bytes ?? written
            kind = requestID.map { .request($0) } ?? .notification
            return
        }
        guard let requestID, (members.result == nil) != (members.error == nil),
            members.error?.isObject ?? true
        else { throw .notAMessage(requestID) }
        method = UnsafeRawBufferPointer(start: nil, count: 0)
        decodedMethod = nil
        kind = .response(requestID, isError: members.error != nil)
    }

    /// Reads a legal id: a string within bounds, or an integer of 64 bits.
    package static func requestID(_ value: JSONValue, limits: Limits) -> RequestID? {
        if let integer = value.integer { return .integer(integer) }
        guard let text = value.string, text.count <= limits.requestIDBytes else { return nil }
        return .string([UInt8](text.bytes))
    }
}

/// The members of an object that JSON-RPC 2.0 names; of two with one name, the last.
private struct Members {
    var version: JSONValue?
    var id: JSONValue?
    var method: JSONValue?
    var params: JSONValue?
    /// The `_meta` of the params.
    var meta: JSONValue?
    var result: JSONValue?
    var error: JSONValue?

    init(_ text: UnsafeRawBufferPointer, depthMax: Int) throws(Envelope.Fault) {
        guard var scanner = JSONScanner(text) else { throw .malformed }
        let depth = JSONScanner.depth(depthMax)
        guard scanner.isAtObject else {
            let isArray = scanner.isAtArray
            guard scanner.value(depth), scanner.isAtEnd() else { throw .malformed }
            throw isArray ? .batch : .notAMessage(nil)
        }
        var found = Members()
        let isObject = scanner.members(of: depth) { name, scanner in
            let start = scanner.next
            let isPassed =
                scanner.isAtObject && name.means(("params" as StaticString).rawBytes)
                ? found.passParams(&scanner, depth - 1) : scanner.value(depth - 1)
            guard isPassed else { return false }
            let value = UnsafeRawBufferPointer(start: start, count: scanner.next - start)
            found.set(name, JSONValue(valid: value))
            return true
        }
        guard isObject, scanner.isAtEnd() else { throw .malformed }
        self = found
    }

    private init() {}

    /// Passes the params and notes their `_meta`: they may be long, and are read once.
    private mutating func passParams(_ scanner: inout JSONScanner, _ depth: Int) -> Bool {
        meta = nil
        return scanner.object(depth) { name, value in
            if name.means(("_meta" as StaticString).rawBytes) {
                meta = JSONValue(valid: value)
            }
        }
    }

    private mutating func set(_ name: JSONName, _ value: JSONValue) {
        if name.hasEscape, let decoded = name.decoded {
            withExtendedLifetime(decoded) { set(decoded.bytes, value) }
        } else {
            set(name.text, value)
        }
    }

    private mutating func set(_ name: UnsafeRawBufferPointer, _ value: JSONValue) {
        switch name.count {
        case 2 where name.equals("id"): id = value
        case 5 where name.equals("error"): error = value
        case 6 where name.equals("method"): method = value
        case 6 where name.equals("params"):
            params = value
            if !value.isObject { meta = nil }  // Otherwise `passParams` has seen it.
        case 6 where name.equals("result"): result = value
        case 7 where name.equals("jsonrpc"): version = value
        default: break
        }
    }
}

extension JSONValue {
    /// Whether this is what a message names as its version.
    fileprivate var isVersion: Bool {
        if text.count == 5 { return text.equals("\"2.0\"") }
        guard let written = string else { return false }
        return withExtendedLifetime(written) { written.bytes.equals("2.0") }
    }
}
