/// A JSON-RPC 2.0 message's outside: what kind it is, and whose. Classified, not interpreted.
package struct Envelope {
    package enum Kind: Equatable {
        /// Wants an answer under this id.
        case request(RequestID)
        case notification
        /// Answers a request of ours. `isError` tells the two kinds of answer apart.
        case response(RequestID, isError: Bool)
    }

    /// Why a JSON value is not a message (S-012 to S-014), with the id as far as it is a legal one.
    package enum Fault: Error, Equatable {
        case batch
        case notAMessage(RequestID?)
        case illegalID
    }

    package let kind: Kind
    /// Empty for a response. Valid as long as the document.
    package let method: UnsafeRawBufferPointer
    /// The message's params; nil if it has none.
    package let params: JSONValue?

    package init(_ root: JSONValue, limits: Limits) throws(Fault) {
        guard !root.isArray else { throw .batch }
        let id = root["id"]
        var requestID: RequestID?
        if let id {
            requestID = Envelope.requestID(id, limits: limits)
        }
        guard root.isObject, root["jsonrpc"]?.string?.equals("2.0") == true else {
            throw .notAMessage(requestID)
        }
        if id != nil, requestID == nil {
            throw .illegalID
        }
        let result = root["result"]
        let error = root["error"]
        params = root["params"]
        if let method = root["method"] {
            guard result == nil, error == nil, let name = method.string, name.count > 0,
                params.map({ $0.isObject || $0.isArray }) ?? true
            else { throw .notAMessage(requestID) }
            self.method = name
            kind = requestID.map { .request($0) } ?? .notification
            return
        }
        guard let requestID, (result == nil) != (error == nil), error?.isObject ?? true else {
            throw .notAMessage(requestID)
        }
        method = UnsafeRawBufferPointer(start: nil, count: 0)
        kind = .response(requestID, isError: error != nil)
    }

    /// Reads a legal id: a string within bounds, or an integer of 64 bits.
    package static func requestID(_ value: JSONValue, limits: Limits) -> RequestID? {
        if let integer = value.integer { return .integer(integer) }
        guard let text = value.string, text.count <= limits.requestIDBytes else { return nil }
        return .string([UInt8](text))
    }
}
