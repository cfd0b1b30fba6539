/// The outer members of a JSON-RPC 2.0 message: its kind, id and method. Classified, not
/// interpreted.
package struct Envelope {
    package enum Kind: Equatable {
        /// Expects a response with this id.
        case request(RequestID)
        case notification
        /// Answers a request of this side, with a result or with an error.
        case response(RequestID, isError: Bool)
        /// An error that names no request: its sender could not read an id.
        case strayError
    }

    /// Why a text is not a message (S-011 to S-014), with its id if that is a legal one.
    package enum Fault: Error, Equatable {
        case notUTF8(RequestID?)
        case notJSON(RequestID?)
        /// Arrays and objects nest deeper than the limit.
        case tooDeep(RequestID?)
        case batch
        case notAMessage(RequestID?)
        /// Params that are neither an object nor an array.
        case paramsNotStructured(RequestID?)
        case illegalID
        case idTooLong
    }

    package let kind: Kind
    package var isRequest: Bool {
        if case .request = kind { true } else { false }
    }
    /// Empty for a response. Valid as long as the text and `decodedMethod`.
    package let method: UnsafeRawBufferPointer
    /// The buffer that holds the method, if it was written with escape sequences.
    package let decodedMethod: ByteBuffer?
    /// The message's params; nil if it has none, or null.
    package let params: JSONValue?
    /// The member of the params that the reader has asked for; nil if they have none.
    package let notedParam: JSONValue?
    /// The id as written; nil for a notification.
    package let id: JSONValue?

    /// Reads a message, which `text` must be all of. The envelope points into it.
    ///
    /// `param` names a member of the params that the caller is going to read: params may be long,
    /// and are scanned once.
    package init(
        _ text: UnsafeRawBufferPointer, limits: Limits, noting param: StaticString? = nil
    ) throws(Fault) {
        let members = try Members(text, limits: limits, noting: param?.rawBytes)
        var requestID: RequestID?
        if let id = members.id { requestID = try Envelope.requestID(id, limits: limits) }
        guard members.version?.isVersion == true else { throw .notAMessage(requestID) }
        id = members.id
        let params = members.params.flatMap { $0.isNull ? nil : $0 }
        self.params = params
        notedParam = members.notedParam
        guard let method = members.method else {
            kind = try members.answer(to: requestID)
            self.method = UnsafeRawBufferPointer(start: nil, count: 0)
            decodedMethod = nil
            return
        }
        if members.id != nil, requestID == nil { throw .illegalID }
        guard members.result == nil, members.error == nil, method.isString else {
            throw .notAMessage(requestID)
        }
        if let params, !params.isObject, !params.isArray { throw .paramsNotStructured(requestID) }
        let written = UnsafeRawBufferPointer(rebasing: method.text[1..<method.text.count - 1])
        guard written.count > 0 else { throw .notAMessage(requestID) }
        decodedMethod = JSONName(written).decoded
        decodedMethod?.replaceSurrogates()
        self.method = decodedMethod?.bytes ?? written
        kind = requestID.map { .request($0) } ?? .notification
    }

    /// Reads a legal id: a string, or an integer of any size; nil for anything else.
    package static func requestID(
        _ value: JSONValue, limits: Limits
    ) throws(Fault) -> RequestID? {
        if let integer = value.integer { return .integer(integer) }
        if value.isInteger {
            guard value.text.count <= limits.requestIDBytes else { throw .idTooLong }
            return .digits([UInt8](value.text))
        }
        guard let text = value.string else { return nil }
        guard text.count <= limits.requestIDBytes else { throw .idTooLong }
        return .string([UInt8](text.bytes))
    }
}

/// The members of an object that JSON-RPC 2.0 names; of two with one name, the last.
private struct Members {
    var version: JSONValue?
    var id: JSONValue?
    var method: JSONValue?
    var params: JSONValue?
    /// The member of the params that is to be noted.
    var notedParam: JSONValue?
    var result: JSONValue?
    var error: JSONValue?

    init(
        _ text: UnsafeRawBufferPointer, limits: Limits, noting param: UnsafeRawBufferPointer?
    ) throws(Envelope.Fault) {
        guard var scanner = JSONScanner(text) else { throw .notJSON(nil) }
        let depth = JSONScanner.depth(limits.jsonDepth)
        guard scanner.isAtObject else {
            let isArray = scanner.isAtArray
            guard scanner.value(depth), scanner.isAtEnd() else {
                throw Members.fault(of: text, scanner, limits)
            }
            throw isArray ? .batch : .notAMessage(nil)
        }
        var found = Members()
        let isObject = scanner.members(of: depth) { name, scanner in
            let start = scanner.next
            let isValid: Bool
            if let param, scanner.isAtObject, name.means(("params" as StaticString).rawBytes) {
                isValid = found.scanParams(&scanner, depth - 1, noting: param)
            } else {
                isValid = scanner.value(depth - 1)
            }
            guard isValid else { return false }
            let value = UnsafeRawBufferPointer(start: start, count: scanner.next - start)
            found.set(name, JSONValue(valid: value))
            return true
        }
        guard isObject, scanner.isAtEnd() else { throw Members.fault(of: text, scanner, limits) }
        self = found
    }

    private init() {}

    /// Why a text cannot be parsed, with the id if it can be found all the same.
    private static func fault(
        of text: UnsafeRawBufferPointer, _ scanner: JSONScanner, _ limits: Limits
    ) -> Envelope.Fault {
        var id: RequestID?
        if let written = JSONScanner.salvageID(from: text) {
            id = (try? Envelope.requestID(written, limits: limits)) ?? nil
        }
        if !UTF8Text.isValid(text) { return .notUTF8(id) }
        return scanner.isTooDeep ? .tooDeep(id) : .notJSON(id)
    }

    /// The kind of a message that has no method.
    func answer(to id: RequestID?) throws(Envelope.Fault) -> Envelope.Kind {
        guard (result == nil) != (error == nil), error?.isObject ?? true else {
            throw .notAMessage(id)
        }
        if let id { return .response(id, isError: error != nil) }
        if error != nil, self.id?.isNull ?? true { return .strayError }
        throw self.id == nil ? .notAMessage(nil) : .illegalID
    }

    /// Scans the params and notes one of their members; of two with that name, the last.
    private mutating func scanParams(
        _ scanner: inout JSONScanner, _ depth: Int, noting param: UnsafeRawBufferPointer
    ) -> Bool {
        notedParam = nil
        return scanner.object(depth) { name, value in
            if name.means(param) { notedParam = JSONValue(valid: value) }
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
            if !value.isObject { notedParam = nil }  // Otherwise `scanParams` has set it.
        case 6 where name.equals("result"): result = value
        case 7 where name.equals("jsonrpc"): version = value
        default: break
        }
    }
}

extension JSONValue {
    /// Whether this is the version of JSON-RPC that a message must name.
    fileprivate var isVersion: Bool {
        if text.count == 5 { return text.equals("\"2.0\"") }
        guard let written = string else { return false }
        return withExtendedLifetime(written) { written.bytes.equals("2.0") }
    }
}

extension JSONScanner {
    /// Finds the `id` of a message that is not valid JSON, so that its sender learns which request
    /// failed. It only looks at quotes and brackets, at any depth and in any encoding.
    fileprivate static func salvageID(from text: UnsafeRawBufferPointer) -> JSONValue? {
        var depth = 0
        var index = 0
        var id: JSONValue?
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "\""):
                let start = index + 1
                index = endOfString(text, from: start)
                if depth == 1, text.prefixBytes(index).dropBytes(start).equals("id") {
                    id = value(after: index + 1, in: text) ?? id
                }
            default: break
            }
            index += 1
        }
        return id
    }

    /// The index of the quote that ends a string, or the end of the text.
    private static func endOfString(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index < text.count, text[index] != UInt8(ascii: "\"") {
            index += text[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index, text.count)
    }

    /// The string or number after a colon; nil if there is none.
    private static func value(after index: Int, in text: UnsafeRawBufferPointer) -> JSONValue? {
        let rest = text.dropBytes(index)
        guard let colon = rest.firstIndex(where: { $0 != 0x20 && !(0x09...0x0D).contains($0) }),
            rest[colon] == UInt8(ascii: ":"), var scanner = JSONScanner(rest.dropBytes(colon + 1))
        else { return nil }
        let start = scanner.next
        guard scanner.value(0) else { return nil }
        return JSONValue(valid: UnsafeRawBufferPointer(start: start, count: scanner.next - start))
    }
}
