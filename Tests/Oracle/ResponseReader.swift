/// A client's reading of HTTP/1.1 responses (RFC 9112) and their event streams. It follows only the
/// standards, takes nothing that is not well-formed, and shares no code with the server.
package struct ResponseReader {
    /// The contents of a response's head.
    package struct Head: Sendable {
        package var status = 0
        package var isStream = false
        package var type: String?
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
        /// The head of another body that comes in parts, and one of these.
        case opened(Head)
        case part([UInt8])
        /// An event with a message; the lines of its data are joined by LF.
        case event(id: String?, data: [UInt8])
        /// An event without a message.
        case priming(id: String)
        /// The URL to post to, in the transport of the first revision.
        case endpoint(String)
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
        case chunkedParts
        case partsUntilClose
        /// The connection's last response has ended.
        case ended
        case failed
    }

    /// Whether each request that has no response yet is HEAD. If there is none, it is not.
    package var asksForHead: [Bool] = []
    private var state = State.head
    private var isLast = false
    private var unread: [UInt8] = []
    private var stream = EventStreamReader()

    package init() {}

    /// Whether nothing that has begun to arrive is incomplete.
    package var isBetweenItems: Bool {
        switch state {
        case .head, .ended: unread.isEmpty
        case .chunked, .untilClose: unread.isEmpty && stream.isBetweenBlocks
        case .chunkedParts, .partsUntilClose: unread.isEmpty
        case .body, .failed: false
        }
    }

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
            let head = Array(unread[..<(end + 2)])
            unread.removeFirst(end + 4)
            return begin(head, &items)
        case .body(let head, let length):
            guard unread.count >= length else { return false }
            items.append(.response(head, body: Array(unread[..<length])))
            unread.removeFirst(length)
            state = isLast ? .ended : .head
        case .chunked:
            return readChunk(&items)
        case .untilClose:
            guard !unread.isEmpty else { return false }
            stream.read(unread)
            unread = []
            takeEvents(&items)
        case .chunkedParts:
            return readChunk(&items)
        case .partsUntilClose:
            guard !unread.isEmpty else { return false }
            items.append(.part(unread))
            unread = []
        case .ended:
            return unread.isEmpty ? false : fail("something behind the last response", &items)
        case .failed:
            return false
        }
        return true
    }

    private mutating func fail(_ reason: String, _ items: inout [Item]) -> Bool {
        items.append(.malformed(reason))
        state = .failed
        return false
    }

    private mutating func readChunk(_ items: inout [Item]) -> Bool {
        guard let end = unread.position(of: "\r\n") else { return false }
        let digits = text(unread[..<end])
        guard digits.allSatisfy(\.isHexDigit), let size = Int(digits, radix: 16) else {
            return fail("a chunk of size \(digits)", &items)
        }
        let next = end + 2 + size
        guard unread.count >= next + 2 else { return false }
        guard unread[next] == 0x0D, unread[next + 1] == 0x0A else {
            return fail("a chunk without an end", &items)
        }
        if case .chunkedParts = state {
            if size > 0 { items.append(.part(Array(unread[(end + 2)..<next]))) }
        } else {
            stream.read(unread[(end + 2)..<next])
        }
        unread.removeFirst(next + 2)
        takeEvents(&items)
        guard size == 0 else { return true }
        if !stream.isBetweenBlocks { return fail("half an event at a stream's end", &items) }
        items.append(.end)
        state = isLast ? .ended : .head
        return true
    }

    private mutating func takeEvents(_ items: inout [Item]) {
        for block in stream.takeBlocks() { items.append(ResponseReader.item(of: block)) }
    }

    /// What a block of a stream is in our protocol.
    private static func item(of block: EventStreamReader.Block) -> Item {
        var id: String?
        for (name, value) in block.fields {
            switch name {
            case "": return .comment(text(value))
            case "id": id = text(value)
            case "retry": return Int64(text(value)).map { .retry($0) } ?? .malformed("a retry")
            case "data": break
            case "event" where text(value) == "message": break
            case "event" where text(value) == "endpoint":
                return .endpoint(text(block.event?.data ?? []))
            default: return .malformed("a line \(name):\(text(value))")
            }
        }
        guard let data = block.event?.data else { return .malformed("an event without data") }
        if data.isEmpty { return id.map { .priming(id: $0) } ?? .malformed("an empty event") }
        return .event(id: id, data: data)
    }
}

// MARK: Heads

extension ResponseReader {
    /// `bytes` are lines, each with its end.
    private mutating func begin(_ bytes: [UInt8], _ items: inout [Item]) -> Bool {
        var lines = bytes.split(separator: 0x0D, omittingEmptySubsequences: false)
        guard lines.removeLast() == [0x0A] else { return fail("a head without an end", &items) }
        var head = Head()
        let first = text(lines[0])
        guard first.hasPrefix("HTTP/1.1 "), first.utf8.count >= 13,
            let status = Int(first.dropFirst(9).prefix(3)), 100..<600 ~= status,
            first.dropFirst(12).first == " "
        else { return fail("a head that begins with \(first)", &items) }
        head.status = status
        for line in lines.dropFirst() {
            guard line.first == 0x0A, head.take(line.dropFirst()) else {
                return fail("a field \(text(line))", &items)
            }
        }
        if let fault = head.framingFault { return fail(fault, &items) }
        if status / 100 == 1 {
            items.append(.interim(head))
            return true
        }
        let isBodiless = asksForHead.isEmpty ? false : asksForHead.removeFirst()
        isLast = head.closes
        if head.isStream {
            stream = EventStreamReader()
            items.append(.stream(head))
            state = head.isChunked ? .chunked : .untilClose
        } else if isBodiless || status == 304 || head.length != nil || status == 204 {
            state = .body(head, length: isBodiless || status == 304 ? 0 : head.length ?? 0)
        } else {
            items.append(.opened(head))
            state = head.isChunked ? .chunkedParts : .partsUntilClose
        }
        return true
    }
}

extension ResponseReader.Head {
    /// What is wrong with how the end of the body is told: RFC 9112, section 6.
    fileprivate var framingFault: String? {
        if length != nil && isChunked { return "a length, and chunks" }
        if status / 100 == 1 || status == 204 {
            return length != nil || isChunked ? "a body behind \(status)" : nil
        }
        if isStream {
            return status == 200 && length == nil && (isChunked || closes) ? nil : "no stream"
        }
        return length == nil && !isChunked && !closes && status != 304
            ? "a body without an end" : nil
    }

    /// Takes a field's line; false if it is malformed.
    fileprivate mutating func take(_ line: ArraySlice<UInt8>) -> Bool {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy({ isAlphanumeric($0) || $0 == UInt8(ascii: "-") }),
            line[colon...].dropFirst().first == 0x20,
            line[colon...].allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return false }
        let value = text(line[(colon + 2)...])
        switch text(line[..<colon]).lowercased() {
        case "content-length":
            guard length == nil, value.allSatisfy(\.isNumber) else { return false }
            length = Int(value)
            return length != nil
        case "transfer-encoding":
            isChunked = value == "chunked"
            return isChunked
        case "content-type":
            type = value
            isStream = value == "text/event-stream; charset=utf-8"
            if !isStream, value != "application/json" { others.append(("content-type", value)) }
        case "mcp-session-id": sessionID = value
        case "connection": closes = value == "close"
        case "cache-control" where value == "no-cache, no-transform": break
        case "x-accel-buffering": break
        case let name: others.append((name, value))
        }
        return true
    }
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
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
