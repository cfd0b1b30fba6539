import Engine
import Foundation
import Link
import Session
import Testing
import Wire

@Suite("Listings")
struct ListingTests {
    private typealias Entry = [String: Any]

    private func parse(_ text: ByteBuffer) throws -> Entry {
        let data = withExtendedLifetime(text) { Data(text.bytes) }
        return try #require(JSONSerialization.jsonObject(with: data) as? Entry)
    }

    private func page(
        _ server: Onlooker, after key: SessionKey? = nil, limit: Int = 1_000
    ) throws -> Entry {
        try parse(server.engine.listing(after: key, limit: limit))
    }

    private func entries(_ value: Any?) throws -> [Entry] { try #require(value as? [Entry]) }

    private func hex(_ number: UInt64) -> String { "0x" + String(number, radix: 16) }

    private func advance(_ server: Onlooker, to time: Int64) {
        server.engine.advance(to: Instant(milliseconds: time))
    }

    @Test("A modern request stands beside the sessions")
    func modern() throws {
        let server = Onlooker { _ in }
        let (first, second) = (server.connect(), server.connect())
        _ = server.initialize(on: first)
        let body = """
            {"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{\
            "io.modelcontextprotocol/protocolVersion":"2026-07-28",\
            "io.modelcontextprotocol/clientCapabilities":{}}}}
            """
        let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n"
        server.send(Onlooker.post(body, fields), on: second)
        let request = try #require(server.take(.request)?.request)
        let page = try page(server)
        #expect(try entries(page["sessions"]).count == 1)
        let entry = try #require(try entries(page["requests"]).first)
        #expect(entry["request"] as? String == hex(request.rawValue))
    }

    @Test("A session with everything that it can have")
    func session() throws {
        let server = Onlooker { $0.keepAlive = nil }
        let (first, second) = (server.connect(), server.connect())
        advance(server, to: 1_000)
        let session = server.initialize(on: first, client: #"{"name":"Ägypten\n\"x\""}"#)
        let key = try #require(server.take(.sessionOpened)?.sessionKey)
        advance(server, to: 1_500)
        var entry = try #require(try entries(page(server)["sessions"]).first)
        #expect(entry["state"] as? String == "initializing" && entry["idle_ms"] as? Int == 500)
        #expect(entry["primary"] as? NSDictionary == ["attached": false, "mailbox_messages": 0])
        server.ready(session, on: first)
        advance(server, to: 2_000)
        server.send(Onlooker.get(session), on: first)
        advance(server, to: 2_400)
        server.send(
            Onlooker.post(#"{"jsonrpc":"2.0","id":"a\"b","method":"tools/call"}"#, session),
            on: second)
        let request = try #require(server.take(.request)?.request)
        advance(server, to: 2_500)
        let method = ("ping" as StaticString).rawBytes
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        try server.engine.call(
            CallKey(rawValue: 255), request, method: method, params: nothing, data: nil)
        try server.engine.call(
            CallKey(rawValue: 256), key, method: method, params: nothing, data: nil)
        server.read(first)
        advance(server, to: 3_000)

        let text = server.engine.listing(after: nil, limit: 10).text
        let secret = try #require(session.split(separator: " ").last?.prefix(32))
        #expect(!text.contains(secret) && !text.contains("\n"))
        let page = try page(server)
        #expect(page["next"] is NSNull)
        #expect(try entries(page["requests"]).isEmpty)
        entry = try #require(try entries(page["sessions"]).first)
        #expect(entry["session"] as? String == hex(key.rawValue))
        #expect(entry["principal"] is NSNull && entry["revision"] as? String == "2025-11-25")
        #expect(entry["client"] as? String == "Ägypten\n\"x\"")
        #expect(entry["age_ms"] as? Int == 2_000 && entry["idle_ms"] as? Int == 0)
        #expect(entry["state"] as? String == "ready")
        #expect(
            entry["primary"] as? NSDictionary == [
                "attached": true, "peer": "127.0.0.1:1", "age_ms": 1_000, "unsent_bytes": 0,
                "mailbox_messages": 0,
            ])
        let inspection = Inspection(of: server.engine)
        let log = try #require(inspection.sessions.first.flatMap { inspection.log(of: $0) })
        #expect(log.count == 3 && entry["replay_events"] as? Int == log.count)
        #expect(entry["replay_bytes"] as? Int == log.byteCount)
        #expect(
            entry["calls"] as? NSArray == [["call": "0x100", "method": "ping", "age_ms": 500]])
        let requests = try entries(entry["requests"])
        let unsent = try #require(requests.first?["unsent_bytes"] as? Int)
        #expect(
            requests as NSArray == [
                [
                    "request": hex(request.rawValue), "id": "a\"b", "method": "tools/call",
                    "age_ms": 600, "stream": "attached", "peer": "127.0.0.1:2",
                    "unsent_bytes": unsent, "waits_for": "client",
                    "calls": [["call": "0xff", "method": "ping", "age_ms": 500]],
                ] as NSDictionary
            ])
        #expect(unsent == second.unsentBytes && unsent > 0)
    }

    /// The first request of the first session.
    private func request(_ server: Onlooker) throws -> Entry {
        let session = try #require(try entries(page(server)["sessions"]).first)
        return try #require(try entries(session["requests"]).first)
    }

    @Test("What a request waits for, and what carries its stream")
    func obstacles() throws {
        let server = Onlooker {
            $0.hasHostStore = true
            $0.responseHead = nil
        }
        let (first, second) = (server.connect(), server.connect())
        let session = server.initialize(on: first)
        server.ready(session, on: first)
        server.send(Onlooker.get(session), on: first)
        server.send(
            Onlooker.post(
                """
                {"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"progressToken":1}}}
                """, session), on: second)
        let key = try #require(server.take(.request)?.request)
        #expect(try request(server)["waits_for"] as? String == "host")
        #expect(try request(server)["stream"] as? String == "none")
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        try server.engine.notify(
            key, method: ("m" as StaticString).rawBytes, params: nothing)
        let stream = server.read(second)
        #expect(try request(server)["stream"] as? String == "attached")
        // Its client goes, and comes back for what the host's store has to look up.
        let id = try #require(stream.firstMatch(of: /id: (\S+)\n/)).output.1
        server.engine.connectionLost(second)
        #expect(try request(server)["stream"] as? String == "detached")
        #expect(try request(server)["waits_for"] as? String == "host")
        #expect(try request(server)["peer"] is NSNull)
        let third = server.connect()
        server.send(Onlooker.get("\(session)Last-Event-ID: \(id)\r\n"), on: third, reads: false)
        #expect(try request(server)["waits_for"] as? String == "store")
        #expect(try request(server)["peer"] as? String == "127.0.0.1:3")
        let found = ByteBuffer(copying: ("{}" as StaticString).rawBytes)
        try server.engine.loaded(LoadKey(rawValue: 1), [found], .open(record: nil))
        server.read(third)
        // The answer has to wait for progress on the primary stream.
        try server.engine.progress(key, 1, total: nil, message: nothing)
        try server.engine.respond(key, ("{}" as StaticString).rawBytes)
        #expect(try request(server)["waits_for"] as? String == "socket")
        server.read(first)
        #expect(try request(server)["waits_for"] as? String == "fence")
        #expect(try request(server)["request"] as? String == hex(key.rawValue))
        advance(server, to: 1_000)
        server.engine.deadlineReached()
        let entry = try #require(try entries(page(server)["sessions"]).first)
        #expect(try entries(entry["requests"]).isEmpty)
    }

    @Test("Pages hold each session once, in the order of creation, though some end meanwhile")
    func pages() throws {
        let server = Onlooker { $0.addressSharePercent = 100 }
        for _ in 0..<70 { _ = server.initialize(on: server.connect()) }
        let keys = server.events.compactMap(\.sessionKey)
        // The freed places are taken by newer sessions.
        for key in keys.prefix(20) { try server.engine.close(key) }
        for _ in 0..<10 { _ = server.initialize(on: server.connect()) }
        server.settle()
        let opened = server.events.filter { $0.kind == .sessionOpened }.compactMap(\.sessionKey)
        let expected = opened.dropFirst(20).map { hex($0.rawValue) }
        var found: [String] = []
        var next: SessionKey?
        var pages = 0
        repeat {
            let page = try page(server, after: next, limit: 7)
            let sessions = try entries(page["sessions"]).compactMap { $0["session"] as? String }
            #expect(sessions.count <= 7)
            found += sessions
            next = (page["next"] as? String).flatMap { UInt64($0.dropFirst(2), radix: 16) }
                .map { SessionKey(rawValue: $0) }
            if pages == 3, let next { try server.engine.close(next) }
            pages += 1
        } while next != nil && pages < 20
        #expect(found == expected && pages == 9)
        #expect(try entries(page(server, limit: 0)["sessions"]).count == 1)
        #expect(try entries(page(server, limit: .max)["sessions"]).count == 59)
        let last = SessionKey(rawValue: .max)
        #expect(try entries(page(server, after: last)["sessions"]).isEmpty)
    }

    @Test("A page is not much longer than a megabyte")
    func length() throws {
        let server = Onlooker {
            $0.addressSharePercent = 100
            $0.limits.requestIDBytes = 1_024
        }
        let connection = server.connect()
        for _ in 0..<8 {
            let session = server.initialize(on: connection)
            for number in 0..<200 {
                let id = String(repeating: "x", count: 1_000) + "\(number)"
                server.send(
                    Onlooker.post(#"{"jsonrpc":"2.0","id":"\#(id)","method":"a"}"#, session),
                    on: server.connect())
            }
        }
        let text = server.engine.listing(after: nil, limit: 1_000)
        let page = try parse(text)
        let count = try entries(page["sessions"]).count
        #expect(text.count > 1 << 20 && text.count < (1 << 20) + 300_000 && (4...6) ~= count)
        let next = try #require(page["next"] as? String)
        #expect(try entries(page["sessions"]).last?["session"] as? String == next)
    }

    @Test("A server without sessions lists requests, in pages, too")
    func stateless() throws {
        let server = Onlooker {
            $0.isStateless = true
            $0.responseMode = .json
        }
        for number in 1...5 {
            server.send(
                Onlooker.post(#"{"jsonrpc":"2.0","id":\#(number),"method":"a"}"#),
                on: server.connect())
        }
        let first = try page(server, limit: 3)
        let requests = try entries(first["requests"])
        #expect(requests.map { $0["id"] as? Int } == [1, 2, 3])
        #expect(requests[0]["stream"] as? String == "json")
        #expect(try entries(first["sessions"]).isEmpty)
        let key = try #require(
            (first["next"] as? String).flatMap { UInt64($0.dropFirst(2), radix: 16) })
        let second = try page(server, after: SessionKey(rawValue: key), limit: 3)
        #expect(try entries(second["requests"]).map { $0["id"] as? Int } == [4, 5])
        #expect(second["next"] is NSNull)
    }

    @Test("Requests that wait for a verdict are on the first page")
    func authorizations() throws {
        let server = Onlooker { $0.authorization = .host }
        server.send(Onlooker.post("{}", "Authorization: Bearer secret\r\n"), on: server.connect())
        let key = try #require(server.take(.authorize)?.authorization)
        advance(server, to: 70)
        #expect(
            try page(server)["authorizations"] as? NSArray == [
                [
                    "authorization": hex(key.rawValue), "peer": "127.0.0.1:1",
                    "target": "/mcp?...", "age_ms": 70,
                ] as NSDictionary
            ])
        #expect(!server.engine.listing(after: nil, limit: 1).text.contains("secret"))
        let later = try page(server, after: SessionKey(rawValue: 1))
        #expect(try entries(later["authorizations"]).isEmpty)
    }

    @Test("Asked for as a command, a page is an event")
    func event() throws {
        let server = Onlooker()
        _ = server.initialize(on: server.connect())
        let data = UnsafeMutableRawPointer(bitPattern: 7)
        server.engine.list(after: nil, limit: 5, data: data)
        let event = try #require(server.take(.sessions))
        #expect(event.callData == data && event.sessionKey == nil)
        let text = ByteBuffer(copying: try #require(event.message))
        #expect(try entries(parse(text)["sessions"]).count == 1)
        #expect(event.heldBytes > text.count)
        server.engine.recycle(event)
        #expect(event.message == nil && server.engine.violations().isEmpty)
    }
}
