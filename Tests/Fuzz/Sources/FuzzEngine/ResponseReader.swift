import Fuzzing
import Link
import Session
import Wire

/// A client's reading of responses, which takes nothing that is not well-formed HTTP/1.1 (RFC 9112)
/// with JSON-RPC in it.
struct ResponseReader {
    private enum State {
        case head
        case stream(isChunked: Bool)
        /// The connection's last response has ended.
        case ended
    }

    /// A request that has no response yet.
    struct Request {
        let method: HTTPMethod
        /// From where on its client wants a stream, and how many primaries had lost something by
        /// then.
        let cursor: EventID?
        let gaps: UInt64
    }

    var asked: [Request] = []
    /// How many primaries have lost something.
    var gaps: UInt64 = 0
    /// The id of the last event, as it stands in the stream.
    private(set) var lastEventID: [UInt8] = []
    private var state = State.head
    private var isLast = false
    private var events = EventStreamReader()
    /// The id of its last event.
    private var lastEventInStream: [UInt8] = []
    /// The last event of the stream that is being read.
    private var lastEvent: EventID?

    /// Reads what the server wrote at once: whole heads, bodies and chunks.
    mutating func read(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while rest.count > 0 {
            switch state {
            case .head: rest = readHead(rest)
            case .stream(isChunked: true): rest = readChunk(rest)
            case .stream(isChunked: false):
                readEvents(rest)
                return
            case .ended: fatalError("something follows the last response")
            }
        }
    }

    // MARK: Heads

    private mutating func readHead(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var (line, rest) = takeLine(bytes)
        require(line.hasPrefix("HTTP/1.1 ") && line.count > 13, "no status line")
        let status = Int(String(decoding: line[9..<12], as: UTF8.self)) ?? 0
        require(status >= 100 && status < 600 && line[12] == 0x20, "no status")
        var length: Int?
        var isChunked = false
        var isStream = false
        var isText = false
        while true {
            (line, rest) = takeLine(rest)
            if line.isEmpty { break }
            let (name, value) = readField(line)
            if name.equals("Content-Length") {
                require(length == nil, "two lengths")
                length = Int(String(decoding: value, as: UTF8.self))
                require(length != nil, "no length")
            }
            if name.equals("Transfer-Encoding") { isChunked = value.equals("chunked") }
            if name.equals("Content-Type") {
                isStream = value.equals("text/event-stream; charset=utf-8")
                isText = value.equals("text/plain; charset=utf-8")
                require(isStream || isText || value.equals("application/json"), "another type")
            }
            if name.equals("Date") { require(value.count == 29, "no date") }
            if name.equals("Connection") { isLast = value.equals("close") }
            if name.equals("Mcp-Session-Id") {
                require(SessionID(text: value) != nil, "no session's id")
            }
        }
        require(length == nil || !isChunked, "a length, and chunks")
        if status == 100 {
            require(
                length == nil && !isChunked && !asked.isEmpty, "an interim response with a body")
            return rest
        }
        // What could not be read as a request is refused, too, and then all is over.
        require(!asked.isEmpty || (status >= 400 && isLast), "a response that nobody asked for")
        let request = asked.isEmpty ? nil : asked.removeFirst()
        if isStream {
            require(status == 200 && length == nil && isChunked != isLast || isChunked, "no stream")
            state = .stream(isChunked: isChunked)
            lastEvent = request?.gaps == gaps ? request?.cursor : nil
            events = EventStreamReader()
            lastEventInStream = []
            return rest
        }
        require(status == 204 ? length == nil : length != nil, "a body without an end")
        state = isLast ? .ended : .head
        if request?.method == .head { return rest }
        guard !isText else {
            require(status == 404, "text for \(status)")
            return rest.dropBytes(length ?? 0)
        }
        return readBody(rest, length ?? 0, isError: status >= 400)
    }

    private func readField(
        _ line: UnsafeRawBufferPointer
    ) -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let (name, value) = line.cut(at: UInt8(ascii: ":"))
        require(
            name.count > 0 && name.allSatisfy { $0.isDigit || $0 == 0x2D || $0 | 0x20 > 0x60 },
            "no field name")
        guard let value, value.first == 0x20, value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            fatalError("no field value")
        }
        return (name, value.trimmed)
    }

    private func takeLine(
        _ bytes: UnsafeRawBufferPointer
    ) -> (line: UnsafeRawBufferPointer, rest: UnsafeRawBufferPointer) {
        guard let end = bytes.firstIndex(ofByte: 0x0A), end > 0, bytes[end - 1] == 0x0D else {
            fatalError("a line without an end")
        }
        return (bytes.prefixBytes(end - 1), bytes.dropBytes(end + 1))
    }

    // MARK: Bodies

    private func readBody(
        _ bytes: UnsafeRawBufferPointer, _ length: Int, isError: Bool
    ) -> UnsafeRawBufferPointer {
        require(length <= bytes.count, "a body is cut off")
        if length > 0 {
            let root = readMessage(bytes.prefixBytes(length))
            require(!isError || root == .error, "refused without an error")
        } else {
            require(!isError, "refused without a word")
        }
        return bytes.dropBytes(length)
    }

    private mutating func readChunk(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let (line, rest) = takeLine(bytes)
        guard let size = line.hexadecimal, Int(size) + 2 <= rest.count else {
            fatalError("no chunk")
        }
        let end = rest.dropBytes(Int(size)).prefixBytes(2)
        require(end.equals("\r\n"), "a chunk without an end")
        readEvents(rest.prefixBytes(Int(size)))
        if size == 0 { state = isLast ? .ended : .head }
        return rest.dropBytes(Int(size) + 2)
    }

    private mutating func readEvents(_ bytes: UnsafeRawBufferPointer) {
        events.read(bytes)
        require(events.isBetweenEvents, "an event is cut off")
        for event in events.takeEvents() {
            if !event.data.isEmpty { event.data.withUnsafeBytes { _ = readMessage($0) } }
            guard !event.lastEventID.isEmpty, event.lastEventID != lastEventInStream else {
                continue
            }
            lastEventInStream = event.lastEventID
            lastEventID = event.lastEventID
            guard let id = lastEventID.withUnsafeBytes({ EventIDCodec.read($0) }) else {
                fatalError("no event id")
            }
            let isNext = lastEvent.map { $0.stream == id.stream && $0.sequence + 1 == id.sequence }
            require(isNext ?? true, "an event is missing")
            lastEvent = id
        }
    }

    private enum Kind { case request, notification, result, error, metadata }

    private func readMessage(_ bytes: UnsafeRawBufferPointer) -> Kind {
        let root = JSONValue(bytes, depthMax: 64)
        if root?["authorization_servers"] != nil { return .metadata }
        guard let root, root["jsonrpc"]?.text.equals("\"2.0\"") == true else {
            fatalError("no message: \(String(decoding: bytes, as: UTF8.self))")
        }
        if root["method"]?.string != nil { return root["id"] == nil ? .notification : .request }
        require(root["id"] != nil, "an answer without an id")
        require((root["result"] == nil) != (root["error"] == nil), "no answer")
        return root["error"] == nil ? .result : .error
    }
}
