import Engine
import Link
import Session
import Testing
import Wire

@Suite("Pipelined requests while the host is behind")
struct HoldTests {
    /// A request that the host answers, and behind it `count` that are refused at once.
    private static func bytes(_ count: Int) -> [UInt8] {
        let body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}"
        let first =
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Accept: application/json, text/event-stream\r\nContent-Length: \(body.utf8.count)\r\n"
            + "\r\n\(body)"
        let refused = String(repeating: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", count: count)
        return Array((first + refused).utf8)
    }

    /// Events of the kind `access` among the effects that there are now.
    private static func records(_ engine: ServerEngine) -> Int {
        var count = 0
        while let effect = engine.nextEffect() {
            if case .deliver(let event) = effect, event.kind == .access { count += 1 }
        }
        return count
    }

    @Test("They wait until it takes its events again, and are then all read")
    func held() throws {
        var options = ServerOptions()
        options.isStateless = true
        options.reportsExchanges = true
        var random = UInt64(0)
        let engine = ServerEngine(options, keysAfter: 0, stopwatch: { 0 }) {
            random += 1
            return random
        }
        let driver = UnsafeMutableRawPointer(bitPattern: 8)!
        let connection = try #require(engine.connectionOpened(driver: driver, from: nil))
        Self.bytes(1000).withUnsafeBytes { engine.received($0, on: connection) }
        var request: RequestKey?
        while let effect = engine.nextEffect() {
            if case .deliver(let event) = effect, let key = event.request { request = key }
        }
        engine.hold(true)
        let result = Array("{}".utf8)
        try result.withUnsafeBytes { try engine.respond(try #require(request), $0) }
        drain(engine, connection)
        #expect(Self.records(engine) == 1, "only the record of the answered request")
        engine.hold(false)
        var count = 1
        for _ in 0..<1000 where count < 1001 {
            count += Self.records(engine)
            drain(engine, connection)
        }
        #expect(count == 1001)
    }

    /// The client reads everything.
    private func drain(_ engine: ServerEngine, _ connection: ServerConnection) {
        while let writable = engine.nextWritable() {
            guard let output = engine.takeOutput(of: writable) else { continue }
            let count = output.count
            engine.recycle(output)
            engine.sent(count, on: writable)
        }
    }
}
