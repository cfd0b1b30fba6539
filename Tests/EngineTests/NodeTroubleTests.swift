import Engine
import Foundation
import Link
import Session
import Testing
import Wire

/// Several servers that share a store, and lose each other, or their sessions.
@Suite("Nodes in trouble")
struct NodeTroubleTests {
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

    @Test("After its end a session is unknown, also to a client whose head is remembered (S-205)")
    func remembered() throws {
        let session = try #require(cluster.initialize(at: a))
        let (kept, other) = (cluster.connect(to: a), cluster.connect(to: b))
        let notice = #"{"jsonrpc":"2.0","method":"test/notice"}"#
        for _ in 0..<2 {
            let accepted = cluster.send("POST", notice, session: session, on: kept, of: a)
            #expect(accepted.hasPrefix("HTTP/1.1 202 "))
        }
        let ended = cluster.send("DELETE", session: session, on: other, of: b)
        #expect(ended.hasPrefix("HTTP/1.1 204 "))
        for _ in 0..<2 {
            let refused = cluster.send("POST", notice, session: session, on: kept, of: a)
            #expect(refused.hasPrefix("HTTP/1.1 404 "), "\(refused)")
        }
        check()
    }

    @Test("Whoever waits for a node that was cut off for a while learns that it forgot")
    func cutOff() throws {
        let session = try #require(cluster.initialize(at: a))
        let waiting = cluster.connect(to: b)
        cluster.send("POST", NodeTroubleTests.call, session: session, on: waiting, of: b)
        cluster.cutOff(a)
        #expect(cluster.read(waiting, of: b).hasPrefix("HTTP/1.1 502 "))
        check()
    }

    @Test("A connection that is to end after its response ends, however late the word of that is")
    func lastResponse() throws {
        let session = try #require(cluster.initialize(at: a))
        let stream = cluster.connect(to: b)
        cluster.send(
            "GET", session: session, fields: "Accept: text/event-stream\r\n", on: stream, of: b)
        a.engine.close()
        #expect(cluster.read(stream, of: b).hasSuffix("0\r\n\r\n"))
        #expect(b.closings == 1)
        check()
    }

    @Test("Who has missed messages of a node tells it so")
    func missed() throws {
        let session = try #require(cluster.initialize(at: a))
        let waiting = cluster.connect(to: b)
        cluster.send("POST", NodeTroubleTests.call, session: session, on: waiting, of: b)
        a.engine.gone(b.id)
        #expect(cluster.read(waiting, of: b).hasPrefix("HTTP/1.1 502 "))
        check()
    }

    @Test("A node that finds a session for a stranger does not keep others from it")
    func stranger() throws {
        let cluster = Cluster(3) { $0.authorization = .host }
        let (a, b, c) = (cluster.nodes[0], cluster.nodes[1], cluster.nodes[2])
        cluster.principal = "alice"
        let session = try #require(cluster.initialize(at: a))
        cluster.kill(a)
        cluster.principal = "mallory"
        let stranger = cluster.connect(to: b)
        #expect(
            cluster.send("POST", NodeTroubleTests.call, session: session, on: stranger, of: b)
                .hasPrefix("HTTP/1.1 404 "))
        cluster.principal = "alice"
        let connection = cluster.connect(to: c)
        cluster.send("POST", NodeTroubleTests.call, session: session, on: connection, of: c)
        try respond(c, try #require(lastRequest(of: c)))
        #expect(cluster.read(connection, of: c).contains(#""id":7,"result""#))
    }

    @Test("A session that is lost while a request of it arrives is not unknown")
    func lostMeanwhile() throws {
        let session = try #require(cluster.initialize(at: a))
        let id = try #require(Inspection(of: a.engine).sessions.first).id
        let connection = cluster.connect(to: a)
        let head =
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: \(session)\r\n"
            + "Content-Type: application/json\r\nContent-Length: 80\r\n\r\n"
        Array(head.utf8).withUnsafeBytes { a.engine.received($0, on: connection) }
        a.engine.lost(id)
        let body = NodeTroubleTests.call.padding(toLength: 80, withPad: " ", startingAt: 0)
        Array(body.utf8).withUnsafeBytes { a.engine.received($0, on: connection) }
        #expect(cluster.read(connection, of: a).hasPrefix("HTTP/1.1 503 "))
        check()
    }

    @Test("An owner that does not know its session looks for it")
    func forgetful() throws {
        let session = try #require(cluster.initialize(at: a))
        cluster.kill(a)
        // The client is gone before the answer.
        cluster.answers = false
        let lost = cluster.connect(to: b)
        cluster.send("POST", NodeTroubleTests.call, session: session, on: lost, of: b)
        b.engine.connectionLost(lost)
        cluster.answers = true
        let connection = cluster.connect(to: c)
        cluster.send("POST", NodeTroubleTests.call, session: session, on: connection, of: c)
        try respond(b, try #require(lastRequest(of: b)))
        #expect(cluster.read(connection, of: c).contains(#""id":7,"result""#))
        check()
    }

    @Test("A node that drains takes no session, and refuses what it cannot know any more")
    func drainsOn() throws {
        let session = try #require(cluster.initialize(at: a))
        let other = try #require(cluster.initialize(at: b))
        let accept = "Accept: text/event-stream\r\n"
        let open = cluster.connect(to: a)
        cluster.send("POST", NodeTroubleTests.call, session: session, on: open, of: a)
        a.engine.drain(until: Instant(milliseconds: 60_000))
        // One of its own goes on elsewhere.
        let stream = cluster.connect(to: b)
        let head = cluster.send("GET", session: session, fields: accept, on: stream, of: b)
        let place = try #require(head.firstMatch(of: /id: ([^\n]+)\n/)).1
        let late = cluster.connect(to: a)
        let refused = cluster.send(
            "GET", session: session, fields: accept + "Last-Event-ID: \(place)\r\n", on: late, of: a
        )
        #expect(refused.hasPrefix("HTTP/1.1 503 "))
        // And one that nobody has would not be served here.
        b.engine.drain(until: Instant(milliseconds: 60_000))
        let lost = cluster.connect(to: a)
        #expect(
            cluster.send("POST", NodeTroubleTests.call, session: other, on: lost, of: a)
                .hasPrefix("HTTP/1.1 503 "))
        #expect(!cluster.has(other, a))
        check()
    }
}
