import Fuzzing
import Wire

/// What the outside of a message is to be read as, from JSON-RPC 2.0 and `Limits`.
struct Expectation {
    /// Each reason there is not to take it; any of them is a fit answer.
    private(set) var faults: [Envelope.Fault] = []
    private(set) var kind = Envelope.Kind.notification
    private(set) var id: OracleValue?
    /// In UTF-8, with U+FFFD for lone surrogates.
    private(set) var method: [UInt8] = []
    private(set) var params: OracleValue?
    private(set) var progressToken: OracleValue?
    /// The id as far as it is a legal one.
    private(set) var requestID: RequestID?

    private let root: OracleValue
    private let limits: Limits

    init(_ root: OracleValue, limits: Limits) {
        self.root = root
        self.limits = limits
        switch root.content {
        case .object: readObject()
        case .array: faults.append(.batch)
        case .null, .bool, .number, .string: faults.append(.notAMessage(nil))
        }
    }

    private mutating func readObject() {
        id = root["id"]
        readID()
        params = root["params"].flatMap { $0.content == .null ? nil : $0 }
        if let token = params?["_meta"]?["progressToken"], token.string != nil || token.isInteger {
            progressToken = token
        }
        if root["jsonrpc"]?.string != Array("2.0".utf16) { faults.append(.notAMessage(requestID)) }
        if let method = root["method"] { readCall(method) } else { readAnswer() }
    }

    private mutating func readID() {
        requestID = id.flatMap { Expectation.requestID($0) }
        if case .text(let text, _) = requestID, text.count > limits.requestIDBytes {
            requestID = nil
            faults.append(.idTooLong)
        }
    }

    /// An id of any length: a string, or an integer of any size.
    static func requestID(_ id: OracleValue) -> RequestID? {
        if let units = id.string { return .string(units.generalizedUTF8) }
        guard case .number(let text) = id.content, id.isInteger else { return nil }
        return Int64(String(decoding: text, as: UTF8.self)).map { .integer($0) } ?? .digits(text)
    }

    private mutating func readCall(_ name: OracleValue) {
        if id != nil, requestID == nil { faults.append(.illegalID) }
        method = Array(String(decoding: name.string ?? [], as: UTF16.self).utf8)
        if method.isEmpty || root["result"] != nil || root["error"] != nil {
            faults.append(.notAMessage(requestID))
        }
        if let params, !params.isStructured { faults.append(.paramsNotStructured(requestID)) }
        guard let requestID else { return }
        kind = .request(requestID)
    }

    private mutating func readAnswer() {
        let error = root["error"]
        if (root["result"] == nil) == (error == nil) || error?.isObject == false {
            faults.append(.notAMessage(requestID))
        } else if let requestID {
            kind = .response(requestID, isError: error != nil)
        } else if error != nil, id == nil || id?.content == .null {
            kind = .strayError
        } else {
            faults.append(id == nil ? .notAMessage(nil) : .illegalID)
        }
    }
}
