import Engine
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
}
