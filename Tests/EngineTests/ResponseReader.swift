/// A client's end of a connection: bytes in, one line out for each thing that they tell.
///
/// `200 stream session=S1`, `event {…}`, `event id=s1.2 {…}`, `prime s1`, `retry 750`, `comment`,
/// `end`; or the whole of an answer that is not a stream: `202`, `405 allow=POST {…}`. `close` says
/// that the connection will not be reused.
struct ResponseReader {
    private enum State {
        case head
        /// The line as far as the head told it, and the body's length.
        case json(String, length: Int)
        case chunked
        case untilClose
    }

    private let names: Names
    private var state = State.head
    private var unread: [UInt8] = []
    private var stream: [UInt8] = []

    init(_ names: Names) {
        self.names = names
    }

    mutating func read(_ bytes: UnsafeRawBufferPointer) -> [String] {
        unread += bytes
        var lines: [String] = []
        while let told = next() { lines += told }
        return lines
    }

    /// What the next complete part tells; nil if it has not arrived.
    private mutating func next() -> [String]? {
        switch state {
        case .head:
            return takeLines(until: "\r\n\r\n").map { begin($0) }
        case .json(let line, let length):
            guard let body = take(length) else { return nil }
            state = .head
            return [line + (body.isEmpty ? "" : " " + text(body))]
        case .chunked:
            guard let end = unread.firstRange(of: Array("\r\n".utf8)),
                let size = Int(text(unread[..<end.lowerBound]), radix: 16),
                unread.count >= end.upperBound + size + 2
            else { return nil }
            stream += unread[end.upperBound..<end.upperBound + size]
            unread.removeFirst(end.upperBound + size + 2)
            if size == 0 { state = .head }
            return takeEvents() + (size == 0 ? ["end"] : [])
        case .untilClose:
            guard !unread.isEmpty else { return nil }
            stream += unread
            unread = []
            return takeEvents()
        }
    }

    private mutating func begin(_ lines: [String]) -> [String] {
        var told = [String(lines[0].split(separator: " ")[1])]
        var length: Int?
        var isStream = false
        var isChunked = false
        for line in lines.dropFirst() {
            let field = line.split(separator: ":", maxSplits: 1)
            let value = field[1].dropFirst()
            switch field[0] {
            case "Content-Length": length = Int(value)
            case "Transfer-Encoding": isChunked = value == "chunked"
            case "Content-Type": isStream = value == "text/event-stream"
            case "Mcp-Session-Id": told.append("session=\(names.session(String(value)))")
            case "Connection": told.append(String(value))
            case "Cache-Control" where value == "no-cache, no-transform": break
            case "X-Accel-Buffering": break
            default: told.append("\(field[0].lowercased())=\(value)")
            }
        }
        if isStream {
            state = isChunked ? .chunked : .untilClose
            told.insert("stream", at: 1)
            return [told.joined(separator: " ")]
        }
        state = .json(told.joined(separator: " "), length: length ?? 0)
        return []
    }

    private mutating func takeEvents() -> [String] {
        var lines: [String] = []
        while let end = stream.firstRange(of: Array("\n\n".utf8)) {
            let block = text(stream[..<end.lowerBound])
            stream.removeFirst(end.upperBound)
            lines.append(told(by: block))
        }
        return lines
    }

    /// What one block of an event stream tells.
    private func told(by block: String) -> String {
        if block.hasPrefix(":") { return "comment" + block.dropFirst() }
        if block.hasPrefix("retry: ") { return block.replacingPrefix("retry: ", with: "retry ") }
        var id = ""
        var rest = block
        if block.hasPrefix("id: "), let end = block.firstIndex(of: "\n") {
            id = names.event(String(block[..<end].dropFirst(4)))
            rest = String(block[end...].dropFirst())
        }
        if rest == "data:" { return "prime " + (id.hasSuffix(".0") ? id.dropLast(2) : id[...]) }
        let start = id.isEmpty ? "event " : "event id=\(id) "
        return rest.replacingPrefix("event: message\ndata: ", with: start)
            .split(separator: "\ndata: ").joined(separator: "⏎")
    }

    private mutating func take(_ length: Int) -> [UInt8]? {
        guard unread.count >= length else { return nil }
        defer { unread.removeFirst(length) }
        return Array(unread[..<length])
    }

    private mutating func takeLines(until mark: String) -> [String]? {
        guard let end = unread.firstRange(of: Array(mark.utf8)) else { return nil }
        defer { unread.removeFirst(end.upperBound) }
        return text(unread[..<end.lowerBound]).split(separator: "\r\n").map(String.init)
    }

    private func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: Array(bytes), as: UTF8.self)
    }
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
