import Engine
import Session
import Testing
import Wire

@Suite("Log lines")
struct LogLineTests {
    private func lines(_ server: Onlooker) -> [LogLine] {
        var lines: [LogLine] = []
        while let effect = server.engine.nextEffect() {
            if case .log(let line) = effect { lines.append(line) }
        }
        return lines
    }

    @Test("A line says who, which session and which request, and can be written as one")
    func context() throws {
        let server = Onlooker {
            $0.logLevel = .debug
            $0.sessionRequestsMax = 1
        }
        let connection = server.connect()
        let session = server.initialize(on: connection)
        let key = try #require(server.take(.sessionOpened)?.sessionKey)
        let call = #""method":"tools/call"}"#
        server.send(Onlooker.post(#"{"jsonrpc":"2.0","id":1,\#(call)"#, session), on: connection)
        let other = server.connect()
        server.send(
            Onlooker.post(#"{"jsonrpc":"2.0","id":2,\#(call)"#, session), on: other, reads: false)
        let line = try #require(lines(server).first { $0.level == .warning })
        #expect(line.peer?.text == "127.0.0.1:2" && line.session == key)
        #expect(line.httpMethod?.text == "POST" && line.target?.text == "/mcp?...")
        #expect(line.method?.text == "tools/call")
        let number = String(key.rawValue, radix: 16)
        #expect(
            line.rendered.text
                == "A session has all requests that it may (session_requests_max) "
                + "(peer 127.0.0.1:2, session 0x\(number), POST /mcp?..., method tools/call)")
        let id = try #require(session.split(separator: " ").last?.prefix(32))
        #expect(!line.rendered.text.contains(id))
    }

    @Test("A line about nobody is only its text, and one about a refused connection has its peer")
    func alone() throws {
        let server = Onlooker { $0.connectionsMax = 1 }
        _ = server.connect()
        server.engine.acceptingPaused(("why" as StaticString).rawBytes)
        let first = try #require(lines(server).first)
        #expect(first.rendered.text == first.text.text && first.text.text.hasSuffix(": why"))
        #expect(
            server.engine.connectionOpened(
                driver: UnsafeMutableRawPointer(bitPattern: 1)!, named: .ipv4(1, port: 2)) == nil)
        let second = try #require(lines(server).first)
        #expect(second.rendered.text.hasSuffix(" (peer 0.0.0.1:2)"))
    }

    @Test("A request whose client has gone is named, too")
    func gone() throws {
        let server = Onlooker {
            $0.logLevel = .debug
            $0.hasReplay = false
        }
        let connection = server.connect()
        let session = server.initialize(on: connection)
        let long = String(repeating: "m", count: 40)
        server.send(
            Onlooker.post(#"{"jsonrpc":"2.0","id":1,"method":"\#(long)"}"#, session),
            on: connection)
        let key = try #require(server.take(.request)?.request)
        server.engine.connectionLost(connection)
        #expect(throws: CallerFault.disconnected) {
            try server.engine.respond(key, ("{}" as StaticString).rawBytes)
        }
        let line = try #require(lines(server).first { $0.text.text.hasPrefix("Dropped a result") })
        #expect(line.method?.text == String(repeating: "m", count: 32) + "...")
        #expect(line.target?.text == "/mcp?..." && line.peer == nil)
    }

    @Test("What a client sends can neither break a line nor forge a part of it, nor make it long")
    func harmless() throws {
        let server = Onlooker { $0.logLevel = .debug }
        let connection = server.connect()
        let session = server.initialize(on: connection)
        let method = #"a\nb, peer 1.2.3.4\u001b[2J\u0000é"# + String(repeating: "x", count: 999)
        let message = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)"}"#
        let target = "/mcp?" + String(repeating: "%0a", count: 100)
        let head = Onlooker.post(message, session + "MCP-Protocol-Version: 1\r\n")
        server.send(head.replacing("/mcp?a=1", with: target), on: connection, reads: false)
        let line = try #require(lines(server).first { $0.method != nil })
        #expect(line.method?.text.hasPrefix("a?b,?peer?1.2.3.4?[2J???xxx") == true)
        #expect(line.method?.count == 128 && line.target?.text == "/mcp?...")
        let isPlain = line.rendered.text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
        #expect(isPlain && line.rendered.count < 500)
    }

    @Test("A queued line brings its peer and its session along, and counts")
    func queued() throws {
        let server = Onlooker { $0.logLevel = .debug }
        let connection = server.connect()
        let session = server.initialize(on: connection)
        server.send(Onlooker.post("{}", session), on: connection, reads: false)
        let line = try #require(lines(server).first)
        let event = HostEvent(line)
        #expect(event.kind == .log && event.peer === line.peer && event.peer != nil)
        #expect(event.sessionKey == line.session)
        let texts = [line.text, line.peer, line.httpMethod, line.target, line.method]
        let held = texts.reduce(0) { $0 + ($1?.heapBytes ?? 0) }
        #expect(event.heldBytes > held + 200)
        server.engine.recycle(event)
        #expect(server.engine.violations().isEmpty)
    }

    @Test("A level that is not wanted makes no line, and a flood makes ten")
    func limits() {
        let server = Onlooker()
        let connection = server.connect()
        for _ in 0..<30 {
            server.send(
                "GET /mcp HTTP/1.1\r\nHost: example.com\r\n\r\n", on: connection, reads: false)
        }
        let found = lines(server)
        #expect(found.count == 10 && found.allSatisfy { $0.level == .warning })
    }
}
