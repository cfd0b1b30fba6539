import Wire

/// The open requests of one session, in both directions.
package struct RequestLedger {
    private var requests: [(id: RequestID, key: RequestKey)] = []
    private var calls: [CallKey] = []

    package init() {}

    package var openRequests: Int { requests.count }
    package var openCalls: [CallKey] { calls }
    package var requestKeys: [RequestKey] { requests.map { $0.key } }

    package var heapBytes: Int {
        HeapBlock.size(of: requests) + HeapBlock.size(of: calls)
            + requests.reduce(0) { $0 + ($1.id.byteCount > 0 ? $1.id.byteCount + 40 : 0) }
    }

    package enum Opening: Equatable {
        case opened
        /// A request with this id, of the same type, is still open (S-214).
        case duplicate
        /// The limit is reached.
        case full
    }

    /// Adds a client's request.
    package mutating func open(_ id: RequestID, as key: RequestKey, atMost limit: Int) -> Opening {
        guard find(id) == nil else { return .duplicate }
        guard requests.count < limit else { return .full }
        requests.append((id, key))
        return .opened
    }

    /// The open request with this id; 7 and "7" are different.
    package func find(_ id: RequestID) -> RequestKey? {
        for entry in requests where entry.id == id { return entry.key }
        return nil
    }

    package mutating func close(_ key: RequestKey) {
        guard let index = requests.firstIndex(where: { $0.key == key }) else { return }
        requests.swapAt(index, requests.count - 1)
        requests.removeLast()
    }

    /// Adds a call of the host; false if the limit is reached.
    package mutating func open(_ call: CallKey, atMost limit: Int) -> Bool {
        guard calls.count < limit else { return false }
        calls.append(call)
        return true
    }

    /// Whether a call with this id is open.
    package func hasCall(_ id: RequestID) -> Bool {
        guard case .integer(let number) = id, number > 0 else { return false }
        return calls.contains(CallKey(rawValue: UInt64(number)))
    }

    /// Closes and returns the call with this id, on the client's response; nil if there is none
    /// (S-243). Our ids are integers, so a string never matches.
    package mutating func answered(_ id: RequestID) -> CallKey? {
        guard case .integer(let number) = id, number > 0 else { return nil }
        let call = CallKey(rawValue: UInt64(number))
        return close(call) ? call : nil
    }

    /// Closes a call; false if it is not open here.
    @discardableResult
    package mutating func close(_ call: CallKey) -> Bool {
        guard let index = calls.firstIndex(of: call) else { return false }
        calls.swapAt(index, calls.count - 1)
        calls.removeLast()
        return true
    }
}
