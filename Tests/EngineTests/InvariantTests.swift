import Engine
import Link
import Session
import Testing
import Wire

/// What is broken on purpose is found: so that no violation says something.
@Suite("Invariants")
struct InvariantTests {
    @Test("A check finds what breaks its invariant", arguments: Invariant.allCases)
    func found(_ invariant: Invariant) throws {
        #expect(!invariant.sabotages.isEmpty)
        for sabotage in invariant.sabotages {
            let scene = try Scene()
            let before = scene.engine.violations()
            #expect(before.isEmpty)
            #expect(sabotage.commit(on: scene.engine), "\(sabotage): nothing to break")
            let broken = scene.engine.violations()
            #expect(broken.contains { $0.invariant == invariant }, "\(sabotage): \(broken)")
            let others = Set(broken.map(\.invariant)).subtracting([invariant])
            #expect(others.isSubset(of: Self.others[invariant, default: []]), "\(broken)")
        }
    }

    /// What cannot hold either if an invariant is broken.
    private static let others: [Invariant: Set<Invariant>] = [
        .exchange: [.timer, .detached], .callLedger: [.shares], .parked: [.timer],
        .listeners: [.exchange, .shares, .requestTotal, .watched],
        .watched: [.requestTotal],
    ]

    @Test("Shares count what each session has added, whoever is the last to have a message")
    func sharedMail() throws {
        let scene = try Scene()
        let quiet = try #require(scene.quiet)
        let sessions = [quiet, try scene.session(from: 8), try scene.session(from: 9)]
        scene.broadcast()
        for session in sessions {
            _ = try scene.primary(of: session)
            #expect(scene.engine.violations().isEmpty)
        }
    }
}

/// A server with one of everything that an engine keeps: each connection waits for something else.
private final class Scene {
    let engine: ServerEngine
    /// Nobody has a stream of it.
    private(set) var quiet: Session?
    private var requests: [RequestKey] = []
    private var exchanges: [ExchangeKey] = []
    private var lastID = 0
    /// Whether the host takes no more after it has heard of a resource.
    private var isBehind = false
    /// Whether the host says nothing to what is to be authorized.
    private var isSilent = false

    struct Session {
        let key: SessionKey
        let wireID: String
        let address: UInt32
    }

    private enum Missing: Error { case session, event, output }

    init() throws {
        var options = ServerOptions()
        let object: StaticString = "{}"
        let capabilities: StaticString = #"{"resources":{"subscribe":true}}"#
        options.greeting = Greeting(
            serverInfo: object.rawBytes, capabilities: capabilities.rawBytes,
            instructions: .init(start: nil, count: 0))
        options.authorization = .host
        options.hasHostStore = true
        options.hasOtherPaths = true
        var last: UInt64 = 0
        engine = ServerEngine(options) {
            last += 1
            return last
        }
        let first = try session(from: 1)
        try wait(in: first)
        try hold(in: first)
        try settle(in: session(from: 2))
        try arrive()
        quiet = try session(from: 3)
        try listen()
        try ask()
        try host()
        broadcast()
        try watch()
    }

    // MARK: What is under way

    /// A request with a call and bytes behind it, one without a word so far, one whose client has
    /// gone, and one whose client is back for what the store has.
    private func wait(in session: Session) throws {
        let (connection, request) = try request(in: session)
        try engine.call(
            CallKey(rawValue: 1), request, method: ("ask" as StaticString).rawBytes,
            params: .nothing, data: nil)
        send("POST /mcp HTTP/1.1\r\n", on: connection)
        _ = try self.request(in: session)
        for isBack in [false, true] {
            let (connection, request) = try self.request(in: session)
            try progress(request, "news", toPrimary: false)
            let output = try read(connection)
            let event = try #require(output.firstMatch(of: /id: ([^\n]+)\.\d+\n/))
            engine.connectionLost(connection)
            perform()
            guard isBack else { continue }
            try connect(
                session, "GET /mcp HTTP/1.1", "Accept: text/event-stream",
                "Last-Event-ID: \(event.1).0")
        }
    }

    /// A primary stream whose client does not read, and an answer that comes after what it was
    /// sent.
    private func hold(in session: Session) throws {
        let stream = try primary(of: session)
        let (_, request) = try request(in: session)
        try progress(request, "one")
        guard engine.takeOutput(of: stream) != nil else { throw Missing.output }
        try progress(request, "two")
        try engine.respond(request, ("{}" as StaticString).rawBytes)
        perform()
    }

    /// A primary stream whose client has just read what an answer comes after.
    private func settle(in session: Session) throws {
        let stream = try primary(of: session)
        let (_, request) = try request(in: session)
        try progress(request, "one")
        _ = try read(stream)
        try engine.respond(request, ("{}" as StaticString).rawBytes)
        perform()
    }

    /// Requests that have arrived in part or wait for the host, and responses that are not read, or
    /// after which nothing is to come.
    private func arrive() throws {
        let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        send(head, on: try open(from: 4))
        send(head + "Content-Length: 9\r\n\r\n{", on: try open(from: 4))
        let options = "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        send(options, on: try open(from: 4))
        let done = try open(from: 4)
        send(options, on: done)
        _ = try read(done)
        isSilent = true
        send(head + "Content-Length: 9\r\n\r\n", on: try open(from: 4))
    }

    /// Requests for other paths: one waits for its answer, and one has a part that is not read.
    private func host() throws {
        for hasAnswer in [false, true] {
            send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", on: try open(from: 6))
            guard hasAnswer, let key = exchanges.last?.rawValue else { continue }
            try engine.answer(key, .start(status: 200), .nothing, .nothing)
            try engine.answer(key, .part, .nothing, ("part" as StaticString).rawBytes)
        }
    }

    /// A modern client that listens to a resource.
    private func listen() throws {
        let params = #""notifications":{"resourceSubscriptions":["file:///a"]}"#
        let connection = try open(from: 5)
        post(modern: "subscriptions/listen", params, nil, on: connection)
        _ = try read(connection)
    }

    /// One that listens to three resources, while the host has not heard of all of them.
    private func watch() throws {
        let connection = try open(from: 5)
        isBehind = true
        isSilent = false
        let params = #""notifications":{"resourceSubscriptions":["r:b","r:c","r:d"]}"#
        post(modern: "subscriptions/listen", params, nil, on: connection)
        _ = try read(connection)
        isBehind = false
    }

    /// A modern request whose client is to come back, and one that asks at the end of the turn.
    private func ask() throws {
        for call in [CallKey(rawValue: 1_000), CallKey(rawValue: 1_001)] {
            let connection = try open(from: 5)
            post(modern: "tools/call", #""name":"x""#, "x", on: connection)
            let request = try #require(requests.last)
            try engine.call(
                call, request, method: ("roots/list" as StaticString).rawBytes, params: .nothing,
                data: nil)
            guard call.rawValue == 1_000 else { continue }
            _ = engine.endTurn()
            _ = try read(connection)
        }
    }

    // MARK: Clients

    private func post(
        modern method: String, _ params: String, _ name: String?, on connection: ServerConnection
    ) {
        let meta =
            #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#
            + #""io.modelcontextprotocol/clientCapabilities":{"roots":{}}}"#
        let body =
            #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{\#(params),\#(meta)}}"#
        let named = name.map { "Mcp-Name: \($0)\r\n" } ?? ""
        send(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28"
                + "\r\nMcp-Method: \(method)\r\n\(named)"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)", on: connection)
    }

    func session(from address: UInt32) throws -> Session {
        let body =
            #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"#
            + #""2025-11-25","clientInfo":{},"capabilities":{}}}"#
        let connection = try open(from: address)
        isSilent = false
        post(body, on: connection)
        let answer = try read(connection)
        let id = try #require(answer.firstMatch(of: /Mcp-Session-Id: ([^\r]+)/)).1
        let known = Inspection(of: engine).sessions.first {
            String(decoding: $0.wireID.bytes, as: UTF8.self) == id
        }
        guard let key = known?.key else { throw Missing.session }
        let session = Session(key: key, wireID: String(id), address: address)
        post(
            #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, of: session, on: connection)
        _ = try read(connection)
        return session
    }

    /// Opens the primary stream of a session; its client has read all so far.
    func primary(of session: Session) throws -> ServerConnection {
        let stream = try connect(session, "GET /mcp HTTP/1.1", "Accept: text/event-stream")
        _ = try read(stream)
        return stream
    }

    /// Makes a request that wants progress.
    private func request(in session: Session) throws -> (ServerConnection, RequestKey) {
        let connection = try open(from: session.address)
        lastID += 1
        let body =
            #"{"jsonrpc":"2.0","id":\#(lastID),"method":"work","params":"#
            + #"{"_meta":{"progressToken":\#(lastID)}}}"#
        post(body, of: session, on: connection)
        return (connection, try #require(requests.last))
    }

    private func post(
        _ body: String, of session: Session? = nil, on connection: ServerConnection
    ) {
        let id = session.map { "Mcp-Session-Id: \($0.wireID)\r\n" } ?? ""
        send(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(id)"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)", on: connection)
    }

    @discardableResult
    private func connect(_ session: Session, _ lines: String...) throws -> ServerConnection {
        let connection = try open(from: session.address)
        let head = lines + ["Host: localhost", "Mcp-Session-Id: \(session.wireID)"]
        send(head.joined(separator: "\r\n") + "\r\n\r\n", on: connection)
        return connection
    }

    private func open(from address: UInt32) throws -> ServerConnection {
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        let peer = PeerAddress(ipv4: address)
        return try #require(engine.connectionOpened(driver: driver, from: peer))
    }

    private func send(_ text: String, on connection: ServerConnection) {
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        perform()
    }

    /// What the engine has to say on a connection; the client has read it.
    private func read(_ connection: ServerConnection) throws -> String {
        guard let output = engine.takeOutput(of: connection) else { throw Missing.output }
        var text = ""
        output.forEachPiece { text += String(decoding: $0, as: UTF8.self) }
        engine.sent(output.count, on: connection)
        perform()
        return text
    }

    // MARK: The host

    private func progress(
        _ request: RequestKey, _ message: String, toPrimary: Bool = true
    ) throws {
        try Array(message.utf8).withUnsafeBytes { text in
            if toPrimary {
                try engine.progress(request, 1, total: nil, message: text)
            } else {
                try engine.notify(request, method: text, params: .nothing)
            }
        }
    }

    func broadcast() {
        var broadcast = engine.broadcast(
            method: ("news" as StaticString).rawBytes, params: .nothing)
        while engine.proceed(&broadcast) {}
        perform()
    }

    private func perform() {
        while let effect = engine.nextEffect() {
            guard case .deliver(let event) = effect else { continue }
            if isBehind, event.kind == .resourceSubscribed { return }
            if let key = event.exchange, event.kind == .httpRequest { exchanges.append(key) }
            if let key = event.request, event.kind == .request { requests.append(key) }
            if let key = event.authorization, !isSilent, let alice {
                try? engine.allow(key, alice, expiresIn: nil)
            }
            engine.recycle(event)
        }
    }

    private let alice = Principal(("alice" as StaticString).rawBytes)
}

extension UnsafeRawBufferPointer {
    fileprivate static var nothing: UnsafeRawBufferPointer { .init(start: nil, count: 0) }
}
