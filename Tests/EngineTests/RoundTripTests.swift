import Engine
import Session
import Testing
import Wire

/// What a host does with questions within one turn, which a transcript cannot say.
@Suite("Round trips within a turn")
struct RoundTripTests {
    private let onlooker = Onlooker()

    private static let call = Onlooker.post(
        """
        {"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","_meta":{\
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",\
        "io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}
        """,
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: t\r\n")

    private func ask(_ key: UInt64, _ request: RequestKey) throws {
        try onlooker.engine.call(
            CallKey(rawValue: key), request,
            method: ("elicitation/create" as StaticString).rawBytes,
            params: ("{}" as StaticString).rawBytes, data: nil)
    }

    private func request(on connection: ServerConnection) throws -> RequestKey {
        onlooker.send(Self.call, on: connection)
        return try #require(onlooker.take(.request)?.request)
    }

    /// Ends the turn, and returns what the client gets.
    private func endTurn(_ connection: ServerConnection) -> String {
        let early = onlooker.read(connection)
        while onlooker.engine.endTurn() {}
        #expect(onlooker.engine.violations().isEmpty)
        return early + onlooker.read(connection)
    }

    @Test("Nothing leaves before the turn ends, and then all")
    func together() throws {
        let connection = onlooker.connect()
        let request = try request(on: connection)
        try ask(1, request)
        try ask(2, request)
        #expect(onlooker.read(connection).isEmpty)
        #expect(
            endTurn(connection).contains(
                #""inputRequests":{"1":{"method":"elicitation/create","params":{}},"#
                    + #""2":{"method":"elicitation/create","params":{}}}"#))
        #expect(!onlooker.engine.endTurn())
    }

    @Test("A question that is taken back in its turn is not asked, and no other is nothing")
    func takenBack() throws {
        let connection = onlooker.connect()
        let request = try request(on: connection)
        try ask(1, request)
        try ask(2, request)
        try onlooker.engine.close(CallKey(rawValue: 1))
        let result = endTurn(connection)
        #expect(result.contains(#""inputRequests":{"2":"#))
        let other = onlooker.connect()
        let lone = try self.request(on: other)
        try ask(3, lone)
        try onlooker.engine.close(CallKey(rawValue: 3))
        #expect(endTurn(other).isEmpty)
        try onlooker.engine.respond(lone, ("{}" as StaticString).rawBytes)
        #expect(endTurn(other).contains(#""result":{"resultType":"complete""#))
    }

    @Test("An answer in the same turn is the answer")
    func answered() throws {
        let connection = onlooker.connect()
        let request = try request(on: connection)
        try ask(1, request)
        try onlooker.engine.respond(request, ("{}" as StaticString).rawBytes)
        let result = endTurn(connection)
        #expect(result.contains(#""id":7,"result":{"resultType":"complete""#))
        #expect(!result.contains("input_required"))
        #expect(onlooker.take(.response)?.fault == .cancelled)
    }

    @Test("A client that is lost in the turn is not asked, and its request is cancelled")
    func lost() throws {  // S-119
        let connection = onlooker.connect()
        let request = try request(on: connection)
        try ask(1, request)
        onlooker.engine.connectionLost(connection)
        #expect(endTurn(connection).isEmpty)
        #expect(onlooker.take(.response)?.fault == .disconnected)
        #expect(onlooker.take(.cancelled)?.request == request)
        #expect(onlooker.engine.statistics.requests == 0)
        #expect(onlooker.engine.statistics.requestBytes == 0)
    }

    @Test("The memory of what waits is counted, and given back")
    func memory() throws {
        let connection = onlooker.connect()
        let request = try request(on: connection)
        let before = onlooker.engine.statistics.requestBytes
        try ask(1, request)
        _ = endTurn(connection)
        let parked = onlooker.engine.statistics.requestBytes
        #expect(parked > before)
        let filler = "\"" + String(repeating: "x", count: 5_000) + "\""
        try Array(#"{"level":"error","data":\#(filler)}"#.utf8).withUnsafeBytes {
            try onlooker.engine.notify(
                request, method: ("n" as StaticString).rawBytes, params: $0)
        }
        #expect(onlooker.engine.statistics.requestBytes > parked + 5_000)
        #expect(onlooker.engine.violations().isEmpty)
        onlooker.engine.close()
        onlooker.settle()
        #expect(onlooker.engine.statistics.requestBytes == 0)
        #expect(onlooker.engine.violations().isEmpty)
    }
}
