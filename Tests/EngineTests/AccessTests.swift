import Engine
import Link
import Session
import Simulation
import Testing
import Wire

@Suite("Access records")
struct AccessTests {
    private let head = "GET /mcp HTTP/1.1\r\nHost: localhost\r\n"

    private func server(_ change: (inout ServerOptions) -> Void = { _ in }) -> Onlooker {
        Onlooker {
            $0.reportsExchanges = true
            change(&$0)
        }
    }

    private func record(_ server: Onlooker) throws -> AccessRecord {
        let record = try #require(server.take(.access)?.access)
        #expect(!server.events.contains { $0.kind == .access })
        return record
    }

    @Test("A record says who asked for what, and what became of it")
    func content() throws {
        let server = server { $0.responseMode = .json }
        let connection = server.connect()
        let session = server.initialize(on: connection)
        let key = try #require(server.take(.sessionOpened)?.sessionKey)
        let first = try record(server)
        #expect(first.status == 200 && first.method?.text == "initialize" && first.session == key)
        server.ready(session, on: connection)
        #expect(try record(server).status == 202)
        let request = Onlooker.post(#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, session)
        server.engine.advance(to: Instant(milliseconds: 5))
        server.send(request, on: connection)
        #expect(server.take(.access) == nil)
        let call = try #require(server.take(.request)?.request)
        server.engine.advance(to: Instant(milliseconds: 47))
        try server.engine.respond(call, ("{}" as StaticString).rawBytes)
        let answer = server.read(connection)
        let event = try #require(server.take(.access))
        let record = try #require(event.access)
        #expect(event.peer?.text == "127.0.0.1:1" && event.peer === record.peer)
        #expect(event.sessionKey == key && record.session == key && event.principal == nil)
        #expect(record.httpMethod?.text == "POST" && record.target?.text == "/mcp?...")
        #expect(record.status == 200 && record.method?.text == "tools/call")
        #expect(record.bytesReceived == UInt64(request.utf8.count))
        #expect(record.bytesSent == UInt64(answer.utf8.count))
        #expect(record.microseconds == 42_000 && !record.isCut)
    }

    @Test(
        "What is refused has a record, too",
        arguments: [
            ("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "GET", "/x"),
            ("PUT /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "PUT", "/mcp"),
            ("GET /mcp HTTP/1.1\r\nHost: example.com\r\n\r\n", 403, "GET", "/mcp"),
            ("GET /mcp HTTP/1.1\r\nHost localhost\r\n\r\n", 400, nil, nil),
            ("\r\n\r\n\rnonsense", 400, nil, nil),
            (
                "GET /\(String(repeating: "x", count: 400)) HTTP/1.1\r\nHost: localhost\r\n\r\n",
                404, "GET", "/\(String(repeating: "x", count: 248))..."
            ),
            (Onlooker.post("{"), 400, "POST", "/mcp?..."),
            (Onlooker.post(#"{"jsonrpc":"2.0","id":1,"method":"a"}"#), 400, "POST", "/mcp?..."),
            (Onlooker.post(String(repeating: " ", count: 999)), 413, "POST", "/mcp?..."),
        ])
    func refused(_ text: String, _ status: Int, _ method: String?, _ target: String?) throws {
        for isWhole in [true, false] {
            let server = server { $0.limits.messageBytes = 500 }
            let connection = server.connect()
            var output = ""
            for piece in isWhole ? [text] : text.map({ String($0) }) {
                guard !connection.hasEnded else { break }
                output += server.send(piece, on: connection)
            }
            let record = try record(server)
            #expect(record.status == status && record.bytesSent == UInt64(output.utf8.count))
            #expect(record.httpMethod?.text == method && record.target?.text == target)
            #expect(record.bytesReceived > 0 && record.bytesReceived <= UInt64(text.utf8.count))
            #expect(!record.isCut && record.session == nil)
            server.engine.connectionLost(connection)
            #expect(server.take(.access) == nil)
            #expect(server.engine.violations().isEmpty)
        }
    }

    @Test("Empty lines are no exchange; half a head is one, without a status")
    func beginning() throws {
        let server = server()
        let first = server.connect()
        server.send("\r\n\r\n", on: first)
        server.engine.connectionLost(first)
        #expect(server.take(.access) == nil)
        let second = server.connect()
        server.send("GE", on: second)
        server.send("T /", on: second)
        server.engine.connectionLost(second)
        let record = try record(server)
        #expect(record.status == 0 && record.isCut && record.bytesReceived == 5)
        #expect(record.bytesSent == 0 && record.target == nil)
    }

    @Test("A head that comes too late is answered, and recorded")
    func late() throws {
        let server = server()
        let connection = server.connect()
        server.send("GET", on: connection)
        server.engine.advance(to: Instant(milliseconds: 40_000))
        server.engine.deadlineReached()
        server.read(connection)
        let record = try record(server)
        #expect(record.status == 408 && record.microseconds == 40_000_000 && !record.isCut)
    }

    @Test("A stream's record comes at its end, behind everything that its end causes")
    func stream() throws {
        let server = server()
        let (first, second) = (server.connect(), server.connect())
        let session = server.initialize(on: first)
        server.ready(session, on: first)
        let output = server.send(Onlooker.get(session), on: first)
        server.send(
            Onlooker.post(#"{"jsonrpc":"2.0","id":1,"method":"a"}"#, session), on: second)
        while server.take(.access) != nil {}
        server.engine.connectionLost(first)
        server.engine.connectionLost(second)
        server.settle()
        let kinds = server.events.suffix(3).map(\.kind)
        #expect(kinds == [.primaryClosed, .access, .access])
        let records = server.events.compactMap(\.access)
        #expect(records.map(\.isCut) == [true, true] && records.map(\.status) == [200, 0])
        #expect(records[0].bytesSent == UInt64(output.utf8.count))
        #expect(records[1].method?.text == "a" && records[0].method == nil)
        #expect(records[0].session == records[1].session && records[0].session != nil)
    }

    @Test("A record waits until the socket has taken its response, in order, and counts")
    func slow() throws {
        let server = server()
        let connection = server.connect()
        let request = head.replacing("/mcp", with: "/x") + "\r\n"
        server.send(String(repeating: request, count: 3), on: connection, reads: false)
        #expect(server.take(.access) == nil)
        let output = try #require(server.engine.takeOutput(of: connection))
        let each = output.count / 3
        #expect(connection.unsentBytes > output.count + 3 * 180)
        #expect(MemoryBudgets.complaints(about: server.engine, outputs: [output]).isEmpty)
        server.engine.sent(each - 1, on: connection)
        #expect(server.take(.access) == nil)
        server.engine.sent(1, on: connection)
        #expect(try record(server).bytesSent == UInt64(each))
        server.engine.sent(each + 7, on: connection)
        #expect(try record(server).bytesSent == UInt64(each))
        #expect(server.engine.violations().isEmpty)
        server.engine.connectionLost(connection)
        let last = try record(server)
        #expect(last.isCut && last.bytesSent == 7 && last.status == 404)
    }

    @Test("A client that reads nothing cannot make the server keep many records")
    func flood() throws {
        let server = server()
        let connection = server.connect()
        let request = head.replacing("/mcp", with: "/" + String(repeating: "x", count: 250))
        for _ in 0..<500 where !connection.hasEnded {
            server.send(request + "\r\n", on: connection, reads: false)
            server.settle()
            #expect(connection.unsentBytes < server.engine.options.pipelinedBytesMax + 2_000)
        }
        #expect(server.engine.violations().isEmpty)
        #expect(MemoryBudgets.complaints(about: server.engine, outputs: []).isEmpty)
    }

    @Test("The rest of a refused request belongs to it, and its record comes after that")
    func skipped() throws {
        let server = server { $0.authorization = .host }
        let connection = server.connect()
        let text = Onlooker.post("{}", "Authorization: Bearer x\r\n")
        server.send(text, on: connection)
        let key = try #require(server.take(.authorize)?.authorization)
        try server.engine.allow(
            key, Principal(("alice" as StaticString).rawBytes)!, expiresIn: nil)
        server.read(connection)
        let event = try #require(server.take(.access))
        #expect(event.principal?.name.text == "alice")
        #expect(event.access?.bytesReceived == UInt64(text.utf8.count))
        #expect(event.access?.status == 400)
    }

    @Test("Nobody gets a record who does not want any, and events of both kinds are recycled")
    func recycled() throws {
        let silent = Onlooker()
        let connection = silent.connect()
        silent.send(head.replacing("/mcp", with: "/x") + "\r\n", on: connection)
        silent.engine.connectionLost(connection)
        silent.settle()
        #expect(silent.events.isEmpty)
        let server = server()
        server.send(head.replacing("/mcp", with: "/x") + "\r\n", on: server.connect())
        let event = try #require(server.take(.access))
        #expect(event.heldBytes > 500)
        server.engine.recycle(event)
        #expect(event.access == nil && server.engine.violations().isEmpty)
    }

    @Test("The stopwatch is finer than the engine's time")
    func stopwatch() throws {
        var time: UInt64 = 7
        var options = ServerOptions()
        options.reportsExchanges = true
        let engine = ServerEngine(options, stopwatch: { time }) { 1 }
        let connection = engine.connectionOpened(driver: UnsafeMutableRawPointer(bitPattern: 1)!)!
        Array((head + "\r\n").utf8).withUnsafeBytes { engine.received($0, on: connection) }
        time = 30
        let output = try #require(engine.takeOutput(of: connection))
        engine.sent(output.count, on: connection)
        guard case .deliver(let event) = engine.nextEffect() else {
            Issue.record("no event")
            return
        }
        #expect(event.access?.microseconds == 23 && event.peer == nil)
    }
}
