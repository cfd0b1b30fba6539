import Engine
import Testing
import Wire

@Suite("session_id_prefix")
struct SessionPrefixTests {
    private let driver = UnsafeMutableRawPointer(bitPattern: 1)!

    private func engine(prefix: String?) -> ServerEngine {
        var options = ServerOptions()
        if let prefix {
            let text = ByteBuffer()
            text.append(Array(prefix.utf8))
            options.sessionIDPrefix = text
        }
        let none: StaticString = "{}"
        options.greeting = Greeting(
            serverInfo: ("{\"name\":\"s\"}" as StaticString).rawBytes,
            capabilities: none.rawBytes, instructions: ("" as StaticString).rawBytes)
        var number: UInt64 = 0
        return ServerEngine(options) {
            number += 1
            return number
        }
    }

    /// Posts a message on a connection of its own; returns the response, and the wire id of the
    /// session that has opened.
    private func post(
        _ body: String, session: String?, to engine: ServerEngine
    ) throws -> (answer: String, opened: String?) {
        let connection = try #require(engine.connectionOpened(driver: driver))
        let head = session.map { "Mcp-Session-Id: \($0)\r\n" } ?? ""
        let text =
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(head)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        var opened: String?
        while let effect = engine.nextEffect() {
            guard case .deliver(let event) = effect, event.kind == .sessionOpened else { continue }
            opened = event.session?.newWireID.text
        }
        var answer = ""
        while let output = engine.takeOutput(of: connection) {
            output.forEachPiece { answer += $0.text }
            engine.sent(output.count, on: connection)
        }
        return (answer, opened)
    }

    @Test("Ids begin with it, and the random part behind any prefix names the session")
    func prefixed() throws {
        let engine = engine(prefix: "node-1-")
        let (answer, opened) = try post(
            #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":"#
                + #"{"protocolVersion":"2025-11-25","capabilities":{}}}"#, session: nil, to: engine)
        let id = String(try #require(answer.firstMatch(of: /Mcp-Session-Id: ([^\r]+)/)).1)
        #expect(id.hasPrefix("node-1-") && id.count == 7 + 32)
        #expect(opened == id)
        let note = #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
        for (session, status) in [
            (id, 202), ("node-2-" + id.suffix(32), 202), (String(id.suffix(32)), 202),
            ("node-1-" + id.suffix(31), 404), (id + "0", 404), ("node-1-", 404),
        ] {
            let answer = try post(note, session: session, to: engine).answer
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(session)")
        }
    }

    @Test("Without it nothing may stand before an id")
    func plain() throws {
        let engine = engine(prefix: nil)
        let (answer, _) = try post(
            #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":"#
                + #"{"protocolVersion":"2025-11-25","capabilities":{}}}"#, session: nil, to: engine)
        let id = String(try #require(answer.firstMatch(of: /Mcp-Session-Id: ([^\r]+)/)).1)
        let note = #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
        #expect(try post(note, session: "a-" + id, to: engine).answer.hasPrefix("HTTP/1.1 404 "))
        #expect(try post(note, session: id, to: engine).answer.hasPrefix("HTTP/1.1 202 "))
    }
}
