import Simulation

/// One input of a transcript: words, followed by a JSON body.
struct Line: CustomStringConvertible {
    let words: [String]
    let body: String?
    /// The header fields of a modern request, without what its words change.
    private let modernFields: [String: String]
    let description: String

    init(_ text: String) {
        description = text
        let bodyStart = [" {", " [", " \""].compactMap { text.firstRange(of: $0)?.lowerBound }.min()
        let head = text[..<(bodyStart ?? text.endIndex)]
        words = head.split(separator: " ").map(String.init)
        body = bodyStart.map { String(text[$0...].dropFirst()) }
        modernFields = words.contains("modern") ? Shorthand.fields(repeating: body ?? "") : [:]
    }

    /// The word at an index.
    func word(_ index: Int) throws(TranscriptError) -> String {
        guard words.indices.contains(index) else {
            throw TranscriptError("a word is missing in `\(description)`")
        }
        return words[index]
    }

    /// The number at an index.
    func number<N: LosslessStringConvertible>(_ index: Int) throws(TranscriptError) -> N {
        guard let number = N(try word(index)) else {
            throw TranscriptError("\(words[index]) is no number in `\(description)`")
        }
        return number
    }

    /// The number of a key that the host chooses or is told: 1 in `k1` and `l1`.
    func key(_ index: Int) throws(TranscriptError) -> UInt64 {
        let keys = try keys(index)
        guard keys.count == 1 else {
            throw TranscriptError("\(words[index]) are too many in `\(description)`")
        }
        return keys[0]
    }

    /// The numbers of several: 1 and 2 in `k1,k2`.
    func keys(_ index: Int) throws(TranscriptError) -> [UInt64] {
        var keys: [UInt64] = []
        for name in try word(index).split(separator: ",") {
            guard let key = UInt64(name.dropFirst()) else {
                throw TranscriptError("\(name) is no name in `\(description)`")
            }
            keys.append(key)
        }
        return keys
    }

    /// The quoted text, with escaped line ends converted to bytes.
    var unescaped: [UInt8] {
        let content = (body ?? "").dropFirst().dropLast()
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in content.utf8 {
            if isEscaped {
                bytes.append(byte == UInt8(ascii: "r") ? 0x0D : 0x0A)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }

    /// Whether a word is the name of a session. Each cut asks: a regex would take most of the time.
    static func isSession(_ word: String) -> Bool {
        word.utf8.first == UInt8(ascii: "S") && UInt(word.dropFirst()) != nil
    }

    /// The HTTP request that `c1 POST session=S1 {…}` stands for.
    func request(_ names: Names) throws(TranscriptError) -> [UInt8] {
        let method = try word(1)
        guard method.allSatisfy(\.isUppercase) else {
            throw TranscriptError("no client does `\(method)`")
        }
        var path = "/mcp"
        var version = "HTTP/1.1"
        var isChunked = false
        var again: [String] = []
        let body = body.map { names.statesInserted(into: $0) }
        var length = body.map { $0.utf8.count }
        var fields = [
            "Host": "localhost",
            "Accept": (method == "POST" ? "application/json, " : "") + "text/event-stream",
        ]
        if method == "POST" { fields["Content-Type"] = "application/json" }
        for word in words[2...] {
            let part = word.split(separator: "=", maxSplits: 1).map(String.init)
            let value = part.count > 1 ? part[1] : ""
            switch part[0] {
            case "session":
                fields["Mcp-Session-Id"] = Line.isSession(value) ? names.wireID(value) : value
            case "again":
                let name = value.prefix { $0 != ":" }
                let rest = String(value.dropFirst(name.count + 1))
                again.append("\(name): \(Line.isSession(rest) ? names.wireID(rest) : rest)\r\n")
            case "modern": fields.merge(modernFields) { $1 }
            case "version": fields["MCP-Protocol-Version"] = value
            case "method": fields["Mcp-Method"] = value
            case "name": fields["Mcp-Name"] = value
            case "without": fields[value] = nil
            case "host": fields["Host"] = value
            case "origin": fields["Origin"] = value
            case "asks-method": fields["Access-Control-Request-Method"] = value
            case "asks-headers": fields["Access-Control-Request-Headers"] = value
            case "token": fields["Authorization"] = "Bearer \(value)"
            case "basic": fields["Authorization"] = "Basic \(value)"
            case "accept": fields["Accept"] = value
            case "ticket": fields["Last-Event-ID"] = value
            case "last-event-id": fields["Last-Event-ID"] = names.eventID(value)
            case "path":
                let place = value.range(of: "session=S")?.lowerBound
                path =
                    place.map { start in
                        let name = String(value[start...].dropFirst(8))
                        return value[..<start] + "session=" + names.wireID(name)
                    } ?? value
            case "length": length = Int(value)
            case "chunked": isChunked = true
            case "expect": fields["Expect"] = "100-continue"
            case "close", "keep-alive": fields["Connection"] = part[0]
            case let word where word.hasPrefix("HTTP/"): version = word
            default: throw TranscriptError("no request has `\(word)`")
            }
        }
        if isChunked {
            fields["Transfer-Encoding"] = "chunked"
        } else if let length {
            fields["Content-Length"] = String(length)
        }
        let lines = fields.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\r\n" } + again
        let content = isChunked ? chunks(of: body ?? "") : body ?? ""
        return Array("\(method) \(path) \(version)\r\n\(lines.joined())\r\n\(content)".utf8)
    }

    /// The body in two chunks.
    private func chunks(of body: String) -> String {
        let half = body.utf8.count / 2
        let parts = [body.utf8.prefix(half), body.utf8.dropFirst(half)].filter { !$0.isEmpty }
        return parts.map { "\(String($0.count, radix: 16))\r\n\(Substring($0))\r\n" }.joined()
            + "0\r\n\r\n"
    }
}
