import Engine
import Link
import Session
import Testing

/// When a driver has to call.
@Suite("Deadlines")
struct DeadlineTests {
    private func open(_ engine: ServerEngine) throws -> ServerConnection {
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        return try #require(engine.connectionOpened(driver: driver))
    }

    @Test("Nothing is left to wait for when the last connection has gone")
    func gone() throws {
        let engine = ServerEngine(ServerOptions()) { 1 }
        let connection = try open(engine)
        #expect(engine.nextDeadline != nil)
        engine.connectionLost(connection)
        #expect(engine.nextDeadline == nil)
    }

    @Test("A drain ends in time, though nothing else happens")
    func drain() throws {
        var options = ServerOptions()
        options.isStateless = true
        options.responseMode = .json
        let engine = ServerEngine(options) { 1 }
        let body = #"{"jsonrpc":"2.0","id":1,"method":"m"}"#
        let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        let text = head + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
        let connection = try open(engine)
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        #expect(engine.nextDeadline == nil)
        engine.drain(until: Instant(milliseconds: 5_000))
        #expect(engine.nextDeadline == Instant(milliseconds: 5_000))
    }

    @Test("A client that was not read is late only when it could have been")
    func paused() throws {
        let engine = ServerEngine(ServerOptions()) { 1 }
        let connection = try open(engine)
        engine.readingPaused(on: connection)
        engine.advance(to: try #require(engine.nextDeadline))
        engine.deadlineReached()
        #expect(!connection.hasEnded)
        engine.readingResumed(on: connection)
        engine.advance(to: try #require(engine.nextDeadline))
        engine.deadlineReached()
        #expect(connection.hasEnded)
    }
}
