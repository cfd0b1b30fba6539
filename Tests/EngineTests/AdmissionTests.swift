import Engine
import MCP
import Session
import Testing
import Wire

/// One request head, and the options of the server that receives it.
struct Arrival: Sendable, CustomTestStringConvertible {
    var method = "POST"
    var target = "/mcp"
    var version = "HTTP/1.1"
    var lines = ["Host: localhost:80", "Content-Type: application/json"]
    var isLoopback = true
    var isUnix = false
    var isStateless = false
    var mode = ResponseMode.stream
    var origins: String?
    var hosts: String?
    var limit = 100
    /// The URL of the resource; nil for no metadata.
    var resource: String?

    init(_ change: (inout Arrival) -> Void) {
        change(&self)
    }

    static func post(_ lines: String...) -> Arrival { Arrival { $0.lines += lines } }

    static func get(_ lines: String...) -> Arrival {
        Arrival {
            $0.method = "GET"
            $0.lines = ["Host: localhost"] + lines
        }
    }

    /// A POST whose only line besides the Content-Type is `Host: host`.
    static func host(_ host: String?, _ change: (inout Arrival) -> Void = { _ in }) -> Arrival {
        Arrival {
            $0.lines = ["Content-Type: application/json"] + (host.map { ["Host: \($0)"] } ?? [])
            change(&$0)
        }
    }

    static func origin(_ origin: String, _ change: (inout Arrival) -> Void = { _ in }) -> Arrival {
        Arrival {
            $0.lines.append("Origin: \(origin)")
            change(&$0)
        }
    }

    func with(_ change: (inout Arrival) -> Void) -> Arrival {
        var arrival = self
        change(&arrival)
        return arrival
    }

    var testDescription: String {
        "\(method) \(target) \(version) \(lines) \(isLoopback) \(isStateless) \(mode)"
    }

    /// "message", "stream", "end", or the status of a refusal.
    var verdict: String {
        var options = ServerOptions()
        options.isStateless = isStateless
        options.responseMode = mode
        options.limits.messageBytes = limit
        options.allowedOrigins = origins.map { AccessList(literal: $0, of: .origins) }
        options.allowedHosts = hosts.map { AccessList(literal: $0, of: .hosts) }
        options.resourceMetadata = resource.map { ResourceMetadata(literal: $0) }
        let admission = Admission(options)
        admission.reach = isUnix ? .unixSocket : isLoopback ? .loopback : .network
        let parser = RequestParser(limits: options.limits, settings: LLHTTPSettings(indexing: .mcp))
        let head = RequestHead()
        parser.head = head
        let text = (["\(method) \(target) \(version)"] + lines).map { $0 + "\r\n" }.joined()
        let step = Array((text + "\r\n").utf8).withUnsafeBytes { parser.parse($0).step }
        guard step == .head else { return "\(step)" }
        let verdict = admission.judge(head)
        if verdict == .message || verdict == .primaryStream,
            let refusal = admission.examine(head)
        {
            return Arrival.text(of: refusal)
        }
        switch verdict {
        case .message: return "message"
        case .primaryStream: return "stream"
        case .preflight: return "preflight"
        case .metadata: return "metadata"
        case .other: return "other"
        case .endOfSession: return "end"
        case .refuse(let refusal): return Arrival.text(of: refusal)
        }
    }

    private static func text(of refusal: Refusal) -> String {
        "\(refusal.status.rawValue)" + (refusal.allow.map { " \($0)" } ?? "")
    }
}

extension AccessList {
    init(literal text: String, of kind: Kind) {
        self = Array(text.utf8).withUnsafeBytes { try! AccessList($0, of: kind) }
    }
}

extension ResourceMetadata {
    init(literal url: String) {
        let json = "{\"resource\":\"\(url)\",\"authorization_servers\":[\"https://id.test\"]}"
        self = Array(json.utf8).withUnsafeBytes { ResourceMetadata($0, depthMax: 8)! }
    }
}

@Suite("Admission")
struct AdmissionTests {
    @Test(
        "Each head gets its verdict",
        arguments: heads)
    func verdict(_ arrival: Arrival, _ verdict: String) {
        #expect(arrival.verdict == verdict)
    }

    @Test("The first check that fails answers: host, origin, path, method, length, type, Accept")
    func order() {  // PROTOCOL 2.1
        var arrival = Arrival {
            $0.method = "PUT"
            $0.target = "/other"
            $0.lines = [
                "Host: evil", "Origin: http://evil", "Content-Length: 101", "Content-Type: text/a",
                "Accept: text/a",
            ]
        }
        let repairs: [(String, (inout Arrival) -> Void)] = [
            ("403", { $0.lines[0] = "Host: localhost" }),
            ("403", { $0.lines[1] = "Origin: http://localhost" }),
            ("404", { $0.target = "/mcp" }),
            ("405 GET, POST, DELETE", { $0.method = "POST" }),
            ("413", { $0.lines[2] = "Content-Length: 100" }),
            ("415", { $0.lines[3] = "Content-Type: application/json" }),
            ("406", { $0.lines[4] = "Accept: */*" }),
        ]
        for (verdict, repair) in repairs {
            #expect(arrival.verdict == verdict)
            repair(&arrival)
        }
        #expect(arrival.verdict == "message")
    }
}

private let heads = [paths, methods, hosts, origins, messages, metadata].flatMap { $0 }

private let paths: [(Arrival, String)] = [  // S-001
    (.post(), "message"),
    (Arrival { $0.target = "/mcp?a=b" }, "message"),
    (Arrival { $0.target = "/mcp?" }, "message"),
    (Arrival { $0.target = "/mcp/" }, "message"),
    (Arrival { $0.target = "/mcp/?a" }, "message"),
    (Arrival { $0.target = "/mcp//" }, "404"),
    (Arrival { $0.target = "//mcp" }, "404"),
    (Arrival { $0.target = "/%6dcp" }, "message"),
    (Arrival { $0.target = "/%6D%63%70/" }, "message"),
    (Arrival { $0.target = "/mcp%2F" }, "404"),
    (Arrival { $0.target = "/%2fmcp" }, "404"),
    (Arrival { $0.target = "/mc%" }, "404"),
    (Arrival { $0.target = "/mc%7" }, "404"),
    (Arrival { $0.target = "/mc%zzp" }, "404"),
    (Arrival { $0.target = "/mcp%00" }, "404"),
    (Arrival { $0.target = "/%256dcp" }, "404"),
    (Arrival { $0.target = "/MCP" }, "404"),
    (Arrival { $0.target = "/" }, "404"),
    (Arrival { $0.target = "/mcpx" }, "404"),
    (Arrival { $0.target = "/x?/mcp" }, "404"),
    (Arrival { $0.target = "http://localhost:80/mcp" }, "message"),
    (Arrival { $0.target = "http://localhost:80/mcp?q" }, "message"),
    (Arrival { $0.target = "http://localhost:81/mcp" }, "400"),
    (Arrival { $0.target = "http://evil/mcp" }, "400"),
    (Arrival { $0.target = "http://localhost:80" }, "404"),
    (
        Arrival {
            $0.method = "OPTIONS"
            $0.target = "*"
        }, "404"
    ),
]

private let methods: [(Arrival, String)] = [  // S-006, S-010, S-228
    (.get(), "stream"),
    (.get("Accept: text/event-stream"), "stream"),
    (.get("Accept: */*"), "stream"),
    (.get("Accept: text/*;q=0.1"), "stream"),
    (.get("Accept: application/json"), "406"),
    (.get("Accept: text/event-stream;q=0"), "406"),
    (.get("Accept: text/event-stream").with { $0.mode = .json }, "stream"),
    (.get().with { $0.isStateless = true }, "405 POST"),
    (.get().with { $0.method = "DELETE" }, "end"),
    (
        .get().with {
            $0.method = "DELETE"
            $0.isStateless = true
        }, "405 POST"
    ),
    (.get().with { $0.method = "PUT" }, "405 GET, POST, DELETE"),
    (.get().with { $0.method = "HEAD" }, "405 GET, POST, DELETE"),
    (.get().with { $0.method = "OPTIONS" }, "405 GET, POST, DELETE"),
    (
        .get().with {
            $0.method = "PATCH"
            $0.isStateless = true
        }, "405 POST"
    ),
    (Arrival { $0.isStateless = true }, "message"),
]

private let hosts: [(Arrival, String)] = [  // S-004, S-505
    (.host("localhost"), "message"),
    (.host("LOCALHOST:8080"), "message"),
    (.host("localhost."), "message"),
    (.host("127.0.0.1:80"), "message"),
    (.host("127.8.9.10"), "message"),
    (.host("[::1]:80"), "message"),
    (.host("[::1]"), "message"),
    (.host("evil.example.com"), "403"),
    (.host("localhost.evil.com"), "403"),
    (.host("127.0.0.1.evil.com"), "403"),
    (.host("127.0.0.1.2"), "403"),
    (.host("127.0.0"), "403"),
    (.host("128.0.0.1"), "403"),
    (.host("[::2]"), "403"),
    (.host("[::1"), "403"),
    (.host("localhost:x"), "403"),
    (.host("localhost:123456"), "403"),
    (.host("localhost@evil"), "403"),
    (.host(""), "403"),
    (.host("evil") { $0.isUnix = true }, "message"),
    (
        .host("evil") {
            $0.isUnix = true
            $0.hosts = "good"
        }, "message"
    ),
    (.host(nil) { $0.isUnix = true }, "400"),
    (.origin("http://evil") { $0.isUnix = true }, "403"),
    (.post("Content-Encoding: gzip"), "415"),
    (.post("Content-Encoding: Identity"), "message"),
    (.host(nil), "400"),
    (.host(nil) { $0.version = "HTTP/1.0" }, "message"),
    (.host("localhost") { $0.lines.append("Host: localhost") }, "400"),
    (
        .host("localhost") {
            $0.lines.append("Host: localhost")
            $0.version = "HTTP/1.0"
        }, "400"
    ),
    (.host("evil") { $0.isLoopback = false }, "message"),
    (.host(nil) { $0.isLoopback = false }, "400"),
    (.host("mcp.example") { $0.hosts = "a.example, mcp.example" }, "message"),
    (.host("MCP.example:443") { $0.hosts = "mcp.example" }, "message"),
    (.host("mcp.example:443") { $0.hosts = "mcp.example:443" }, "message"),
    (.host("mcp.example:444") { $0.hosts = "mcp.example:443" }, "403"),
    (.host("localhost") { $0.hosts = "mcp.example" }, "403"),
    (.host("x.mcp.example") { $0.hosts = "mcp.example" }, "403"),
    (.host("anything") { $0.hosts = "*" }, "message"),
    (.host("mcp.example:444") { $0.hosts = "mcp.example:*" }, "message"),
    (.host("MCP.example") { $0.hosts = "mcp.example:*" }, "message"),
    (.host("mcp.example.evil:444") { $0.hosts = "mcp.example:*" }, "403"),
    (.host("[2001:db8::1]:444") { $0.hosts = "2001:db8::1" }, "message"),
    (.host("[2001:db8::1]:444") { $0.hosts = "[2001:DB8::1]" }, "message"),
    (.host("[2001:db8::1]:444") { $0.hosts = "[2001:db8::1]:*" }, "message"),
    (.host("[2001:db8::1]:444") { $0.hosts = "[2001:db8::1]:444" }, "message"),
    (.host("[2001:db8::1]:445") { $0.hosts = "[2001:db8::1]:444" }, "403"),
    (.host("[mcp.example:8080]:1") { $0.hosts = "mcp.example:8080" }, "403"),
    (.host("localhost") { $0.hosts = "" }, "403"),
    (
        .host("evil") {
            $0.hosts = "mcp.example"
            $0.isLoopback = false
        }, "403"
    ),
]

private let origins: [(Arrival, String)] = [  // S-002, S-003, S-504
    (.origin("http://localhost"), "message"),
    (.origin("http://localhost:3000"), "message"),
    (.origin("https://127.0.0.1:3000"), "message"),
    (.origin("http://[::1]:3000"), "message"),
    (.origin("http://evil.example"), "403"),
    (.origin("http://localhost.evil.com"), "403"),
    (.origin("http://localhost@evil.com"), "403"),
    (.origin("http://localhost:80@evil.com"), "403"),
    (.origin("http://localhost/"), "403"),
    (.origin("ftp://localhost"), "403"),
    (.origin("localhost"), "403"),
    (.origin("null"), "403"),
    (.origin(""), "403"),
    (.origin("http://localhost") { $0.lines.append("Origin: http://evil") }, "403"),
    (.origin("http://localhost") { $0.isLoopback = false }, "403"),
    (.origin("https://app.example") { $0.origins = "https://app.example" }, "message"),
    (.origin("https://app.example:8443") { $0.origins = "https://app.example" }, "403"),
    (.origin("http://app.example") { $0.origins = "https://app.example" }, "403"),
    (.origin("http://localhost") { $0.origins = "https://app.example" }, "403"),
    (.origin("http://evil") { $0.origins = "*" }, "message"),
    (.origin("null") { $0.origins = "null" }, "message"),
    (.origin("http://app.example:3000") { $0.origins = "http://app.example:*" }, "message"),
    (.origin("http://127.0.0.1:4711") { $0.origins = "http://127.0.0.1:*" }, "message"),
    (.origin("http://[::1]:4711") { $0.origins = "http://127.0.0.1:*,http://[::1]:*" }, "message"),
    (.origin("http://[::2]:4711") { $0.origins = "http://127.0.0.1:*,http://[::1]:*" }, "403"),
    (.origin("http://APP.example") { $0.origins = "http://app.example:*" }, "message"),
    (.origin("https://app.example:3000") { $0.origins = "http://app.example:*" }, "403"),
    (.origin("http://app.example:3000.evil") { $0.origins = "http://app.example:*" }, "403"),
    (.origin("http://[::1]:3000") { $0.origins = "http://[::1]:*" }, "message"),
    (.origin("") { $0.origins = "" }, "403"),
    (.origin("http://localhost") { $0.origins = "" }, "403"),
    (.origin("http://evil") { $0.method = "GET" }, "403"),
    (.origin("http://evil") { $0.method = "OPTIONS" }, "403"),
]

private func type(_ type: String?) -> Arrival {
    Arrival { $0.lines = ["Host: localhost"] + (type.map { ["Content-Type: \($0)"] } ?? []) }
}

private let both = "Accept: application/json, text/event-stream"

private let messages: [(Arrival, String)] = [  // S-007 to S-009
    (.post(both), "message"),
    (.post("Accept: application/json"), "406"),
    (.post("Accept: text/event-stream"), "406"),
    (.post("Accept: */*"), "message"),
    (.post("Accept: application/*, text/*"), "message"),
    (.post("Accept: application/json;q=0, text/event-stream, */*"), "406"),
    (.post("Accept: application/json, text/event-stream;q=0"), "406"),
    (.post("Accept: application/json").with { $0.mode = .json }, "message"),
    (.post("Accept: text/event-stream").with { $0.mode = .json }, "406"),
    (.post("Accept: application/json").with { $0.mode = .auto }, "406"),
    (type(nil), "415"),
    (type("text/plain"), "415"),
    (type("text/plain; a=application/json"), "415"),
    (type("Application/Json; charset=UTF-8"), "message"),
    (type("application/json; charset=utf-16"), "415"),
    (type("application/json").with { $0.lines.append("Content-Type: application/json") }, "415"),
    (.post("Content-Length: 100"), "message"),
    (.post("Content-Length: 101"), "413"),
    (.post("Content-Length: 18446744073709551615"), "413"),
    (.post("Transfer-Encoding: chunked"), "message"),
]

private func metadata(
    _ method: String, _ target: String, _ change: (inout Arrival) -> Void = { _ in }
) -> Arrival {
    Arrival {
        $0.method = method
        $0.target = target
        $0.lines = ["Host: localhost"]
        $0.resource = "https://api.test/public/mcp?v=1"
        change(&$0)
    }
}

private let wellKnown = "/.well-known/oauth-protected-resource"

private let metadata: [(Arrival, String)] = [
    (metadata("GET", wellKnown + "/public/mcp"), "metadata"),
    (metadata("GET", wellKnown + "/public/mcp?v=1"), "metadata"),
    (metadata("GET", wellKnown), "metadata"),
    (metadata("HEAD", wellKnown), "metadata"),
    (metadata("OPTIONS", wellKnown + "/public/mcp"), "metadata"),
    (metadata("GET", "http://localhost" + wellKnown), "metadata"),
    (metadata("GET", wellKnown) { $0.lines.append("Origin: https://evil.test") }, "metadata"),
    (metadata("GET", wellKnown) { $0.lines = ["Host: evil.test"] }, "403"),
    (metadata("POST", wellKnown), "405 GET, HEAD, OPTIONS"),
    (metadata("DELETE", wellKnown), "405 GET, HEAD, OPTIONS"),
    (metadata("GET", wellKnown + "/"), "404"),
    (metadata("GET", wellKnown + "/mcp"), "404"),
    (metadata("GET", wellKnown + "x"), "404"),
    (metadata("GET", wellKnown) { $0.resource = nil }, "404"),
    (metadata("GET", "/mcp"), "stream"),
]
