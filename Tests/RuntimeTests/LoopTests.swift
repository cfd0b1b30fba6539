import Engine
import Foundation
import Replay
import Session
import Testing
import Wire

@testable import Runtime

/// A loop with one server that answers each request, by default with `{}`, and closes when it is
/// told to.
private final class House {
    let loop: Loop
    private(set) var server: ServerRuntime?
    private(set) var events: [HostEvent.Kind] = []
    private(set) var peers: [String] = []
    private(set) var records: [AccessRecord] = []
    private(set) var listings: [(length: Int, data: UnsafeMutableRawPointer?)] = []
    private(set) var hasEnded = false
    /// The orders for the host's store.
    private(set) var orders: [StoreOrder] = []
    var result = "{}"
    /// Runs after a request was answered, in the same callback.
    var onAnswer: () -> Void = {}

    init(_ change: (inout ServerOptions) -> Void = { _ in }) throws {
        loop = try Loop(hosts: nil)
        var options = ServerOptions()
        options.logLevel = nil
        options.greeting = Greeting(
            serverInfo: ("{}" as StaticString).rawBytes,
            capabilities: ("{}" as StaticString).rawBytes,
            instructions: .init(start: nil, count: 0))
        options.isStateless = true
        change(&options)
        server = try ServerRuntime(
            on: loop, options,
            audience: .callback { [weak self] in self?.heard($0) }, commandBytesMax: 1 << 20,
            onLog: nil, onStore: { [weak self] in self?.orders.append($0) },
            onEnd: { [weak self] in self?.hasEnded = true })
    }

    deinit {
        loop.destroy()
    }

    private func heard(_ event: HostEvent) {
        events.append(event.kind)
        if let peer = event.peer {
            peers.append(withExtendedLifetime(peer) { String(decoding: peer.bytes, as: UTF8.self) })
        }
        if let record = event.access { records.append(record) }
        if event.kind == .sessions { listings.append((event.message?.count ?? 0, event.callData)) }
        if let key = event.request {
            try? Array(result.utf8).withUnsafeBytes { try server?.respond(key, $0) }
            onAnswer()
        }
        if event.kind == .closed {
            server?.destroy()
            server = nil
            loop.stop()
        }
    }

    func listen(_ address: String, port: UInt16 = 0) throws {
        let text = Array(address.utf8)
        do {
            try text.withUnsafeBytes { try server?.listen(at: $0, port: port) }
        } catch let refused as ListenFault {
            throw refused.fault
        }
    }
}

private func post(_ message: String, _ fields: String = "") -> String {
    "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(fields)"
        + "Content-Length: \(message.utf8.count)\r\n\r\n\(message)"
}

private let ping = post(#"{"jsonrpc":"2.0","id":1,"method":"a"}"#)

@Suite("Loop", .serialized)
struct LoopTests {
    @Test("A stopped loop returns, and runs again")
    func stop() throws {
        let loop = try Loop(hosts: nil)
        for _ in 0..<3 {
            loop.stop()
            try loop.run()
        }
        loop.destroy()
    }

    @Test("A loop on a thread of its own stops when it is told, and can be waited for")
    func ownThread() throws {
        let loop = try Loop(hosts: nil)
        #expect(throws: RuntimeFault.notFound) { try loop.join() }
        try loop.runThread()
        #expect(throws: RuntimeFault.busy) { try loop.run() }
        #expect(!loop.isOnItsThread)
        loop.stop()
        try loop.join()
        #expect(loop.isOnItsThread)
        loop.destroy()
    }

    @Test("A request is answered over TCP while the loop is stepped")
    func steps() throws {
        let house = try House()
        try house.listen("127.0.0.1")
        let port = try #require(house.server?.port)
        #expect(port != 0)
        let peer = try Peer(port: port)
        peer.send(ping)
        for _ in 0..<1_000 where !house.events.contains(.request) { try house.loop.step() }
        try house.loop.step()
        #expect(peer.receive(until: "0\r\n\r\n").contains(#"{"jsonrpc":"2.0","id":1,"result":{}}"#))
    }

    @Test("An event names the address and the port of its client", arguments: ["127.0.0.1", "::1"])
    func peers(_ address: String) throws {
        let house = try House()
        try house.listen(address)
        let peer = try Peer(port: house.server?.port ?? 0, to: address)
        peer.send(ping)
        for _ in 0..<1_000 where house.peers.isEmpty { try house.loop.step() }
        let host = address.contains(":") ? "[\(address)]" : address
        #expect(house.peers == ["\(host):\(peer.port)"])
    }

    @Test("A listing is an event, whichever thread asks for it")
    func listing() throws {
        let house = try House()
        try house.server?.sessions(after: nil, limit: 10, data: .init(bitPattern: 1))
        #expect(house.listings.isEmpty)
        try house.loop.step()
        #expect(house.listings.map(\.data) == [.init(bitPattern: 1)])
        nonisolated(unsafe) let server = house.server
        let isAsked = DispatchSemaphore(value: 0)
        Thread {
            try? server?.sessions(after: nil, limit: 10, data: .init(bitPattern: 2))
            isAsked.signal()
        }.start()
        isAsked.wait()
        for _ in 0..<1_000 where house.listings.count < 2 { try house.loop.step() }
        #expect(house.listings.map(\.data).last == .init(bitPattern: 2))
        #expect(house.listings.allSatisfy { $0.length > 50 })
        try house.server?.close()
        #expect(throws: CallerFault.closed) {
            try house.server?.sessions(after: nil, limit: 10, data: nil)
        }
    }

    @Test("An exchange over TCP ends in a record whose time is finer than the loop's")
    func records() throws {
        let house = try House { $0.reportsExchanges = true }
        try house.listen("127.0.0.1")
        let peer = try Peer(port: house.server?.port ?? 0)
        peer.send(ping)
        for _ in 0..<1_000 where house.records.isEmpty { try house.loop.step() }
        let record = try #require(house.records.first)
        let answer = peer.receive(until: "0\r\n\r\n")
        #expect(record.bytesSent == UInt64(answer.utf8.count) && record.status == 200)
        #expect(record.bytesReceived == UInt64(ping.utf8.count) && !record.isCut)
        #expect(record.microseconds > 0 && record.microseconds < 10_000_000)
        #expect(house.events == [.request, .access])
    }

    @Test("A request is answered over a Unix socket, whose file goes with the server")
    func unixSocket() throws {
        let path = NSTemporaryDirectory() + "shttp-\(getpid()).sock"
        let house = try House()
        try house.listen("unix:" + path)
        #expect(house.server?.port == 0)
        let peer = try Peer(path: path)
        peer.send(ping)
        for _ in 0..<1_000 where !house.events.contains(.request) { try house.loop.step() }
        try house.loop.step()
        #expect(peer.receive(until: "0\r\n\r\n").contains("\"result\":{}"))
        #expect(house.peers == ["unix:pid=\(getpid())"])
        try house.server?.close()
        for _ in 0..<100 { try house.loop.step() }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("Requests that are read in one turn of the loop are all answered in it")
    func oneTurn() throws {
        let house = try House()
        try house.listen("127.0.0.1")
        let port = try #require(house.server?.port)
        // More than are taken together.
        let peers = try (0..<100).map { _ in try Peer(port: port) }
        for _ in 0..<100 { try house.loop.step() }
        for peer in peers { peer.send(ping) }
        try house.loop.step()
        #expect(house.events.count == peers.count)
        for peer in peers {
            #expect(peer.receive(until: "0\r\n\r\n").contains(#""id":1,"result":{}"#))
        }
    }

    @Test("What a client sends before it hangs up is read")
    func lastWords() throws {
        let house = try House()
        try house.listen("127.0.0.1")
        var peer: Peer? = try Peer(port: try #require(house.server?.port))
        for _ in 0..<100 { try house.loop.step() }
        peer?.send(post(#"{"jsonrpc":"2.0","method":"a"}"#))
        peer = nil
        for _ in 0..<100 { try house.loop.step() }
        #expect(house.events == [.notification])
        #expect((try? house.server?.statistics())?.connections == 0)
    }

    @Test("A host that keeps the loop to itself costs no session whose client spoke in time")
    func busyHost() throws {
        let idle = 100
        let house = try House {
            $0.isStateless = false
            $0.sessionIdle = Int64(idle)
        }
        try house.listen("127.0.0.1")
        let port = try #require(house.server?.port)
        let peer = try Peer(port: port)
        peer.send(
            post(
                #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"#
                    + #""protocolVersion":"2025-06-18","clientInfo":{},"capabilities":{}}}"#))
        for _ in 0..<100 { try house.loop.step() }
        let line = peer.receive(until: "\r\n\r\n").lowercased().split(separator: "\r\n")
            .first { $0.hasPrefix("mcp-session-id:") }
        let session = String(try #require(line)) + "\r\n"
        peer.send(post(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, session))
        for _ in 0..<100 { try house.loop.step() }
        // The call comes in time, and the loop reads it when the time is over.
        let late = try Peer(port: port)
        for _ in 0..<100 { try house.loop.step() }
        late.send(post(#"{"jsonrpc":"2.0","id":2,"method":"a"}"#, session))
        usleep(UInt32(3 * idle * 1_000))
        for _ in 0..<1_000 where !house.events.contains(.request) { try house.loop.step() }
        try house.loop.step()
        #expect(late.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
        // And when nobody speaks, it does end.
        usleep(UInt32(3 * idle * 1_000))
        for _ in 0..<1_000 where !house.events.contains(.sessionClosed) {
            try house.loop.step()
            usleep(1_000)
        }
        #expect(house.events.contains(.sessionClosed))
    }

    @Test("A client gets nothing before the host's store has heard of it, however long it is")
    func storeFirst() throws {
        let house = try House {
            $0.isStateless = false
            $0.hasHostStore = true
        }
        try house.listen("127.0.0.1")
        let peer = try Peer(port: try #require(house.server?.port))
        peer.send(
            post(
                #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"#
                    + #""protocolVersion":"2025-06-18","clientInfo":{},"capabilities":{}}}"#))
        for _ in 0..<100 { try house.loop.step() }
        let line = peer.receive(until: "0\r\n\r\n").lowercased().split(separator: "\r\n")
            .first { $0.hasPrefix("mcp-session-id:") }
        let before = house.orders.count
        // Long enough to be written at once, and not at the end of the iteration.
        house.result = "\"" + String(repeating: "x", count: 100_000) + "\""
        var isEarly: Bool?
        house.onAnswer = { isEarly = peer.hasArrivals && house.orders.count == before }
        peer.send(
            post(#"{"jsonrpc":"2.0","id":2,"method":"a"}"#, String(try #require(line)) + "\r\n"))
        for _ in 0..<100 { try house.loop.step() }
        #expect(isEarly == false)
        #expect(house.orders.count > before)
        #expect(peer.receive(until: "0\r\n\r\n").contains("xxx"))
    }

    @Test("A server that closes says so, lets go of its connections, and then has ended")
    func close() throws {
        let house = try House()
        try house.listen("127.0.0.1")
        let peer = try Peer(port: try #require(house.server?.port))
        for _ in 0..<100 { try house.loop.step() }
        try house.server?.close()
        #expect(throws: CallerFault.closed) { try house.server?.close() }
        try house.loop.run()
        #expect(house.events.last == .closed)
        #expect(house.hasEnded)
        #expect(peer.receive() == "")
    }

    @Test("A port that is taken, and an address that is not ours, are the system's refusals")
    func refusedAddresses() throws {
        let house = try House()
        try house.listen("127.0.0.1")
        let port = try #require(house.server?.port)
        #expect(throws: RuntimeFault.busy) { try house.listen("127.0.0.1") }
        let other = try House()
        #expect(throws: RuntimeFault.system(.addressInUse)) {
            try other.listen("127.0.0.1", port: port)
        }
        #expect(throws: RuntimeFault.system(.addressUnavailable)) {
            try other.listen("192.0.2.1")
        }
    }

    @Test(
        "Only an address or a path is a place to listen at",
        arguments: [
            ("127.0.0.1", true), ("::1", true), ("::", true), ("unix:/tmp/x", true),
            ("localhost", true), ("localhost.", false), ("", false), ("unix:", false),
            ("127.0.0.1:80", false),
            ("unix:/" + String(repeating: "x", count: 107), false),
        ])
    func addresses(_ text: String, _ isAddress: Bool) {
        let address = Array(text.utf8).withUnsafeBytes { try? ListenAddress($0, port: 0) }
        #expect((address != nil) == isAddress)
    }
}
