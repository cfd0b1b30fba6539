/// One HTTP request of a client.
struct Request {
    var method = "POST"
    var path = "/mcp"
    var session: String?
    var lastEventID: String?
    /// The number of the credentials; nil for none.
    var grant: Int?
    /// Further header lines.
    var fields: [(name: String, value: String)] = []
    /// JSON-RPC members, without `jsonrpc`.
    var members: String?
    /// The same of each message, if the body is an array.
    var batch: [String]?
    var isChunked = false
    var isHTTP10 = false
    var closes = false
    var expectsContinue = false

    private var body: String {
        if let batch { return "[\(batch.map(Request.message).joined(separator: ","))]" }
        return members.map(Request.message) ?? ""
    }

    private static func message(_ members: String) -> String {
        "{\"jsonrpc\":\"2.0\",\(members)}"
    }

    var bytes: [UInt8] {
        var text = "\(method) \(path) HTTP/1.\(isHTTP10 ? 0 : 1)\r\nHost: localhost\r\n"
        if let session { text += "Mcp-Session-Id: \(session)\r\n" }
        if let lastEventID { text += "Last-Event-ID: \(lastEventID)\r\n" }
        if let grant { text += "Authorization: Bearer \(grant)\r\n" }
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        if closes { text += "Connection: close\r\n" }
        if method == "GET" { text += "Accept: text/event-stream\r\n" }
        guard method == "POST" else { return Array((text + "\r\n").utf8) }
        if expectsContinue { text += "Expect: 100-continue\r\n" }
        text += "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        guard isChunked else {
            return Array((text + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)").utf8)
        }
        let half = body.utf8.count / 2
        let chunks = [body.prefix(half), body.dropFirst(half)].map {
            "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n"
        }
        return Array(
            (text + "Transfer-Encoding: chunked\r\n\r\n\(chunks.joined())0\r\n\r\n").utf8)
    }

    /// The request in the notation of transcripts.
    func line(_ names: Names) -> String {
        var words = [method]
        if path != "/mcp" { words.append("path=" + path) }
        if let session { words.append("session=" + names.session(session)) }
        if let lastEventID { words.append("last-event-id=" + names.event(lastEventID)) }
        if let grant { words.append("token=\(grant)") }
        if isHTTP10 { words.append("HTTP/1.0") }
        if isChunked { words.append("chunked") }
        if expectsContinue { words.append("expect") }
        if closes { words.append("close") }
        words += fields.map { "\($0.name)=\($0.value)" }
        if let members { words.append("{…\(members)}") }
        if let batch { words.append("[\(batch.map { "{…\($0)}" }.joined(separator: ","))]") }
        return words.joined(separator: " ")
    }
}
