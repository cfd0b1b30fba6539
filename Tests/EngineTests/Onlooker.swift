import Engine
import Foundation
import Link
import Session
import Simulation
import Wire

/// An engine with one or more clients, and everything that it tells the host: for tests of what an
/// operator sees.
final class Onlooker {
    let engine: ServerEngine
    private(set) var events: [HostEvent] = []
    private(set) var microseconds: UInt64 = 0
    private var opened: UInt16 = 0

    init(_ change: (inout ServerOptions) -> Void = { _ in }) {
        var options = ServerOptions()
        options.greeting = Greeting(
            serverInfo: ("{}" as StaticString).rawBytes,
            capabilities: ("{}" as StaticString).rawBytes,
            instructions: .init(start: nil, count: 0))
        change(&options)
        engine = ServerEngine(options) { UInt64.random(in: 0...(.max)) }
    }

    /// A connection from `127.0.0.1`, port 1, 2, …
    func connect() -> ServerConnection {
        opened += 1
        return engine.connectionOpened(
            driver: UnsafeMutableRawPointer(bitPattern: 1)!, from: PeerAddress(ipv4: 0x7F00_0001),
            named: .ipv4(0x7F00_0001, port: opened))!
    }

    /// Sends bytes, and performs the effects. Returns what the server writes.
    @discardableResult
    func send(_ text: String, on connection: ServerConnection, reads: Bool = true) -> String {
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        return reads ? read(connection) : ""
    }

    /// Performs the effects, and takes all output of a connection.
    @discardableResult
    func read(_ connection: ServerConnection) -> String {
        settle()
        var text = ""
        while let output = engine.takeOutput(of: connection) {
            text += String(decoding: output.bytes, as: UTF8.self)
            engine.sent(output.count, on: connection)
            engine.recycle(output)
            settle()
        }
        return text
    }

    func settle() {
        while let effect = engine.nextEffect() {
            if case .deliver(let event) = effect { events.append(event) }
        }
    }

    func take(_ kind: HostEvent.Kind) -> HostEvent? {
        settle()
        return events.firstIndex { $0.kind == kind }.map { events.remove(at: $0) }
    }

    static func post(_ message: String, _ fields: String = "") -> String {
        "POST /mcp?a=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(fields)"
            + "Content-Length: \(message.utf8.count)\r\n\r\n\(message)"
    }

    /// Opens a session, and returns the header line that names it.
    func initialize(on connection: ServerConnection, client: String = "{}") -> String {
        let answer = send(
            Onlooker.post(
                """
                {"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{},\
                "clientInfo":\(client),"protocolVersion":"2025-11-25"}}
                """), on: connection)
        let field = answer.split(separator: "\r\n").first { $0.hasPrefix("Mcp-Session-Id") }
        return "\(field ?? "")\r\n"
    }

    func ready(_ session: String, on connection: ServerConnection) {
        send(
            Onlooker.post(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, session),
            on: connection)
    }

    static func get(_ session: String) -> String {
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\(session)\r\n"
    }
}
