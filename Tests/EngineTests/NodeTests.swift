import Engine
import Link
import Session
import Testing
import Wire

/// Several servers that share a store: any of them takes any request of any session.
@Suite("Nodes")
struct NodeTests {
    private let cluster = Cluster()
    private var a: Cluster.Node { cluster.nodes[0] }
    private var b: Cluster.Node { cluster.nodes[1] }
    private var c: Cluster.Node { cluster.nodes[2] }

    private static let call =
        #"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}"#

    private func check() {
        for node in cluster.nodes {
            #expect(node.engine.violations().map(\.description) == [])
        }
    }

    private func lastRequest(of node: Cluster.Node) -> RequestKey? {
        node.events.last { $0.kind == .request }?.request
    }

    private func respond(_ node: Cluster.Node, _ key: RequestKey) throws {
        try node.engine.respond(key, (#"{"content":[]}"# as StaticString).rawBytes)
    }

    @Test("A request is answered by the node that has its session, whichever gets it")
    func relayed() throws {
        let session = try #require(cluster.initialize(at: a))
        let connection = cluster.connect(to: b)
        #expect(cluster.send("POST", NodeTests.call, session: session, on: connection, of: b) == "")
        check()
        let key = try #require(lastRequest(of: a))
        #expect(lastRequest(of: b) == nil)
        try a.engine.progress(key, 1, total: nil, message: .init(start: nil, count: 0))
        try respond(a, key)
        let answer = cluster.read(connection, of: b)
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains(#""id":7,"result":{"content":[]}"#))
        #expect(answer.hasSuffix("0\r\n\r\n"))
        check()
        // The connection serves the next request.
        #expect(
            cluster.send("DELETE", session: session, on: connection, of: b)
                .hasPrefix("HTTP/1.1 204 "))
        #expect(!cluster.has(session, a))
        for node in cluster.nodes {
            let other = cluster.connect(to: node)
            let gone = cluster.send("POST", NodeTests.call, session: session, on: other, of: node)
            #expect(gone.hasPrefix("HTTP/1.1 404 "))
        }
        check()
    }

    @Test("The newest GET wins, across nodes (S-231)")
    func takeover() throws {
        let session = try #require(cluster.initialize(at: a))
        let first = cluster.connect(to: b)
        let accept = "Accept: text/event-stream\r\n"
        #expect(
            cluster.send("GET", session: session, fields: accept, on: first, of: b)
                .contains("text/event-stream"))
        let second = cluster.connect(to: c)
        #expect(
            cluster.send("GET", session: session, fields: accept, on: second, of: c)
                .contains("text/event-stream"))
        #expect(cluster.read(first, of: b).hasSuffix("0\r\n\r\n"))
        let key = try #require(Inspection(of: a.engine).sessions.first).key
        try a.engine.notify(
            key, method: ("x/y" as StaticString).rawBytes, params: .init(start: nil, count: 0))
        #expect(cluster.read(second, of: c).contains("x/y"))
        #expect(cluster.read(first, of: b) == "")
        check()
        // It lets go of the client when that leaves.
        c.engine.connectionLost(second)
        cluster.settle()
        #expect(a.kinds().last == .primaryClosed)
        check()
    }

    @Test("The node that has the client records an exchange, and no other")
    func recorded() throws {
        let cluster = Cluster(2) { $0.reportsExchanges = true }
        let (a, b) = (cluster.nodes[0], cluster.nodes[1])
        let session = try #require(cluster.initialize(at: a))
        let before = a.kinds().count { $0 == .access }
        let connection = cluster.connect(to: b)
        cluster.send("POST", NodeTests.call, session: session, on: connection, of: b)
        try respond(a, try #require(lastRequest(of: a)))
        _ = cluster.read(connection, of: b)
        #expect(a.kinds().count { $0 == .access } == before)
        #expect(b.kinds().count { $0 == .access } == 1)
    }

    @Test("A client that leaves is told to the node that answers")
    func left() throws {
        let session = try #require(cluster.initialize(at: a))
        let connection = cluster.connect(to: b)
        cluster.send("POST", NodeTests.call, session: session, on: connection, of: b)
        b.engine.connectionLost(connection)
        cluster.settle()
        check()
        #expect(a.engine.statistics.connections == 1)
    }

    @Test("Of a node that dies another one takes the sessions")
    func dies() throws {
        let session = try #require(cluster.initialize(at: a))
        let waiting = cluster.connect(to: b)
        cluster.send("POST", NodeTests.call, session: session, on: waiting, of: b)
        cluster.kill(a)
        #expect(cluster.read(waiting, of: b).hasPrefix("HTTP/1.1 502 "))
        cluster.send("POST", NodeTests.call, session: session, on: waiting, of: b)
        #expect(b.events.contains { $0.kind == .sessionOpened })
        try respond(b, try #require(lastRequest(of: b)))
        #expect(cluster.read(waiting, of: b).contains(#""id":7,"result""#))
        check()
    }

    @Test("Of what is over for one of two nodes the other one learns", arguments: [false, true])
    func isOverForBoth(isForClient: Bool) throws {
        let session = try #require(cluster.initialize(at: a))
        let waiting = cluster.connect(to: b)
        cluster.send("POST", NodeTests.call, session: session, on: waiting, of: b)
        if isForClient { b.engine.gone(a.id) } else { a.engine.gone(b.id) }
        #expect(cluster.read(waiting, of: b).hasPrefix("HTTP/1.1 502 "))
        #expect(a.engine.statistics.connections == 1)
        check()
    }

    @Test("A node that drains gives its sessions up, and their clients come back elsewhere")
    func drains() throws {
        let session = try #require(cluster.initialize(at: a))
        let stream = cluster.connect(to: b)
        cluster.send(
            "GET", session: session, fields: "Accept: text/event-stream\r\n", on: stream, of: b)
        let open = cluster.connect(to: c)
        cluster.send("POST", NodeTests.call, session: session, on: open, of: c)
        let key = try #require(lastRequest(of: a))
        a.engine.drain(until: Instant(milliseconds: 60_000))
        #expect(cluster.read(stream, of: b).contains("retry: "))
        // The next request is another node's.
        let next = cluster.connect(to: c)
        cluster.send("POST", NodeTests.call, session: session, on: next, of: c)
        try respond(c, try #require(lastRequest(of: c)))
        #expect(cluster.read(next, of: c).contains(#""id":7,"result""#))
        // What is open ends where it is.
        try respond(a, key)
        #expect(cluster.read(open, of: c).contains(#""id":7,"result""#))
        check()
    }

    @Test("What concerns a request that a draining node answers reaches it there")
    func drainer() throws {
        let session = try #require(cluster.initialize(at: a))
        let open = cluster.connect(to: b)
        cluster.send("POST", NodeTests.call, session: session, on: open, of: b)
        let key = try #require(lastRequest(of: a))
        try a.engine.call(
            CallKey(rawValue: 5), key, method: ("sampling/createMessage" as StaticString).rawBytes,
            params: ("{}" as StaticString).rawBytes, data: nil)
        let asked = cluster.read(open, of: b)
        #expect(asked.contains("sampling/createMessage"))
        let event = try #require(asked.firstMatch(of: /id: ([0-9a-f.]+)\n/))
        a.engine.drain(until: Instant(milliseconds: 60_000))
        // Another node has the session now; the answer goes through it, and a third one.
        let other = cluster.connect(to: c)
        cluster.send(
            "POST", #"{"jsonrpc":"2.0","id":9,"method":"ping"}"#, session: session, on: other, of: c
        )
        #expect(cluster.has(session, c))
        let third = cluster.connect(to: b)
        let answer = #"{"jsonrpc":"2.0","id":5,"result":{}}"#
        #expect(
            cluster.send("POST", answer, session: session, on: third, of: b)
                .hasPrefix("HTTP/1.1 202 "))
        #expect(a.kinds().last == .response)
        check()
        // The stream is resumed where it is answered.
        b.engine.connectionLost(open)
        let resumed = cluster.connect(to: b)
        let fields = "Accept: text/event-stream\r\nLast-Event-ID: \(event.1)\r\n"
        cluster.send("GET", session: session, fields: fields, on: resumed, of: b)
        check()
        try respond(a, key)
        #expect(cluster.read(resumed, of: b).contains(#""id":7,"result""#))
        check()
        // When it has gone, the session's node answers.
        cluster.kill(a)
        #expect(
            cluster.send("POST", answer, session: session, on: third, of: b)
                .hasPrefix("HTTP/1.1 202 "))
        let again = cluster.send("GET", session: session, fields: fields, on: third, of: b)
        #expect(again.contains(#""id":7,"result""#))
        check()
    }

    @Test("A request that arrives at a node that gives its session up meanwhile goes on")
    func moves() throws {
        let session = try #require(cluster.initialize(at: a))
        a.engine.drain(until: Instant(milliseconds: 60_000))
        let connection = cluster.connect(to: b)
        cluster.send("POST", NodeTests.call, session: session, on: connection, of: b)
        try respond(b, try #require(lastRequest(of: b)))
        #expect(cluster.read(connection, of: b).contains(#""id":7,"result""#))
        check()
    }

    @Test("A node that drains stays for what others have passed on to it meanwhile")
    func lingers() throws {
        _ = try #require(cluster.initialize(at: a))
        a.engine.drain(until: Instant(milliseconds: 60_000))
        cluster.settle()
        #expect(!a.kinds().contains(.sessionClosed))
        #expect(a.engine.nextDeadline == Instant(milliseconds: 500))
        a.engine.advance(to: Instant(milliseconds: 500))
        a.engine.deadlineReached()
        cluster.settle()
        #expect(a.kinds().contains(.sessionClosed))
        check()
    }

    @Test("A session that another node has taken ends here, and nothing is stored of it")
    func lost() throws {
        let session = try #require(cluster.initialize(at: a))
        let connection = cluster.connect(to: a)
        cluster.send("POST", NodeTests.call, session: session, on: connection, of: a)
        let id = try #require(Inspection(of: a.engine).sessions.first).id
        a.engine.lost(id)
        cluster.settle()
        #expect(!cluster.has(session, a))
        #expect(a.kinds().suffix(2) == [.cancelled, .sessionClosed])
        check()
    }

    @Test("Without the store its own sessions go on; new ones, and those elsewhere, get 503")
    func away() throws {
        let session = try #require(cluster.initialize(at: a))
        cluster.setReached(false)
        let own = cluster.connect(to: a)
        cluster.send("POST", NodeTests.call, session: session, on: own, of: a)
        try respond(a, try #require(lastRequest(of: a)))
        #expect(cluster.read(own, of: a).contains(#""id":7,"result""#))
        #expect(
            cluster.send("DELETE", session: session, on: own, of: a).hasPrefix("HTTP/1.1 503 "))
        let other = cluster.connect(to: b)
        let refused = cluster.send("POST", NodeTests.call, session: session, on: other, of: b)
        #expect(refused.hasPrefix("HTTP/1.1 503 ") && refused.contains("Retry-After: 1"))
        #expect(cluster.initialize(at: b) == nil)
        cluster.setReached(true)
        let again = cluster.connect(to: b)
        cluster.send("POST", NodeTests.call, session: session, on: again, of: b)
        try respond(a, try #require(lastRequest(of: a)))
        #expect(cluster.read(again, of: b).contains(#""id":7,"result""#))
        check()
    }

    @Test("The answer to initialize waits until any node can find the session")
    func initialize() throws {
        cluster.writes = false
        #expect(cluster.initialize(at: a) == nil)
        cluster.writes = true
        a.engine.kept(upTo: .max)
        #expect(cluster.initialize(at: a) != nil)
    }

    @Test("The host of the session's node decides on a request again: a tag is one process's")
    func authorized() throws {
        let cluster = Cluster { $0.authorization = .host }
        let (a, b) = (cluster.nodes[0], cluster.nodes[1])
        let alice = "Authorization: Bearer alice\r\n"
        func allow(_ node: Cluster.Node, _ name: StaticString, tag: UInt64) throws {
            let event = try #require(node.events.last { $0.kind == .authorize })
            let principal = try #require(Principal(name.rawBytes, tag: tag))
            try node.engine.allow(
                try #require(event.authorization), principal, expiresIn: nil)
            cluster.settle()
        }
        let first = cluster.connect(to: a)
        let body =
            #"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"#
            + #""2025-11-25","capabilities":{}}}"#
        cluster.send("POST", body, fields: alice, on: first, of: a)
        try allow(a, "alice", tag: 1)
        let answer = cluster.read(first, of: a)
        let match = try #require(answer.firstMatch(of: /Mcp-Session-Id: ([^\r]+)/))
        for (name, tag) in [("alice", UInt64(7)), ("bob", 8)] as [(StaticString, UInt64)] {
            let other = cluster.connect(to: b)
            cluster.send(
                "POST", NodeTests.call, session: String(match.1), fields: alice, on: other, of: b)
            try allow(b, name, tag: 2)
            try allow(a, name, tag: tag)
            let request = a.events.last { $0.kind == .request }
            if tag == 8 {
                #expect(cluster.read(other, of: b).hasPrefix("HTTP/1.1 404 "))
            } else {
                #expect(request?.principal?.tag == 7)
            }
        }
        for node in cluster.nodes { #expect(node.engine.violations().map(\.description) == []) }
    }

    @Test("Changes and broadcasts reach the clients of all nodes, once")
    func announced() throws {
        let session = try #require(cluster.initialize(at: a))
        let stream = cluster.connect(to: b)
        cluster.send(
            "GET", session: session, fields: "Accept: text/event-stream\r\n", on: stream, of: b)
        c.engine.announce(.tools, .init(start: nil, count: 0))
        c.engine.announce(
            method: ("x/y" as StaticString).rawBytes, params: .init(start: nil, count: 0))
        let heard = cluster.read(stream, of: b)
        #expect(heard.ranges(of: "notifications/tools/list_changed").count == 1)
        #expect(heard.ranges(of: "x/y").count == 1)
    }

    @Test("A response is passed on as fast as the client reads it")
    func window() throws {
        let session = try #require(cluster.initialize(at: a))
        let connection = cluster.connect(to: b)
        cluster.send("POST", NodeTests.call, session: session, on: connection, of: b)
        let long = "{\"text\":\"" + String(repeating: "x", count: 3_000_000) + "\"}"
        let key = try #require(lastRequest(of: a))
        try Array(long.utf8).withUnsafeBytes { try a.engine.respond(key, $0) }
        let answer = cluster.read(connection, of: b)
        #expect(answer.utf8.count > 3_000_000 && answer.hasSuffix("0\r\n\r\n"))
        check()
    }

    @Test("Messages of strangers are ignored", arguments: [0, 1, 9, 17, 40])
    func strangers(length: Int) {
        for kind in UInt8.min...UInt8.max {
            let bytes = [kind] + (0..<length).map { _ in UInt8.random(in: 0...255) }
            bytes.withUnsafeBytes { _ = a.engine.received($0, from: b.id) }
            cluster.settle()
        }
        check()
    }
}
