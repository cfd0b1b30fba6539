import Engine
import Session
import Testing
import Wire

@Suite("Loads")
struct LoadTests {
    private let engine: ServerEngine
    private let driver = UnsafeMutableRawPointer(bitPattern: 1)!

    init() {
        var options = ServerOptions()
        options.hasHostStore = true
        var number: UInt64 = 0
        engine = ServerEngine(options) {
            number += 1
            return number
        }
    }

    /// Sends a request on a connection; returns the output and the effects.
    private func send(_ text: String, on connection: ServerConnection) -> (String, [Effect]) {
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        var effects: [Effect] = []
        while let effect = engine.nextEffect() {
            effects.append(effect)
            guard case .deliver(let event) = effect, let request = event.request else { continue }
            let result: StaticString =
                #"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}}"#
            try? engine.respond(request, result.rawBytes)
        }
        var answer = ""
        while let output = engine.takeOutput(of: connection) {
            output.forEachPiece { answer += $0.text }
            engine.sent(output.count, on: connection)
        }
        return (answer, effects)
    }

    @Test("A connection that is lost while the store looks for its events is gone")
    func lost() throws {  // S-507
        weak var lost: ServerConnection?
        do {
            let connection = try #require(engine.connectionOpened(driver: driver))
            let body = #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#
            let (answer, _) = send(
                "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)", on: connection)
            let session = try #require(answer.firstMatch(of: /Mcp-Session-Id: ([^\r]+)/))
            let event = try #require(answer.firstMatch(of: /id: ([^\n]+)\.1\n/))
            let (_, effects) = send(
                "GET /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: \(session.1)\r\n"
                    + "Last-Event-ID: \(event.1).0\r\n\r\n", on: connection)
            guard case .store(.load) = effects.last else { throw Missing.load }
            engine.connectionLost(connection)
            while engine.nextEffect() != nil {}
            while engine.nextWritable() != nil {}
            lost = connection
        }
        #expect(lost == nil)
    }

    private enum Missing: Error { case load }
}
