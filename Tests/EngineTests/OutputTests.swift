import Engine
import Foundation
import Session
import Simulation
import Testing

@Suite("Output")
struct OutputTests {
    private let engine = ServerEngine(ServerOptions()) { 1 }

    private func connection(sending text: String) throws -> ServerConnection {
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        let connection = try #require(engine.connectionOpened(driver: driver))
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        return connection
    }

    @Test("Output is returned once")
    func once() throws {
        let connection = try connection(sending: "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let output = try #require(engine.takeOutput(of: connection))
        #expect(String(decoding: output.bytes, as: UTF8.self).hasPrefix("HTTP/1.1 404 "))
        #expect(output.count == output.bytes.count && output.pieceCount == 1)
        #expect(engine.takeOutput(of: connection) == nil)
    }

    @Test("Every response has the date that was set last, and none before the first")
    func date() throws {  // RFC 9110 §6.6.1
        let connection = try connection(sending: "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let dateless = try #require(engine.takeOutput(of: connection))
        #expect(!String(decoding: dateless.bytes, as: UTF8.self).contains("Date: "))
        engine.clock(0)
        engine.clock(784_111_777)
        let post = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for request in [
            "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /mcp HTTP/1.1\r\n\r\n",
            post + "Content-Length: 1\r\n\r\n{", "PUT /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "nonsense",
        ] {
            let connection = try self.connection(sending: request + "\r\n\r\n")
            let output = try #require(engine.takeOutput(of: connection))
            let lines = String(decoding: output.bytes, as: UTF8.self).split(separator: "\r\n")
            #expect(lines[1] == "Date: Sun, 06 Nov 1994 08:49:37 GMT")
        }
    }

    @Test("A connection that has ended has no output left")
    func ended() throws {
        let connection = try connection(sending: "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        engine.connectionLost(connection)
        #expect(connection.hasEnded)
        #expect(engine.takeOutput(of: connection) == nil)
    }

    @Test("A long answer counts as a whole until the socket has all of it")  // S-508
    func long() throws {
        let (engine, connection, request) = try openRequest(.json)
        let result = Array("\"\(String(repeating: "x", count: 100_000))\"".utf8)
        try result.withUnsafeBytes { try engine.respond(request, $0) }
        let output = try #require(engine.takeOutput(of: connection))
        engine.sent(output.count - 1, on: connection)
        #expect(connection.unsentBytes >= 100_000)
        #expect(engine.violations().map(\.description) == [])
        engine.sent(1, on: connection)
        #expect(connection.unsentBytes == 0)
        #expect(engine.violations().map(\.description) == [])
    }

    @Test("So much that is composed does not wait for the end of the turn")
    func much() throws {
        let (engine, _, request) = try openRequest(.stream)
        var count = 0
        while !engine.hasMuchToWrite, count < 100 {
            try tell(count, of: request, engine)
            count += 1
        }
        #expect(count > 20 && count < 30)
    }

    @Test("Events leave in their order, though not all that wait can be composed at once")
    func order() throws {
        let (engine, connection, request) = try openRequest(.stream)
        try tell(0, of: request, engine)
        let first = try #require(engine.takeOutput(of: connection))
        for number in 1...40 { try tell(number, of: request, engine) }
        engine.sent(first.count, on: connection)
        try tell(41, of: request, engine)
        var text = String(decoding: first.bytes, as: UTF8.self)
        while let output = engine.takeOutput(of: connection) {
            text += String(decoding: output.bytes, as: UTF8.self)
            engine.sent(output.count, on: connection)
        }
        let numbers = text.components(separatedBy: "\"params\":[").dropFirst().map { part in
            String(part.prefix { $0 != "," })
        }
        #expect(numbers == (0...41).map { "\($0)" })
    }

    /// A request that waits for its answer, with its engine and its connection.
    private func openRequest(
        _ mode: ResponseMode
    ) throws -> (ServerEngine, ServerConnection, RequestKey) {
        var options = ServerOptions()
        options.isStateless = true
        options.responseMode = mode
        let engine = ServerEngine(options) { 1 }
        let body = #"{"jsonrpc":"2.0","id":1,"method":"m"}"#
        let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        let text = head + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        let connection = try #require(engine.connectionOpened(driver: driver))
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        guard case .deliver(let event) = engine.nextEffect(), let key = event.request else {
            throw Missing.request
        }
        return (engine, connection, key)
    }

    /// Sends a notification of ten thousand bytes with a number.
    private func tell(_ number: Int, of request: RequestKey, _ engine: ServerEngine) throws {
        let params = Array("[\(number),\"\(String(repeating: "x", count: 10_000))\"]".utf8)
        try Array("n".utf8).withUnsafeBytes { method in
            try params.withUnsafeBytes { try engine.notify(request, method: method, params: $0) }
        }
    }

    private enum Missing: Error { case request }
}
