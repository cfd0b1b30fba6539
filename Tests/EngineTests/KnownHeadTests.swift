import Engine
import Session
import Testing
import Wire

/// A head that equals the connection's last one is not parsed again, without a visible difference.
@Suite("Known heads")
struct KnownHeadTests {
    /// What the host and the client receive if requests arrive whole, or each in two pieces: in
    /// pieces, no head is remembered. A host with a queue holds events for as long as it likes.
    private func play(
        _ requests: [String], cutAt cut: Int?, isHolding: Bool, lent: Bool
    ) throws -> [String] {
        var options = ServerOptions()
        options.isStateless = true
        options.responseMode = .json
        options.limits.messageBytes = 300
        let engine = ServerEngine(options) { 1 }
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        let connection = try #require(engine.connectionOpened(driver: driver))
        var heard: [String] = []
        var held: [(event: HostEvent, lines: String)] = []

        func settle() throws {
            while let effect = engine.nextEffect() {
                guard case .deliver(let event) = effect else { continue }
                let lines = String(decoding: try #require(event.head).lines, as: UTF8.self)
                let message = String(decoding: try #require(event.message), as: UTF8.self)
                heard.append("\(event.kind) \(lines)\(message)")
                if let request = event.request {
                    try Array("{}".utf8).withUnsafeBytes { try engine.respond(request, $0) }
                }
                if isHolding { held.append((event, lines)) } else { engine.recycle(event) }
            }
        }

        for request in requests where !connection.hasEnded {
            let bytes = Array(request.utf8)
            for piece in [bytes.prefix(cut ?? bytes.count), bytes.dropFirst(cut ?? bytes.count)] {
                try Array(piece).withUnsafeBytes { bytes in
                    engine.received(bytes, on: connection, lent: lent)
                    try settle()
                }
            }
            while let output = engine.takeOutput(of: connection) {
                output.forEachPiece { heard.append(String(decoding: $0, as: UTF8.self)) }
                engine.sent(output.count, on: connection)
                engine.recycle(output)
            }
        }
        for (event, lines) in held {
            #expect(String(decoding: try #require(event.head).lines, as: UTF8.self) == lines)
        }
        return heard
    }

    private static func post(
        _ id: Int, fields: String = "", length: String? = nil, pad: Int = 0,
        version: String = "HTTP/1.1"
    ) -> String {
        let body =
            #"{"jsonrpc":"2.0","id":\#(id),"method":"m\#(String(repeating: "x", count: pad))"}"#
        return "POST /mcp \(version)\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(length ?? "\(body.utf8.count)")\r\n\(fields)\r\n\(body)"
    }

    @Test(
        "What comes behind the same head is heard and answered as if it had been read",
        arguments: [
            [post(1), post(2), post(3)],
            [post(1), post(1234), post(12), post(3, pad: 100), post(4), post(5, pad: 99)],
            [post(1), post(2, length: "0045"), post(3), post(4, length: "44")],
            [post(1), post(2, pad: 400), post(3)],
            [post(1), post(2, length: "0"), post(3)],
            [post(1), "GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", post(2)],
            [post(1), post(2) + post(3) + post(4)],
            [post(1), post(2, fields: "Origin: http://evil.example\r\n"), post(3)],
            [post(1), post(2, fields: "Accept: text/plain\r\n"), post(3)],
            [post(1), post(2, fields: "Host: localhost\r\n"), post(3)],
            [post(1), post(2, fields: "Content-Length: 45\r\n"), post(3)],
            [post(1), post(2, fields: "Transfer-Encoding: chunked\r\n"), post(3)],
            [
                post(1, fields: "x: y\r\n"), post(2, fields: "x: Y\r\n"),
                post(3, fields: "x: y\r\n"),
            ],
            [
                post(1, fields: "expect: 100-continue\r\n"),
                post(2, fields: "expect: 100-continue\r\n"),
            ],
            [post(1, fields: "Connection: close\r\n"), post(2, fields: "Connection: close\r\n")],
            [post(1, version: "HTTP/1.0"), post(2, version: "HTTP/1.0")],
            ["\r\n" + post(1), post(2), "\r\n" + post(3)],
        ])
    func sameAsRead(_ requests: [String]) throws {
        for isHolding in [false, true] {
            for lent in [false, true] {
                let known = try play(requests, cutAt: nil, isHolding: isHolding, lent: lent)
                let read = try play(requests, cutAt: 10, isHolding: isHolding, lent: lent)
                #expect(known == read)
                #expect(known.first?.hasPrefix("request host: localhost") == true)
            }
        }
    }

    @Test("Each of many connections has its own head, although few are remembered")
    func crowd() throws {
        var options = ServerOptions()
        options.isStateless = true
        options.responseMode = .json
        let engine = ServerEngine(options) { 1 }
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        let connections = try (0..<600).map { _ in
            try #require(engine.connectionOpened(driver: driver))
        }
        for round in 0..<3 {
            for (place, connection) in connections.enumerated() {
                let request = KnownHeadTests.post(round, fields: "place: \(place)\r\n")
                Array(request.utf8).withUnsafeBytes { engine.received($0, on: connection) }
                guard case .deliver(let event) = engine.nextEffect() else {
                    throw Missing.event
                }
                let lines = String(decoding: try #require(event.head).lines, as: UTF8.self)
                #expect(lines.hasSuffix("place: \(place)\r\n"))
                let key = try #require(event.request)
                try Array("{}".utf8).withUnsafeBytes { try engine.respond(key, $0) }
                engine.recycle(event)
            }
        }
    }

    /// An engine without sessions, and `count` connections that share one slot of the remembered
    /// heads.
    private func crowd(
        of count: Int, _ options: ServerOptions
    ) throws -> (engine: ServerEngine, connections: [ServerConnection]) {
        var options = options
        options.isStateless = true
        options.responseMode = .json
        let engine = ServerEngine(options) { 1 }
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        let connections = try (0..<count).map { _ in
            try #require(engine.connectionOpened(driver: driver))
        }
        return (engine, connections)
    }

    /// Returns what `look` finds in the event of a request. The request is answered, and the event
    /// recycled.
    private func hear<Finding>(
        _ request: String, on connection: ServerConnection, _ engine: ServerEngine,
        _ look: (HostEvent) throws -> Finding
    ) throws -> Finding {
        Array(request.utf8).withUnsafeBytes { engine.received($0, on: connection) }
        guard case .deliver(let event) = engine.nextEffect() else { throw Missing.event }
        let finding = try look(event)
        let key = try #require(event.request)
        try Array("{}".utf8).withUnsafeBytes { try engine.respond(key, $0) }
        engine.recycle(event)
        return finding
    }

    @Test("A head that is known of one connection is checked on another one")  // A-001, S-018
    func stranger() throws {
        var options = ServerOptions()
        options.authorization = try Array("alice:s3cret".utf8).withUnsafeBytes {
            .tokens(try BearerTokens($0))
        }
        let (engine, connections) = try crowd(of: 1_025, options)
        let request = KnownHeadTests.post(1, fields: "Authorization: Bearer s3cret\r\n")
        for connection in connections {
            let name = try hear(request, on: connection, engine) { $0.principal?.name.text }
            #expect(name == "alice")
        }
    }

    @Test("The known head of a connection that has gone serves the next one")  // S-507
    func gone() throws {
        let (engine, connections) = try crowd(of: 2, ServerOptions())
        let heads = try connections.enumerated().map { place, connection in
            let request = KnownHeadTests.post(1, fields: "place: \(place)\r\n")
            let head = try hear(request, on: connection, engine) { event in
                ObjectIdentifier(try #require(event.head))
            }
            engine.connectionLost(connection)
            while engine.nextEffect() != nil {}
            return head
        }
        #expect(heads[0] == heads[1])
    }

    private enum Missing: Error { case event }
}
