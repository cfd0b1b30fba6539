import Engine
import Session
import Testing
import Wire

/// What the engine holds of the resources that somebody is told of.
@Suite("Watched resources")
struct WatchedTests {
    private static let listen = Onlooker.post(
        """
        {"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{"notifications":{\
        "resourceSubscriptions":["a"]},"_meta":{\
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",\
        "io.modelcontextprotocol/clientCapabilities":{}}}}
        """,
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n")

    @Test("A URI is held as its first subscriber has it: nobody counts a copy")
    func shared() throws {
        let onlooker = Onlooker { options in
            options.greeting = nil
        }
        let connection = onlooker.connect()
        onlooker.send(Self.listen, on: connection)
        let uri = try #require(onlooker.take(.resourceSubscribed)?.uri)
        #expect(onlooker.engine.watchedResources.count == 1)
        #expect(onlooker.engine.watchedResources.first === uri)
        onlooker.send(Self.listen, on: onlooker.connect())
        #expect(onlooker.engine.watchedResources.first === uri)
        onlooker.engine.connectionLost(connection)
        onlooker.settle()
        #expect(onlooker.engine.watchedResources.first.map { $0.bytes.equals("a") } == true)
        #expect(onlooker.engine.violations().isEmpty)
    }
}
