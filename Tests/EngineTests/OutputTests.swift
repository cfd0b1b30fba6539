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

    @Test("It is taken once")
    func once() throws {
        let connection = try connection(sending: "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let output = try #require(engine.takeOutput(of: connection))
        #expect(String(decoding: output.bytes, as: UTF8.self).hasPrefix("HTTP/1.1 404 "))
        #expect(output.count == output.bytes.count && output.pieceCount == 1)
        #expect(engine.takeOutput(of: connection) == nil)
    }

    @Test("A connection that has ended has none, whatever had been written")
    func ended() throws {
        let connection = try connection(sending: "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        engine.connectionLost(connection)
        #expect(connection.hasEnded)
        #expect(engine.takeOutput(of: connection) == nil)
    }
}
