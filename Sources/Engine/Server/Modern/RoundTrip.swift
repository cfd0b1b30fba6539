import Link
import MCP
import Session
import Wire

/// What clients may be asked for while they wait for an answer (S-116).
struct Askable: OptionSet, Sendable {
    let rawValue: UInt8

    static var elicitation: Askable { Askable(rawValue: 1) }
    static var sampling: Askable { Askable(rawValue: 2) }
    static var roots: Askable { Askable(rawValue: 4) }

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// What capabilities of a client promise.
    init(capabilities: JSONValue) {
        var all: Askable = []
        capabilities.forEachMember { name, value in
            guard value.isObject else { return }
            if name.means("elicitation") { all.insert(.elicitation) }
            if name.means("sampling") { all.insert(.sampling) }
            if name.means("roots") { all.insert(.roots) }
        }
        self = all
    }

    /// What a method of the host's asks for; nil if modern clients cannot be asked for it.
    init?(method: UnsafeRawBufferPointer) {
        if method.equals(Method.elicit) {
            self = .elicitation
        } else if method.equals(Method.sample) {
            self = .sampling
        } else if method.equals(Method.listRoots) {
            self = .roots
        } else {
            return nil
        }
    }

    /// Whether a request of this method may ask.
    static func mayAsk(_ method: UnsafeRawBufferPointer) -> Bool {
        method.equals(Method.callTool) || method.equals(Method.getPrompt)
            || method.equals(Method.readResource)
    }
}

/// The `requestState` under which a request waits for its client: 128 random bits, after a prefix
/// that tells it from a host's own.
struct RequestState: RandomKey, Hashable {
    private let high: UInt64
    let low: UInt64

    static var prefix: StaticString { "shttp-" }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Whether a text is one of this library's, valid or not.
    static func isOurs(_ text: UnsafeRawBufferPointer) -> Bool { text.hasPrefix(prefix) }

    init?(text: UnsafeRawBufferPointer) {
        let digits = text.dropBytes(RequestState.prefix.utf8CodeUnitCount)
        guard RequestState.isOurs(text), digits.count == 32 || digits.count == 64,
            let high = digits.prefixBytes(16).hexadecimal,
            let low = digits.dropBytes(16).prefixBytes(16).hexadecimal
        else { return nil }
        self.init(high: high, low: low)
    }

    /// The node that the request waits at, if the text names one.
    static func node(in text: UnsafeRawBufferPointer) -> NodeID? {
        guard RequestState.isOurs(text) else { return nil }
        return NodeID(text: text.dropBytes(RequestState.prefix.utf8CodeUnitCount + 32))
    }

    /// Appends the text, with the node that it is of if there are several.
    func append(to output: ByteBuffer, at node: NodeID?) {
        output.append(RequestState.prefix)
        output.append(hex16: high)
        output.append(hex16: low)
        node?.append(to: output)
    }
}

/// What a request asks its client for, and what waits for the client to come back.
///
/// `Continuations` alone writes it.
final class RoundTrip {
    /// A request of the host's to the client.
    struct Ask {
        let call: CallKey
        let kind: Askable
        /// The method and the params, as the result has them.
        let text: ByteBuffer
        /// Whether the client has got it.
        var isSent = false
    }

    /// What the host said while the client was away.
    struct Kept {
        let kind: Backlog.Kind
        let text: ByteBuffer
        /// The severity of a log line: the client says anew which it wants.
        let severity: LogSeverity?

        /// Whether a client that comes back with these terms gets it.
        func isWanted(by terms: RequestTerms) -> Bool {
            guard let severity else { return true }
            return terms.logLevel.map { severity >= $0 } ?? false
        }
    }

    struct Progress {
        let progress: Double
        let total: Double?
        let message: ByteBuffer
    }

    struct Answer {
        let status: HTTPStatus
        /// The whole response, with the id of the request that was answered by questions.
        let text: ByteBuffer
    }

    fileprivate(set) var asks: [Ask] = []
    fileprivate(set) var state: RequestState?
    fileprivate(set) var principal: Principal?
    fileprivate(set) var progress: Progress?
    fileprivate(set) var kept: [Kept] = []
    fileprivate(set) var answer: Answer?
    fileprivate(set) var key = ParkedKey(rawValue: 0)
    fileprivate(set) var heldBytes = RoundTrip.ownBytes
    fileprivate var isAsking = false

    fileprivate init() {}

    /// The memory besides the texts: this object, and its slots in tables.
    static var ownBytes: Int { 320 }

    /// The texts, for tests.
    var texts: [ByteBuffer] {
        asks.map { $0.text } + kept.map { $0.text }
            + [progress?.message, answer?.text].compactMap { $0 }
    }

    static func bytes(of text: ByteBuffer) -> Int { text.heldBytes + MemoryLayout<Kept>.stride }
}

/// The key of a request that asks its client for something.
struct ParkedKey: SlotKey {
    let rawValue: UInt64
}

/// The requests that ask their clients for something, and those of them that wait for it.
struct Continuations: ~Copyable {
    private var table: SlotTable<ParkedKey, OpenRequest>
    private var states = TokenTable<RequestState, ParkedKey>()
    /// When those that wait are given up: one list, by their indexes.
    private var deadlines: DeadlineBoard
    /// Those with something to ask at the end of the turn.
    private var asking: [OpenRequest] = []

    init(_ options: ServerOptions, keysAfter serial: UInt64) {
        table = SlotTable(after: serial)
        deadlines = DeadlineBoard(timeouts: [options.parked])
    }

    var count: Int { table.count }
    var slotCount: Int { table.slotCount }
    /// Those whose clients are away.
    var waitingCount: Int { states.count }
    var heapBytes: Int { table.heapBytes + states.heapBytes + deadlines.heapBytes }
    var all: [OpenRequest] { table.elements }
    var hasAsking: Bool { !asking.isEmpty }

    // MARK: Asking

    /// Lets a request ask, for the first time or again. Returns by how much its memory grows.
    mutating func ask(
        _ call: CallKey, _ kind: Askable, _ text: ByteBuffer, of request: OpenRequest
    ) -> Int {
        text.trim()
        var change = RoundTrip.bytes(of: text)
        if request.trip == nil {
            let trip = RoundTrip()
            change += trip.heldBytes
            _ = table.insert { key in
                trip.key = key
                return request
            }
            request.trip = trip
            request.shares.forEach { $0.parkedRequests += 1 }
        }
        request.trip?.asks.append(RoundTrip.Ask(call: call, kind: kind, text: text))
        request.trip?.heldBytes += RoundTrip.bytes(of: text)
        askLater(request)
        return change
    }

    /// Makes a request ask at the end of the turn, if its client is there.
    mutating func askLater(_ request: OpenRequest) {
        guard request.connection != nil, request.trip?.isAsking == false else { return }
        request.trip?.isAsking = true
        asking.append(request)
    }

    /// The next request that has something to ask.
    mutating func nextAsking() -> OpenRequest? {
        while let request = asking.popLast() {
            guard request.trip != nil else { continue }
            request.trip?.isAsking = false
            if request.connection != nil, request.trip?.asks.isEmpty == false { return request }
        }
        asking = []
        return nil
    }

    /// A call has ended. Returns by how much the memory of its request changes.
    func forget(_ call: CallKey, of request: OpenRequest) -> Int {
        guard let index = request.trip?.asks.firstIndex(where: { $0.call == call }),
            let ask = request.trip?.asks.remove(at: index)
        else { return 0 }
        let change = -RoundTrip.bytes(of: ask.text)
        request.trip?.heldBytes += change
        return change
    }

    // MARK: Waiting

    /// The client of a request has got its questions, and comes back with `state`.
    mutating func park(
        _ request: OpenRequest, under state: RequestState, of principal: Principal?, at now: Instant
    ) {
        guard let key = request.trip?.key else { return }
        request.trip?.state = state
        request.trip?.principal = principal
        for index in request.trip?.asks.indices ?? 0..<0 { request.trip?.asks[index].isSent = true }
        states.set(state, key)
        deadlines.arm(key.index, 0, at: now)
    }

    subscript(state: RequestState) -> OpenRequest? { states[state].flatMap { table[$0] } }

    /// The client is back. What it has not answered is asked again.
    mutating func unpark(_ request: OpenRequest) {
        guard let state = request.trip?.state, let key = request.trip?.key else { return }
        states.remove(state)
        deadlines.disarm(key.index)
        request.trip?.state = nil
    }

    /// Ends a request's round trips. Returns by how much its memory changes.
    mutating func end(_ request: OpenRequest) -> Int {
        guard let trip = request.trip else { return 0 }
        unpark(request)
        table.remove(trip.key)
        request.shares.forEach { $0.parkedRequests -= 1 }
        request.trip = nil
        return -trip.heldBytes
    }

    @inline(__always)
    var nextDeadline: Instant? { deadlines.next }

    /// The next request whose client has not come back in time.
    mutating func popDue(at now: Instant) -> OpenRequest? {
        while let due = deadlines.popDue(at: now) {
            if let request = table[index: due.index] { return request }
        }
        return nil
    }

    func hasDeadline(_ request: OpenRequest) -> Bool {
        request.trip.map { deadlines.isArmed($0.key.index) } ?? false
    }

    // MARK: What is said meanwhile

    /// Keeps the newest progress. Returns by how much the memory of the request changes.
    func keep(_ progress: RoundTrip.Progress, of request: OpenRequest) -> Int {
        let before = request.trip?.progress.map { RoundTrip.bytes(of: $0.message) } ?? 0
        let change = RoundTrip.bytes(of: progress.message) - before
        request.trip?.progress = progress
        request.trip?.heldBytes += change
        return change
    }

    /// Keeps a message, and drops the oldest log lines if there is too much. Nil if it is too much
    /// all the same.
    func keep(
        _ message: RoundTrip.Kept, of request: OpenRequest, atMost limit: Int
    ) -> (change: Int, dropped: Int)? {
        guard let trip = request.trip else { return nil }
        message.text.trim()
        let added = RoundTrip.bytes(of: message.text)
        var excess = trip.heldBytes + added - limit
        var dropped = 0
        var change = added
        var kept: [RoundTrip.Kept] = []
        for old in trip.kept {
            guard excess > 0, case .expendable = old.kind else {
                kept.append(old)
                continue
            }
            let bytes = RoundTrip.bytes(of: old.text)
            excess -= bytes
            change -= bytes
            dropped += 1
        }
        guard excess <= 0 else { return nil }
        kept.append(message)
        request.trip?.kept = kept
        request.trip?.heldBytes += change
        return (change, dropped)
    }

    /// Takes out what was kept, but for the answer.
    func takeKept(
        of request: OpenRequest
    ) -> (progress: RoundTrip.Progress?, messages: [RoundTrip.Kept], change: Int) {
        guard let trip = request.trip else { return (nil, [], 0) }
        var change = trip.progress.map { -RoundTrip.bytes(of: $0.message) } ?? 0
        for message in trip.kept { change -= RoundTrip.bytes(of: message.text) }
        let (progress, kept) = (trip.progress, trip.kept)
        trip.progress = nil
        trip.kept = []
        trip.heldBytes += change
        return (progress, kept, change)
    }

    /// Keeps the answer of a request that has ended for the host.
    func hold(_ answer: RoundTrip.Answer, of request: OpenRequest) -> Int {
        answer.text.trim()
        let change = RoundTrip.bytes(of: answer.text)
        request.trip?.answer = answer
        request.trip?.heldBytes += change
        return change
    }
}

#if !hasFeature(Embedded)
    extension Continuations {
        mutating func sabotageDeadline(of request: OpenRequest) {
            if let key = request.trip?.key { deadlines.disarm(key.index) }
        }

        mutating func sabotageState(of request: OpenRequest) {
            if let state = request.trip?.state { states.remove(state) }
        }

        func sabotageAsk(of request: OpenRequest) {
            guard let ask = request.trip?.asks.first else { return }
            request.trip?.asks[0] = RoundTrip.Ask(
                call: CallKey(rawValue: 0), kind: ask.kind, text: ask.text, isSent: ask.isSent)
        }
    }
#endif
