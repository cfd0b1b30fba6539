/// A client's parser for HTTP responses and server-sent events. It follows only the standards, and
/// shares no code with the server.
package struct ResponseReader {
    /// The contents of a response's head.
    package struct Head: Sendable {
        package var status = 0
        package var isStream = false
        package var sessionID: String?
        /// Whether the connection ends with the response.
        package var closes = false
        /// All other fields, by their names in lower case.
        package var others: [(name: String, value: String)] = []
        fileprivate var length: Int?
        fileprivate var isChunked = false
    }

    /// The next item that arrives from a server.
    package enum Item: Sendable {
        /// An interim response (1xx).
        case interim(Head)
        /// A response whose body is not a stream.
        case response(Head, body: [UInt8])
        /// The head of an event stream.
        case stream(Head)
        /// An event with a message; the lines of its data are joined by LF.
        case event(id: String?, data: [UInt8])
        /// An event without a message.
        case priming(id: String)
        case retry(Int64)
        case comment(String)
        /// The end of a stream, if HTTP marks it.
        case end
        /// Bytes that are not valid HTTP, or not a valid event stream.
        case malformed(String)
    }

    private enum State {
        case head
        case body(Head, length: Int)
        case chunked
        case untilClose
    }

    private var state = State.head
    private var unread: [UInt8] = []
    private var stream: [UInt8] = []

    package init() {}

    package mutating func read(_ bytes: some Collection<UInt8>) -> [Item] {
        unread += bytes
        var items: [Item] = []
        while step(&items) {}
        return items
    }

    /// Parses the next complete item; false if it has not arrived yet.
    private mutating func step(_ items: inout [Item]) -> Bool {
        switch state {
        case .head:
            guard let end = unread.position(of: "\r\n\r\n") else { return false }
            let lines = unread[..<end].split(separator: 0x0D).map { line in
                line.first == 0x0A ? line.dropFirst() : line
            }
            unread.removeFirst(end + 4)
            begin(lines, &items)
        case .body(let head, let length):
            guard unread.count >= length else { return false }
            items.append(.response(head, body: Array(unread[..<length])))
            unread.removeFirst(length)
            state = .head
        case .chunked:
            guard let end = unread.position(of: "\r\n") else { return false }
            guard let size = Int(text(unread[..<end]), radix: 16) else {
                return fail("a chunk of size \(text(unread[..<end]))", &items)
            }
            guard unread.count >= end + size + 4 else { return false }
            stream += unread[(end + 2)..<(end + 2 + size)]
            unread.removeFirst(end + size + 4)
            takeEvents(&items)
            if size == 0 {
                if !stream.isEmpty { return fail("half an event at a stream's end", &items) }
                items.append(.end)
                state = .head
            }
        case .untilClose:
            guard !unread.isEmpty else { return false }
            stream += unread
            unread = []
            takeEvents(&items)
        }
        return true
    }

    private mutating func fail(_ reason: String, _ items: inout [Item]) -> Bool {
        items.append(.malformed(reason))
        unread = []
        return false
    }

    private mutating func begin(_ lines: [ArraySlice<UInt8>], _ items: inout [Item]) {
        var head = Head()
        let words = lines[0].split(separator: 0x20)
        guard words.count > 1, text(words[0]) == "HTTP/1.1", let status = Int(text(words[1])) else {
            return _ = fail("a head that begins with \(text(lines[0]))", &items)
        }
        head.status = status
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
                return _ = fail("a field \(text(line))", &items)
            }
            head.take(text(line[..<colon]).lowercased(), text(line[(colon + 2)...]))
        }
        if status / 100 == 1 { return items.append(.interim(head)) }
        stream = []
        if head.isStream {
            items.append(.stream(head))
            state = head.isChunked ? .chunked : .untilClose
        } else {
            state = .body(head, length: head.length ?? 0)
        }
    }

    private mutating func takeEvents(_ items: inout [Item]) {
        while let end = stream.position(of: "\n\n") {
            items.append(ResponseReader.item(of: stream[..<end].split(separator: 0x0A)))
            stream.removeFirst(end + 2)
        }
    }

    /// Parses one block of an event stream.
    private static func item(of lines: [ArraySlice<UInt8>]) -> Item {
        var id: String?
        var data: [UInt8]?
        for line in lines {
            let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
            var value = line[colon...].dropFirst()
            if colon == line.startIndex { return .comment(text(value)) }
            if value.first == 0x20 { value = value.dropFirst() }
            switch text(line[..<colon]) {
            case "id": id = text(value)
            case "retry": return Int64(text(value)).map { .retry($0) } ?? .malformed("a retry")
            case "data": data = data.map { $0 + [0x0A] + value } ?? Array(value)
            case "event" where text(value) == "message": break
            default: return .malformed("a line \(text(line))")
            }
        }
        guard let data else { return .malformed("an event without data") }
        if data.isEmpty { return id.map { .priming(id: $0) } ?? .malformed("an empty event") }
        return .event(id: id, data: data)
    }
}

extension ResponseReader.Head {
    fileprivate mutating func take(_ name: String, _ value: String) {
        switch name {
        case "content-length": length = Int(value)
        case "transfer-encoding": isChunked = value == "chunked"
        case "content-type" where value == "application/json": break
        case "content-type" where value.hasPrefix("text/event-stream"):
            isStream = value == "text/event-stream; charset=utf-8"
        case "mcp-session-id": sessionID = value
        case "connection": closes = value == "close"
        case "cache-control" where value == "no-cache, no-transform": break
        case "x-accel-buffering": break
        default: others.append((name, value))
        }
    }
}

private func text(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Array(bytes), as: UTF8.self)
}

extension [UInt8] {
    /// The index of the first `mark`; nil if there is none.
    fileprivate func position(of mark: StaticString) -> Int? {
        let length = mark.utf8CodeUnitCount
        return withUnsafeBufferPointer { bytes in
            var start = 0
            while start + length <= bytes.count {
                if bytes[start] == mark.utf8Start[0],
                    (1..<length).allSatisfy({ bytes[start + $0] == mark.utf8Start[$0] })
                {
                    return start
                }
                start += 1
            }
            return nil
        }
    }
}
