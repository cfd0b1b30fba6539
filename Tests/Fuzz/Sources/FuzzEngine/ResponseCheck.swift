import Fuzzing
import Link
import Oracle
import Session
import Wire

/// What a client of the server requires of its responses, beside that they are well-formed.
struct ResponseCheck {
    /// A request that has no response yet.
    struct Request {
        let method: HTTPMethod
        let target: String
        /// From where on its client wants a stream, and how many primaries had lost something by
        /// then.
        let cursor: EventID?
        let gaps: UInt64
    }

    /// How many primaries have lost something.
    var gaps: UInt64 = 0
    /// The id of the last event, as it stands in the stream.
    private(set) var lastEventID: [UInt8] = []
    /// The `requestState` of the last result that has one; empty if there was none.
    private(set) var state: [UInt8] = []
    /// Where to post, as a stream of the oldest transport has said; empty if there was none.
    private(set) var endpoint: [UInt8] = []
    /// Whether the stream that is being read is of that transport, and has just begun.
    private var mayHaveEndpoint = false
    /// Whether it may be that of a batch, in which one request's stream follows another's.
    private var mayBeBatch = false
    private var asked: [Request] = []
    private var reader = ResponseReader()
    /// The id of the last event in the stream that is being read.
    private var lastEventInStream = ""
    private var lastEvent: EventID?

    mutating func willAsk(_ request: Request) {
        asked.append(request)
        reader.asksForHead.append(request.method == .head)
    }

    /// Reads what the server wrote at once: whole heads, bodies and chunks.
    mutating func read(_ bytes: UnsafeRawBufferPointer) {
        for item in reader.read(bytes) { check(item) }
        require(reader.isBetweenItems, "something is cut off")
    }

    private mutating func check(_ item: ResponseReader.Item) {
        switch item {
        case .interim(let head):
            require(head.status == 100 && !asked.isEmpty, "an interim response")
        case .response(let head, let body):
            let request = answered(head)
            if request?.method != .head { check(body, of: head) }
        case .stream(let head):
            let request = answered(head)
            lastEvent = request?.gaps == gaps ? request?.cursor : nil
            lastEventInStream = ""
            mayHaveEndpoint =
                request?.method == .get && request?.target.hasPrefix("\(Names.oldPath)") == true
            mayBeBatch = request?.method == .post
        case .event(let id, let data):
            require(!mayHaveEndpoint, "a message before the endpoint")
            _ = data.withUnsafeBytes { readMessage($0) }
            if let id { named(id) }
        case .priming(let id): named(id)
        case .retry, .comment, .end: break
        case .endpoint(let url):
            require(mayHaveEndpoint, "an endpoint")
            mayHaveEndpoint = false
            require(url.hasPrefix("\(Names.oldPath)?session="), "an endpoint elsewhere")
            endpoint = Array(url.utf8)
        case .opened, .part: fatalError("a body in parts that is no stream")
        case .malformed(let what): fatalError(what)
        }
    }

    /// The request that this is the response to. What could not be read as a request is refused,
    /// too, and then all is over.
    private mutating func answered(_ head: ResponseReader.Head) -> Request? {
        let types = [
            "text/event-stream; charset=utf-8", "text/plain; charset=utf-8", "application/json",
        ]
        require(head.type.map(types.contains) ?? true, "another type")
        for (name, value) in head.others where name == "date" {
            require(value.utf8.count == 29, "no date")
        }
        if let id = head.sessionID {
            require(
                Array(id.utf8).withUnsafeBytes { SessionID(text: $0) != nil }, "no session's id")
        }
        guard !asked.isEmpty else {
            require(head.status >= 400 && head.closes, "a response that nobody asked for")
            return nil
        }
        return asked.removeFirst()
    }

    private mutating func check(_ body: [UInt8], of head: ResponseReader.Head) {
        if head.type == "text/plain; charset=utf-8" {
            return require(head.status == 404, "text for \(head.status)")
        }
        let isError = head.status >= 400
        if body.isEmpty {
            require(!isError, "refused without a word")
        } else {
            let isBatch = body.first == UInt8(ascii: "[")
            require(!isBatch || head.status == 200, "refused by an array")
            if isBatch { return body.withUnsafeBytes { readBatch($0) } }
            let kind = body.withUnsafeBytes { readMessage($0) }
            require(!isError || kind == .error, "refused without an error")
        }
    }

    private mutating func named(_ text: String) {
        guard text != lastEventInStream else { return }
        lastEventInStream = text
        lastEventID = Array(text.utf8)
        guard let id = lastEventID.withUnsafeBytes({ EventIDCodec.read($0) }) else {
            fatalError("no event id")
        }
        let isNext = lastEvent.map {
            $0.stream == id.stream
                ? $0.sequence + 1 == id.sequence : mayBeBatch && id.sequence == 1
        }
        require(isNext ?? true, "an event is missing")
        lastEvent = id
    }

    /// Reads the answers of a batch.
    private mutating func readBatch(_ bytes: UnsafeRawBufferPointer) {
        let elements = JSONValue(bytes, depthMax: 64)?.elements ?? []
        require(!elements.isEmpty, "an array of nothing")
        for element in elements {
            let kind = readMessage(element.text)
            require(kind == .result || kind == .error, "no answer in an array")
        }
    }

    private enum Kind { case request, notification, result, error, metadata }

    private mutating func readMessage(_ bytes: UnsafeRawBufferPointer) -> Kind {
        let root = JSONValue(bytes, depthMax: 64)
        if root?["authorization_servers"] != nil { return .metadata }
        guard let root, root["jsonrpc"]?.text.equals("\"2.0\"") == true else {
            fatalError("no message: \(String(decoding: bytes, as: UTF8.self))")
        }
        if root["method"]?.string != nil { return root["id"] == nil ? .notification : .request }
        require(root["id"] != nil, "an answer without an id")
        if let text = root["result"]?["requestState"]?.string {
            state = withExtendedLifetime(text) { Array(text.bytes) }
        }
        require((root["result"] == nil) != (root["error"] == nil), "no answer")
        return root["error"] == nil ? .result : .error
    }
}
