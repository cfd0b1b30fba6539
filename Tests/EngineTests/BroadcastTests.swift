import Engine
import Session
import Testing
import Wire

@Suite("Broadcast")
struct BroadcastTests {
    private let engine: ServerEngine

    init() {
        var options = ServerOptions()
        let object: StaticString = "{}"
        options.greeting = Greeting(
            serverInfo: object.rawBytes, capabilities: object.rawBytes,
            instructions: .init(start: nil, count: 0))
        var last: UInt64 = 0
        engine = ServerEngine(options) {
            last += 1
            return last
        }
    }

    private func connection(sending lines: String..., body: String = "") throws -> ServerConnection
    {
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        let connection = try #require(engine.connectionOpened(driver: driver))
        let head = lines + ["Host: localhost", "Content-Length: \(body.utf8.count)"]
        let text = head.joined(separator: "\r\n") + "\r\n\r\n" + body
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        return connection
    }

    /// Takes the output of a connection, and reports it as sent.
    private func read(_ connection: ServerConnection) -> String {
        guard let output = engine.takeOutput(of: connection) else { return "" }
        var text = ""
        output.forEachPiece { text += String(decoding: $0, as: UTF8.self) }
        engine.sent(output.count, on: connection)
        return text
    }

    /// Opens a session and its primary stream.
    private func primary() throws -> ServerConnection {
        let initialize =
            #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"#
            + #""2025-11-25","clientInfo":{},"capabilities":{}}}"#
        let opening = try connection(
            sending: "POST /mcp HTTP/1.1", "Content-Type: application/json", body: initialize)
        let lines = read(opening).split(separator: "\r\n")
        let session = try #require(lines.first { $0.hasPrefix("Mcp-Session-Id: ") })
        let primary = try connection(
            sending: "GET /mcp HTTP/1.1", "Accept: text/event-stream", String(session))
        #expect(read(primary).hasPrefix("HTTP/1.1 200"))
        return primary
    }

    @Test("Every session gets a broadcast, a few at a time, even if a client disconnects")
    func portions() throws {
        let primaries = try (0..<100).map { _ in try primary() }
        while engine.nextEffect() != nil {}
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        var broadcast = engine.broadcast(method: ("news" as StaticString).rawBytes, params: empty)
        var portions = [0]
        var gone: ServerConnection?
        repeat {
            portions[portions.count - 1] = primaries.count { read($0).contains(#""news""#) }
            if gone == nil, let last = primaries.last {
                gone = last
                engine.connectionLost(last)
            }
            portions.append(0)
        } while engine.proceed(&broadcast)
        portions[portions.count - 1] = primaries.count { read($0).contains(#""news""#) }
        #expect(portions.count > 2)
        #expect(portions.allSatisfy { $0 < primaries.count / 2 })
        #expect(portions.reduce(0, +) == primaries.count - 1)
    }
}
