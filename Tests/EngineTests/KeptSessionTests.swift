import Engine
import Testing
import Wire

@Suite("Kept sessions")
struct KeptSessionTests {
    private let engine: ServerEngine
    private let driver = UnsafeMutableRawPointer(bitPattern: 1)!

    init() {
        var options = ServerOptions()
        options.hasSessionStore = true
        options.keepsSubscriptions = true
        options.greeting = Greeting(
            serverInfo: ("{\"name\":\"s\"}" as StaticString).rawBytes,
            capabilities: ("{}" as StaticString).rawBytes,
            instructions: ("" as StaticString).rawBytes)
        var number: UInt64 = 0
        engine = ServerEngine(options) {
            number += 1
            return number
        }
    }

    private func send(
        _ method: String, _ body: String, session: String?, on connection: ServerConnection
    ) -> String {
        let head = session.map { "Mcp-Session-Id: \($0)\r\n" } ?? ""
        let text =
            "\(method) /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(head)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        while let effect = engine.nextEffect() {
            if case .deliver(let event) = effect { engine.recycle(event) }
        }
        var answer = ""
        while let connection = engine.nextWritable() {
            while let output = engine.takeOutput(of: connection) {
                output.forEachPiece { answer += $0.text }
                engine.sent(output.count, on: connection)
            }
        }
        return answer
    }

    @Test("A session that ends before its change is stored holds no memory")
    func ended() throws {
        weak var ended: ServerSession?
        do {
            let connection = try #require(engine.connectionOpened(driver: driver))
            let initialize =
                #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"#
                + #""2025-11-25","capabilities":{}}}"#
            let answer = send("POST", initialize, session: nil, on: connection)
            let match = try #require(answer.firstMatch(of: /Mcp-Session-Id: ([^\r]+)/))
            let id = String(match.1)
            let note = #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
            #expect(send("POST", note, session: id, on: connection).contains(" 202 "))
            let subscribe =
                #"{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"a:b"}}"#
            #expect(send("POST", subscribe, session: id, on: connection).contains("\"result\":{}"))
            ended = Inspection(of: engine).sessions.first
            #expect(ended != nil)
            #expect(send("DELETE", "", session: id, on: connection).contains(" 204 "))
            engine.connectionLost(connection)
            while engine.nextEffect() != nil {}
            while engine.nextWritable() != nil {}
        }
        #expect(ended == nil)
    }
}
