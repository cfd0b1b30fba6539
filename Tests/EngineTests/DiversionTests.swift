import Engine
import Testing
import Wire

@Suite("Requests for other servers")
struct DiversionTests {
    /// What the other server gets of a request that arrives in these pieces.
    private func diverted(_ pieces: [String]) throws -> String? {
        let engine = ServerEngine(ServerOptions()) { 1 }
        engine.isElsewhere = { $0.text == "/other" }
        let driver = UnsafeMutableRawPointer(bitPattern: 1)!
        let connection = try #require(engine.connectionOpened(driver: driver))
        for piece in pieces {
            var bytes = Array(piece.utf8)
            bytes.withUnsafeMutableBytes {
                engine.received(UnsafeRawBufferPointer($0), on: connection)
            }
            while let effect = engine.nextEffect() {
                if case .close(let closed) = effect, let diversion = closed.diversion {
                    #expect(closed === connection && connection.hasEnded)
                    #expect(diversion.path.text == "/other")
                    return diversion.bytes.text
                }
            }
        }
        return nil
    }

    @Test("What was read of a request goes on with it, and its head reads as it was written")
    func bytes() throws {
        let first = "POST http://h/other?a=b HTTP/1.1\r\n"
        let head = first + "Host: h\r\nContent-Length: 4\r\nX: 1\r\n\r\n"
        let lines = "host: h\r\ncontent-length: 4\r\nx: 1\r\n\r\n"
        #expect(try diverted([head + "body"]) == first + lines + "body")
        #expect(try diverted([head + "bo"]) == first + lines + "bo")
        #expect(try diverted(head.map { String($0) }) == first + lines)
        let old = "PURGE /other HTTP/1.0\r\n\r\n"
        #expect(try diverted([old]) == old)
    }

    @Test("The rest stays: other paths, other hosts' targets, and no request at all")
    func others() throws {
        #expect(try diverted(["POST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n"]) == nil)
        #expect(try diverted(["POST /neither HTTP/1.1\r\nHost: localhost\r\n\r\n"]) == nil)
        #expect(try diverted(["GET http://evil/other HTTP/1.1\r\nHost: h\r\n\r\n"]) == nil)
        #expect(try diverted(["BOGUS\r\n\r\n"]) == nil)
    }
}
