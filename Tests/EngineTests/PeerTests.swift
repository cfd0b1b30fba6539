import Engine
import Session
import Testing
import Wire

@Suite("Peers")
struct PeerTests {
    @Test("Every event that a request causes has its peer, and its head")
    func events() throws {
        let server = Onlooker()
        let (first, second) = (server.connect(), server.connect())
        let session = server.initialize(on: first)
        var expected: [(HostEvent.Kind, String?)] = [(.sessionOpened, "127.0.0.1:1")]
        server.ready(session, on: second)
        expected.append((.notification, "127.0.0.1:2"))
        server.send(Onlooker.get(session), on: first)
        expected.append((.primaryOpened, "127.0.0.1:1"))
        let key = try #require(server.events.first?.sessionKey)
        try server.engine.call(
            CallKey(rawValue: 7), key, method: ("ping" as StaticString).rawBytes,
            params: .init(start: nil, count: 0), data: nil)
        server.send(Onlooker.post(#"{"jsonrpc":"2.0","id":7,"result":{}}"#, session), on: second)
        expected.append((.response, "127.0.0.1:2"))
        server.send(Onlooker.post(#"{"jsonrpc":"2.0","id":1,"method":"a"}"#, session), on: second)
        expected.append((.request, "127.0.0.1:2"))
        let third = server.connect()
        server.send(
            Onlooker.post(
                """
                {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}
                """, session), on: third)
        expected.append((.cancelled, "127.0.0.1:3"))
        #expect(server.events.map(\.kind) == expected.map(\.0))
        #expect(server.events.map { $0.peer?.text } == expected.map(\.1))
        #expect(
            server.events.map { $0.head?.targetBytes.text }
                == ["/mcp?a=1", "/mcp?a=1", "/mcp", "/mcp?a=1", "/mcp?a=1", "/mcp?a=1"])
        server.engine.connectionLost(first)
        #expect(server.take(.primaryClosed)?.peer == nil)
    }

    @Test("A host that authorizes knows who asks, and a lost event stream who came back")
    func authorize() throws {
        let server = Onlooker { $0.authorization = .host }
        let connection = server.connect()
        server.send(Onlooker.post("{}", "Authorization: Bearer a\r\n"), on: connection)
        #expect(server.take(.authorize)?.peer?.text == "127.0.0.1:1")

        let other = Onlooker { $0.replayEventsMax = 1 }
        let first = other.connect()
        let session = other.initialize(on: first)
        let stream = other.send(Onlooker.get(session), on: first)
        let id = try #require(stream.firstMatch(of: /id: (\S+)/)).output.1
        let key = try #require(other.take(.sessionOpened)?.sessionKey)
        for _ in 0..<3 {
            try other.engine.notify(
                key, method: ("m" as StaticString).rawBytes, params: .init(start: nil, count: 0))
        }
        other.send(Onlooker.get("\(session)Last-Event-ID: \(id)\r\n"), on: other.connect())
        #expect(other.take(.primaryGap)?.peer?.text == "127.0.0.1:2")
    }

    @Test("The peer's address is made once, and counts")
    func memory() throws {
        let server = Onlooker()
        let connection = server.connect()
        let before = Inventory(of: server.engine, outputs: []).connections
        let session = server.initialize(on: connection)
        server.ready(session, on: connection)
        let texts = server.events.compactMap(\.peer)
        #expect(texts.count == 2 && texts[0] === texts[1])
        let after = Inventory(of: server.engine, outputs: []).connections
        #expect(after == before + texts[0].heapBytes)
        #expect(after < ServerConnection.heldBytes - 500)
    }
}
