import Engine
import Link
import Session
import Testing
import Wire

/// What may go wrong between nodes: late, lost and hostile messages, and clients that do not read.
@Suite("Relays")
struct RelayTests {
    private let cluster = Cluster()
    private var a: Cluster.Node { cluster.nodes[0] }
    private var b: Cluster.Node { cluster.nodes[1] }
    private var c: Cluster.Node { cluster.nodes[2] }

    private static let call =
        #"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}"#
    private static let ping = #"{"jsonrpc":"2.0","id":9,"method":"ping"}"#
    private static let accept = "Accept: text/event-stream\r\n"
    /// The end of a drain.
    private static let end = Instant(milliseconds: 60_000)

    private func check(_ place: SourceLocation = #_sourceLocation) {
        for node in cluster.nodes {
            #expect(node.engine.violations().map(\.description) == [], sourceLocation: place)
        }
    }

    private func lastRequest(of node: Cluster.Node) -> RequestKey? {
        node.events.last { $0.kind == .request }?.request
    }

    private func respond(_ node: Cluster.Node, _ key: RequestKey, _ length: Int = 0) throws {
        let text = "{\"text\":\"" + String(repeating: "x", count: length) + "\"}"
        try Array(text.utf8).withUnsafeBytes { try node.engine.respond(key, $0) }
    }

    private func send(_ bytes: [UInt8], from: Cluster.Node, to node: Cluster.Node) {
        bytes.withUnsafeBytes { _ = node.engine.received($0, from: from.id) }
        cluster.settle()
    }

    private static func number(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    // MARK: Slow clients

    @Test("A response is passed on to its end through two nodes, as fast as the client reads it")
    func chained() throws {
        let session = try #require(cluster.initialize(at: a))
        let open = cluster.connect(to: a)
        cluster.send("POST", RelayTests.call, session: session, on: open, of: a)
        let key = try #require(lastRequest(of: a))
        try a.engine.notify(
            key, method: ("x/y" as StaticString).rawBytes, params: .init(start: nil, count: 0))
        let event = try #require(
            cluster.read(open, of: a).firstMatch(of: /id: ([0-9a-f.]+)\n/)
        ).1
        a.engine.drain(until: RelayTests.end)
        let other = cluster.connect(to: c)
        cluster.send("POST", RelayTests.ping, session: session, on: other, of: c)
        #expect(cluster.has(session, c))
        let resumed = cluster.connect(to: b)
        cluster.send(
            "GET", session: session, fields: RelayTests.accept + "Last-Event-ID: \(event)\r\n",
            on: resumed, of: b)
        try respond(a, key, 3_000_000)
        let answer = cluster.read(resumed, of: b)
        #expect(answer.utf8.count > 3_000_000 && answer.hasSuffix("0\r\n\r\n"))
        check()
    }

    @Test("The last answers of a server that closes are passed on to their end")
    func closes() throws {
        let session = try #require(cluster.initialize(at: a))
        let slow = cluster.connect(to: b)
        cluster.send("POST", RelayTests.call, session: session, on: slow, of: b)
        cluster.stall(slow, of: b)
        a.engine.drain(until: RelayTests.end)
        try respond(a, try #require(lastRequest(of: a)), 3_000_000)
        cluster.settle()
        check()
        cluster.stall(slow, of: b, false)
        let answer = cluster.read(slow, of: b)
        #expect(answer.utf8.count > 3_000_000 && answer.hasSuffix("0\r\n\r\n"))
        check()
    }

    @Test("What waits for the store and for the client goes on with whichever comes last")
    func syncWindow() throws {
        let cluster = Cluster { $0.waitsForStore = true }
        let (a, b) = (cluster.nodes[0], cluster.nodes[1])
        let session = try #require(cluster.initialize(at: a))
        let slow = cluster.connect(to: b)
        cluster.send("POST", RelayTests.call, session: session, on: slow, of: b)
        cluster.stall(slow, of: b)
        let key = try #require(lastRequest(of: a))
        for _ in 0..<40 {
            let text = "{\"text\":\"" + String(repeating: "x", count: 10_000) + "\"}"
            try Array(text.utf8).withUnsafeBytes { params in
                try a.engine.notify(key, method: ("x/y" as StaticString).rawBytes, params: params)
            }
            cluster.settle()
        }
        try respond(a, key, 10_000)
        cluster.settle()
        // The store has yet to write what it is told of another session.
        cluster.writes = false
        _ = cluster.initialize(at: a)
        cluster.stall(slow, of: b, false)
        cluster.writes = true
        a.engine.kept(upTo: .max)
        let answer = cluster.read(slow, of: b)
        #expect(answer.hasSuffix("0\r\n\r\n"))
    }

    @Test("A client that reads nothing of its primary stream is found out where it is connected")
    func deadReader() throws {
        let session = try #require(cluster.initialize(at: a))
        let stream = cluster.connect(to: b)
        cluster.send("GET", session: session, fields: RelayTests.accept, on: stream, of: b)
        cluster.stall(stream, of: b)
        for seconds in 1...60 {
            for node in cluster.nodes {
                node.engine.advance(to: Instant(milliseconds: Int64(seconds * 1_000)))
                node.engine.deadlineReached()
            }
            cluster.settle()
            check()
        }
        #expect(a.kinds().last == .primaryClosed)
    }

    // MARK: Requests that move

    @Test("A client that sends on while its request looks for another node is read from again")
    func readsOn() throws {
        let session = try #require(cluster.initialize(at: a))
        let connection = cluster.connect(to: b)
        cluster.holdsMail = true
        cluster.send("POST", RelayTests.call, session: session, on: connection, of: b)
        a.engine.drain(until: RelayTests.end)
        cluster.settle()
        cluster.holdsFinds = true
        cluster.holdsMail = false
        cluster.settle()
        let most = b.engine.options.pipelinedBytesMax
        let head =
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: \(session)\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(2 * most)\r\n\r\n"
        let more = Array(head.utf8) + [UInt8](repeating: 0x20, count: most - head.utf8.count)
        more.withUnsafeBytes { b.engine.received($0, on: connection) }
        cluster.settle()
        cluster.holdsFinds = false
        cluster.settle()
        try respond(b, try #require(lastRequest(of: b)))
        #expect(cluster.read(connection, of: b).contains(#""id":7,"result""#))
        #expect(cluster.heldBack.isEmpty)
        check()
    }

    @Test("A request that arrives at a node that closes goes to the next one")
    func arrivesAtTheEnd() throws {
        let session = try #require(cluster.initialize(at: a))
        let open = cluster.connect(to: a)
        cluster.send("POST", RelayTests.call, session: session, on: open, of: a)
        cluster.stall(open, of: a)
        cluster.holdsMail = true
        let connection = cluster.connect(to: b)
        cluster.send("POST", RelayTests.call, session: session, on: connection, of: b)
        a.engine.close()
        cluster.settle()
        cluster.holdsMail = false
        cluster.settle()
        try respond(b, try #require(lastRequest(of: b)))
        #expect(cluster.read(connection, of: b).contains(#""id":7,"result""#))
        check()
    }

    @Test("A session whose client leaves while it is looked up is not lost to all nodes")
    func leavesWhileSeeking() throws {
        let session = try #require(cluster.initialize(at: a))
        cluster.kill(a)
        cluster.holdsFinds = true
        let first = cluster.connect(to: b)
        cluster.send("POST", RelayTests.call, session: session, on: first, of: b)
        b.engine.connectionLost(first)
        cluster.holdsFinds = false
        cluster.settle()
        let second = cluster.connect(to: c)
        cluster.send("POST", RelayTests.call, session: session, on: second, of: c)
        // The store takes that node for the session's, so it goes on with it.
        try respond(b, try #require(lastRequest(of: b)))
        #expect(cluster.read(second, of: c).contains(#""id":7,"result""#))
        check()
    }

    @Test("A session for which a node has no room is another one's")
    func noRoom() throws {
        let cluster = Cluster(2)
        let full = cluster.add { $0.sessionsMax = 1 }
        let (a, b) = (cluster.nodes[0], cluster.nodes[1])
        let own = try #require(cluster.initialize(at: full))
        let stream = cluster.connect(to: full)
        cluster.send("GET", session: own, fields: RelayTests.accept, on: stream, of: full)
        let session = try #require(cluster.initialize(at: a))
        cluster.kill(a)
        let first = cluster.connect(to: full)
        #expect(
            cluster.send("POST", RelayTests.ping, session: session, on: first, of: full)
                .hasPrefix("HTTP/1.1 503 "))
        let second = cluster.connect(to: b)
        #expect(
            cluster.send("POST", RelayTests.ping, session: session, on: second, of: b)
                .hasPrefix("HTTP/1.1 200 "))
    }

    @Test("A node that is told that it has a session itself refuses the request")
    func misplaced() throws {
        let session = try #require(cluster.initialize(at: a))
        cluster.holdsFinds = true
        let connection = cluster.connect(to: b)
        cluster.send("POST", RelayTests.ping, session: session, on: connection, of: b)
        cluster.misplaceFinds()
        #expect(cluster.read(connection, of: b).hasPrefix("HTTP/1.1 503 "))
        check()
    }

    // MARK: Nodes that drain

    @Test("A node that drains takes no session", arguments: [false, true])
    func drainerTakesNone(isLate: Bool) throws {
        let session = try #require(cluster.initialize(at: a))
        let own = try #require(cluster.initialize(at: b))
        let open = cluster.connect(to: b)
        cluster.send("POST", RelayTests.call, session: own, on: open, of: b)
        cluster.kill(a)
        let first = cluster.connect(to: b)
        cluster.holdsFinds = isLate
        if !isLate { b.engine.drain(until: RelayTests.end) }
        cluster.send("POST", RelayTests.ping, session: session, on: first, of: b)
        if isLate { b.engine.drain(until: RelayTests.end) }
        cluster.holdsFinds = false
        #expect(cluster.read(first, of: b).hasPrefix("HTTP/1.1 503 ") || !isLate)
        let second = cluster.connect(to: c)
        #expect(
            cluster.send("POST", RelayTests.ping, session: session, on: second, of: c)
                .hasPrefix("HTTP/1.1 200 "))
        check()
    }

    @Test("A node that drains does not take what the next one has to hear")
    func drainerHearsNothing() throws {
        let session = try #require(cluster.initialize(at: a))
        let open = cluster.connect(to: a)
        cluster.send("POST", RelayTests.call, session: session, on: open, of: a)
        a.engine.drain(until: RelayTests.end)
        let other = cluster.connect(to: c)
        cluster.send("POST", RelayTests.ping, session: session, on: other, of: c)
        #expect(cluster.has(session, c))
        let answer = cluster.connect(to: a)
        #expect(
            cluster.send(
                "POST", #"{"jsonrpc":"2.0","id":5,"result":{}}"#, session: session, on: answer,
                of: a
            ).hasPrefix("HTTP/1.1 503 "))
        let last = cluster.connect(to: a)
        #expect(
            cluster.send("DELETE", session: session, on: last, of: a).hasPrefix("HTTP/1.1 503 "))
        #expect(
            cluster.send("POST", RelayTests.ping, session: session, on: other, of: c)
                .hasPrefix("HTTP/1.1 200 "))
        check()
    }

    @Test("A node that drains passes no stream on, which would last as long as the drain")
    func drainerPassesNoStream() throws {
        let session = try #require(cluster.initialize(at: a))
        let own = try #require(cluster.initialize(at: b))
        let open = cluster.connect(to: b)
        cluster.send("POST", RelayTests.call, session: own, on: open, of: b)
        b.engine.drain(until: RelayTests.end)
        let stream = cluster.connect(to: b)
        #expect(
            cluster.send("GET", session: session, fields: RelayTests.accept, on: stream, of: b)
                .hasPrefix("HTTP/1.1 503 "))
        check()
    }

    @Test("A session that went on while its drainer was asked is not unknown")
    func drainerGone() throws {
        let session = try #require(cluster.initialize(at: a))
        let open = cluster.connect(to: a)
        cluster.send("POST", RelayTests.call, session: session, on: open, of: a)
        a.engine.drain(until: RelayTests.end)
        let other = cluster.connect(to: c)
        cluster.send("POST", RelayTests.ping, session: session, on: other, of: c)
        cluster.holdsMail = true
        cluster.send(
            "POST", #"{"jsonrpc":"2.0","id":5,"result":{}}"#, session: session, on: other, of: c)
        c.engine.lost(try #require(Inspection(of: c.engine).sessions.first).id)
        cluster.kill(a)
        #expect(cluster.read(other, of: c).hasPrefix("HTTP/1.1 502 "))
        check()
    }

    // MARK: Messages

    @Test("An authorization that expires in ages does not end the process")
    func expiresNever() {
        a.engine.advance(to: Instant(milliseconds: 5_000))
        let request = "GET /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: x\r\n\r\n"
        send(
            [1] + RelayTests.number(1) + RelayTests.number(1) + [0x61] + RelayTests.number(0)
                + RelayTests.number(UInt64(Int64.max)) + Array(request.utf8), from: b, to: a)
        check()
    }

    @Test("What is held of a request that another node answers is counted")
    func counted() throws {
        let session = try #require(cluster.initialize(at: a))
        let before = Int(b.engine.statistics.heldBytes)
        let held = Inventory(of: b.engine, outputs: []).heldBytes
        var connections: [ServerConnection] = []
        for id in 0..<40 {
            let connection = cluster.connect(to: b)
            connections.append(connection)
            let call = RelayTests.call.replacing(":7,", with: ":\(id),")
            let long = "X-Long: " + String(repeating: "x", count: 30_000) + "\r\n"
            cluster.send(
                "POST", call, session: session, fields: long, on: connection, of: b)
        }
        let counted = Double(Int(b.engine.statistics.heldBytes) - before)
        let measured = Double(Inventory(of: b.engine, outputs: []).heldBytes - held)
        #expect(counted > 0.75 * measured && counted < 1.25 * measured, "\(counted) of \(measured)")
        #expect(measured > 40 * 30_000)
        for connection in connections { b.engine.connectionLost(connection) }
        cluster.settle()
        check()
    }

    // MARK: Round trips

    private static let modern =
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: t\r\n"

    private static func modernCall(_ params: String = "") -> String {
        """
        {"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"\(params),"_meta":{\
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",\
        "io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}
        """
    }

    /// Has a node ask a client something, and returns the client's next request.
    private func ask(at node: Cluster.Node) throws -> String {
        let connection = cluster.connect(to: node)
        cluster.send(
            "POST", RelayTests.modernCall(), fields: RelayTests.modern, on: connection, of: node)
        try node.engine.call(
            CallKey(rawValue: 1), try #require(lastRequest(of: node)),
            method: ("elicitation/create" as StaticString).rawBytes,
            params: ("{}" as StaticString).rawBytes, data: nil)
        let question = cluster.read(connection, of: node)
        let state = try #require(question.firstMatch(of: /"requestState":"([^"]+)"/)).1
        return RelayTests.modernCall(
            #","requestState":"\#(state)","inputResponses":{"1":{"x":1}}"#)
    }

    @Test("A client may answer what it was asked at any node")
    func roundTrip() throws {
        let next = try ask(at: a)
        let connection = cluster.connect(to: b)
        cluster.setReached(false)
        #expect(
            cluster.send("POST", next, fields: RelayTests.modern, on: connection, of: b)
                .hasPrefix("HTTP/1.1 503 "))
        cluster.setReached(true)
        let again = cluster.connect(to: b)
        #expect(
            cluster.send("POST", next, fields: RelayTests.modern, on: again, of: b) == "")
        #expect(a.kinds().last == .response)
        try respond(a, try #require(lastRequest(of: a)))
        #expect(cluster.read(again, of: b).contains(#""id":7,"result""#))
        check()
        // What was asked by a node that has gone is unknown.
        cluster.kill(a)
        #expect(
            cluster.send("POST", next, fields: RelayTests.modern, on: again, of: b)
                .hasPrefix("HTTP/1.1 400 "))
        check()
    }
}
