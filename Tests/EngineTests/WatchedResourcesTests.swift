import Engine
import Link
import Session
import Simulation
import Testing
import Wire

/// When the host hears of resources that are watched: as it takes its events, and never in vain.
@Suite("Watched resources")
struct WatchedResourcesTests {
    private let onlooker = Onlooker { options in
        options.greeting = Greeting(
            serverInfo: ("{}" as StaticString).rawBytes,
            capabilities: (#"{"resources":{"subscribe":true}}"# as StaticString).rawBytes,
            instructions: .init(start: nil, count: 0))
        options.keepsSubscriptions = true
    }
    private var engine: ServerEngine { onlooker.engine }

    private static func uris(_ numbers: Range<Int>) -> [String] { numbers.map { "r/\($0)" } }

    private func listen(_ uris: [String]) -> ServerConnection {
        let list = uris.map { "\"\($0)\"" }.joined(separator: ",")
        let message = """
            {"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{\
            "resourceSubscriptions":[\(list)]},"_meta":{\
            "io.modelcontextprotocol/protocolVersion":"2026-07-28",\
            "io.modelcontextprotocol/clientCapabilities":{}}}}
            """
        let connection = onlooker.connect()
        let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n"
        onlooker.send(Onlooker.post(message, fields), on: connection, reads: false)
        return connection
    }

    private func leave(_ connection: ServerConnection) { engine.connectionLost(connection) }

    /// What the host hears of resources when it takes at most so many events.
    private func hear(atMost limit: Int = .max) -> [String] {
        var news: [String] = []
        engine.hold(false)
        while news.count < limit, let effect = engine.nextEffect() {
            guard case .deliver(let event) = effect, let uri = event.uri else { continue }
            let text = String(decoding: uri.bytes, as: UTF8.self)
            news.append((event.kind == .resourceSubscribed ? "+" : "-") + text)
        }
        engine.hold(true)
        let violations = engine.violations()
        #expect(violations.isEmpty)
        let complaints = MemoryBudgets.complaints(about: engine, outputs: [], slack: 1 << 16)
        #expect(complaints.isEmpty)
        return news
    }

    private var requestBytes: Int { Int(engine.statistics.requestBytes) }

    @Test("They come in order, and no faster than the host takes them")
    func portions() {
        _ = listen(Self.uris(0..<1_000))
        for part in 0..<10 {
            #expect(hear(atMost: 100) == Self.uris(part * 100..<part * 100 + 100).map { "+" + $0 })
            #expect(engine.nextEffect() == nil, "the host is behind")
        }
        #expect(hear().isEmpty)
    }

    @Test("What is again as the host knows it is not told")
    func coalesced() {
        let first = listen(["a", "b"])
        leave(first)
        #expect(hear().isEmpty, "nobody was there long enough")
        let second = listen(["a", "b"])
        #expect(hear(atMost: 1) == ["+a"])
        leave(second)
        let third = listen(["a", "c"])
        #expect(hear() == ["+c"], "a is still watched, and b never was, as far as the host knows")
        leave(third)
        #expect(hear() == ["-a", "-c"])
        #expect(engine.watchedResources.isEmpty)
    }

    @Test("Each resource is subscribed and unsubscribed in turn, and the last word is true")
    func alternation() {
        var random = SystemRandomNumberGenerator()
        var known: Set<String> = []
        var listeners: [ServerConnection] = []
        for _ in 0..<2_000 {
            if Bool.random(using: &random), !listeners.isEmpty {
                leave(listeners.remove(at: .random(in: listeners.indices)))
            } else {
                let names = ["a", "b", "c", "d", "e"].filter { _ in Bool.random(using: &random) }
                listeners.append(listen(names.isEmpty ? ["f"] : names))
            }
            if listeners.count > 4 { leave(listeners.removeFirst()) }
            for news in hear(atMost: Int.random(in: 0...3)) { learn(news, &known) }
        }
        for news in hear() { learn(news, &known) }
        let watched = engine.watchedResources.map { String(decoding: $0.bytes, as: UTF8.self) }
        #expect(known == Set(watched))
        for listener in listeners { leave(listener) }
        for news in hear() { learn(news, &known) }
        #expect(known.isEmpty && requestBytes == 0)
    }

    private func learn(_ news: String, _ known: inout Set<String>) {
        let uri = String(news.dropFirst())
        #expect(news.hasPrefix("+") ? known.insert(uri).inserted : known.remove(uri) != nil)
    }

    @Test("The memory of what the host is to be told of counts until it has been told")
    func counted() {
        let long = Self.uris(0..<100).map { $0 + String(repeating: "x", count: 1_000) }
        let listener = listen(long)
        #expect(hear().count == 100)
        #expect(requestBytes > 100_000)
        leave(listener)
        #expect(requestBytes > 100_000)
        let other = listen(long)
        #expect((100_000..<200_000).contains(requestBytes), "they are what they were")
        leave(other)
        #expect(hear(atMost: 50).count == 50)
        #expect((50_000..<100_000).contains(requestBytes))
        #expect(hear().count == 50)
        #expect(requestBytes == 0)
    }

    @Test("So does that of sessions, with sessions")
    func ofSessions() throws {
        let connection = onlooker.connect()
        let session = onlooker.initialize(on: connection)
        onlooker.ready(session, on: connection)
        let before = engine.statistics.sessionBytes
        let uri = String(repeating: "u", count: 10_000)
        let message = """
            {"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"\(uri)"}}
            """
        onlooker.send(Onlooker.post(message, session), on: connection)
        #expect(hear().isEmpty, "it has been told")
        #expect(engine.statistics.sessionBytes > before + 10_000)
        let key = try #require(Inspection(of: engine).sessions.first?.key)
        try engine.close(key)
        #expect(engine.statistics.sessionBytes > 10_000)
        #expect(requestBytes == 0)
        #expect(hear() == ["-" + uri])
        #expect(engine.statistics.sessionBytes == 0)
    }

    @Test("All subscribers of a resource share its text")
    func shared() {
        let listeners = (0..<10).map { _ in listen(["a\\u0062c", "d"]) } + [listen(["abc"])]
        #expect(hear() == ["+abc", "+d"])
        for listener in listeners { leave(listener) }
        #expect(hear() == ["-d", "-abc"])
    }

    @Test("A server that drains has told everything before it is closed")
    func drained() {
        _ = listen(Self.uris(0..<500))
        #expect(hear().count == 500)
        engine.drain(until: Instant(milliseconds: 1_000))
        engine.abandon()
        for _ in 0..<4 {
            #expect(hear(atMost: 100).count == 100)
            #expect(engine.nextEffect() == nil, "neither the rest nor the end")
        }
        #expect(hear(atMost: 100).count == 100)
        let last = engine.nextEffect()
        let isClosed = if case .closed = last { true } else { false }
        #expect(isClosed && engine.nextEffect() == nil)
    }
}
