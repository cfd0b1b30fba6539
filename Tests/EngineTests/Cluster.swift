import Engine
import Foundation
import Link
import Replay
import Session
import Wire

/// Several engines with one model store, and the messages between them. Everything happens at
/// once, and in order.
final class Cluster {
    /// One server.
    final class Node {
        let id: NodeID
        let engine: ServerEngine
        fileprivate(set) var events: [HostEvent] = []
        /// How many connections have been closed for their clients to see.
        fileprivate(set) var closings = 0
        fileprivate var output: [ObjectIdentifier: String] = [:]
        fileprivate var isAlive = true

        fileprivate init(_ number: UInt64, _ change: (inout ServerOptions) -> Void) {
            id = NodeID(high: number, low: 0)
            var options = ServerOptions()
            options.greeting = Greeting(
                serverInfo: ("{}" as StaticString).rawBytes,
                capabilities: ("{}" as StaticString).rawBytes,
                instructions: .init(start: nil, count: 0))
            options.hasHostStore = true
            options.hasSessionStore = true
            options.keepsStreamRecords = true
            options.node = id
            change(&options)
            engine = ServerEngine(options, keysAfter: number << 32) { .random(in: 1...(.max)) }
        }

        func kinds() -> [HostEvent.Kind] { events.map(\.kind) }
    }

    private(set) var nodes: [Node] = []
    private var owners: [SessionID: NodeID] = [:]
    private var records: [SessionID: ByteBuffer] = [:]
    private var events = NaiveStore()
    private var mail: [(from: Node, to: NodeID?, bytes: [UInt8])] = []
    private var serials: [ObjectIdentifier: UInt64] = [:]
    /// Whether the store can be reached.
    private(set) var isReached = true
    /// Whether orders are written, and answered.
    var writes = true
    /// Whether look-ups are answered.
    var answers = true
    /// Whom the hosts allow requests for, if they are asked.
    var principal = ""
    /// Whether messages are on their way until it is no more so, and look-ups.
    var holdsMail = false
    var holdsFinds = false
    private var finds: [(session: SessionID, load: LoadKey, node: Node)] = []
    /// Clients that read nothing.
    private var stalled: [ServerConnection] = []
    /// Clients from whom nothing is to be read.
    private(set) var heldBack: Set<ObjectIdentifier> = []

    init(_ count: Int = 3, _ change: (inout ServerOptions) -> Void = { _ in }) {
        for _ in 0..<count { add(change) }
    }

    @discardableResult
    func add(_ change: (inout ServerOptions) -> Void = { _ in }) -> Node {
        let node = Node(UInt64(nodes.count + 1), change)
        nodes.append(node)
        node.engine.storeReached(true)
        return node
    }

    // MARK: Clients

    func connect(to node: Node) -> ServerConnection {
        node.engine.connectionOpened(
            driver: UnsafeMutableRawPointer(bitPattern: 1)!, from: PeerAddress(ipv4: 0x7F00_0001),
            named: .ipv4(0x7F00_0001, port: 1))!
    }

    /// Sends a request, and returns what is written to its client.
    @discardableResult
    func send(
        _ method: String, _ body: String = "", session: String? = nil, fields: String = "",
        on connection: ServerConnection, of node: Node
    ) -> String {
        var head = "\(method) /mcp HTTP/1.1\r\nHost: localhost\r\n" + fields
        if let session { head += "Mcp-Session-Id: \(session)\r\n" }
        if method == "POST" {
            head += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        }
        let text = head + "\r\n" + body
        Array(text.utf8).withUnsafeBytes { node.engine.received($0, on: connection) }
        return read(connection, of: node)
    }

    /// A client reads nothing, or reads on.
    func stall(_ connection: ServerConnection, of node: Node, _ isStalled: Bool = true) {
        stalled.removeAll { $0 === connection || $0.hasEnded }
        if isStalled { stalled.append(connection) } else { write(to: connection, of: node) }
        settle()
    }

    /// What has been written to a client since the last time.
    func read(_ connection: ServerConnection, of node: Node) -> String {
        settle()
        defer { node.output[ObjectIdentifier(connection)] = nil }
        return node.output[ObjectIdentifier(connection)] ?? ""
    }

    /// Initializes a session at a node.
    func initialize(at node: Node, fields: String = "") -> String? {
        let connection = connect(to: node)
        let answer = send(
            "POST",
            #"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"#
                + #""2025-11-25","capabilities":{}}}"#, fields: fields, on: connection, of: node)
        guard let match = answer.firstMatch(of: /Mcp-Session-Id: ([^\r]+)/) else { return nil }
        let session = String(match.1)
        send(
            "POST", #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, session: session,
            fields: fields, on: connection, of: node)
        return session
    }

    // MARK: Nodes

    /// A node is killed. The others learn of it.
    func kill(_ node: Node) {
        node.isAlive = false
        for other in nodes where other.isAlive { other.engine.gone(node.id) }
        settle()
    }

    /// The store can be reached, or not.
    func setReached(_ isReached: Bool) {
        self.isReached = isReached
        mail = []
        for node in nodes where node.isAlive {
            if !isReached { node.engine.gone(nil) }
            node.engine.storeReached(isReached)
        }
        settle()
    }

    /// A node loses the store, and what is under way to it and from it, and reaches it again. The
    /// others do not notice.
    func cutOff(_ node: Node) {
        mail.removeAll { $0.from === node || $0.to == node.id }
        node.engine.gone(nil)
        node.engine.storeReached(false)
        node.engine.storeReached(true)
        settle()
    }

    /// The store says of each node that looks for a session that it has it.
    func misplaceFinds() {
        for (_, load, node) in finds { try? node.engine.found(load, at: node.id) }
        finds = []
        settle()
    }

    /// Whether a node has a session.
    func has(_ session: String, _ node: Node) -> Bool {
        Inspection(of: node.engine).sessions.contains { $0.wireID.text == session }
    }

    // MARK: What drivers do

    func settle() {
        var isBusy = true
        while isBusy {
            isBusy = false
            for node in nodes where node.isAlive {
                if turn(node) { isBusy = true }
            }
            while !holdsFinds, let (session, load, node) = finds.first {
                finds.removeFirst()
                isBusy = true
                find(session, load, node)
            }
            while !holdsMail, let (from, to, bytes) = mail.first {
                mail.removeFirst()
                isBusy = true
                if let to, !nodes.contains(where: { $0.isAlive && $0.id == to }) {
                    from.engine.gone(to)
                }
                for node in nodes where node.isAlive && node !== from {
                    if let to, to != node.id { continue }
                    deliver(bytes, from: from, to: node)
                }
            }
        }
    }

    private func deliver(_ bytes: [UInt8], from: Node, to node: Node) {
        bytes.withUnsafeBytes { bytes in
            switch node.engine.received(bytes, from: from.id) {
            case .publish(let change, let uri):
                var publication = node.engine.publish(change, uri)
                while node.engine.proceed(&publication) {}
            case .broadcast(let method, let params):
                var broadcast = node.engine.broadcast(method: method, params: params)
                while node.engine.proceed(&broadcast) {}
            case nil: break
            }
        }
        _ = turn(node)
    }

    private func turn(_ node: Node) -> Bool {
        var isBusy = false
        repeat {
            while let effect = node.engine.nextEffect() {
                isBusy = true
                switch effect {
                case .deliver(let event):
                    node.events.append(event)
                    allow(event, at: node)
                case .store(let order): perform(order, of: node)
                case .stopReading(let connection):
                    heldBack.insert(ObjectIdentifier(connection))
                case .startReading(let connection):
                    heldBack.remove(ObjectIdentifier(connection))
                case .shutDown: node.closings += 1
                default: break
                }
            }
            while let connection = node.engine.nextWritable() {
                if write(to: connection, of: node) { isBusy = true }
            }
        } while node.engine.endTurn()
        return isBusy
    }

    private func allow(_ event: HostEvent, at node: Node) {
        guard event.kind == .authorize, !principal.isEmpty, let key = event.authorization else {
            return
        }
        let name = Array(principal.utf8).withUnsafeBytes { Principal($0) }
        try? node.engine.allow(key, name!, expiresIn: nil)
    }

    @discardableResult
    private func write(to connection: ServerConnection, of node: Node) -> Bool {
        guard !stalled.contains(where: { $0 === connection }) else { return false }
        var isBusy = false
        while let output = node.engine.takeOutput(of: connection) {
            isBusy = true
            node.output[ObjectIdentifier(connection), default: ""] +=
                String(decoding: output.bytes, as: UTF8.self)
            node.engine.sent(output.count, on: connection)
            node.engine.recycle(output)
        }
        return isBusy
    }

    private func perform(_ order: StoreOrder, of node: Node) {
        let serial = serials[ObjectIdentifier(node), default: 0] + 1
        serials[ObjectIdentifier(node)] = serial
        defer { if isReached, writes { node.engine.kept(upTo: serial) } }
        switch order {
        case .keepSession(let session, let record):
            guard isReached else { return }
            guard owners[session, default: node.id] == node.id || records[session] == nil else {
                return node.engine.lost(session)
            }
            owners[session] = node.id
            records[session] = record
        case .findSession(let load, let session):
            if holdsFinds { finds.append((session, load, node)) } else { find(session, load, node) }
        case .forgetSession(let session):
            records[session] = nil
            owners[session] = nil
        case .releaseSession(let session):
            if owners[session] == node.id { owners[session] = nil }
        case .send(let message, let to):
            if isReached { mail.append((node, to, Array(message.bytes))) }
        case .load(let load, _, _):
            events.perform(order)
            let (messages, state) = events.find(load)
            try? node.engine.loaded(load, messages, state)
        default: events.perform(order)
        }
    }

    private func find(_ session: SessionID, _ load: LoadKey, _ node: Node) {
        guard isReached else {
            try? node.engine.loaded(load, nil, .ended)
            return
        }
        if let owner = owners[session], owner != node.id,
            nodes.contains(where: { $0.id == owner && $0.isAlive })
        {
            try? node.engine.found(load, at: owner)
            return
        }
        if records[session] != nil { owners[session] = node.id }
        guard answers else { return }
        let record = records[session] ?? ByteBuffer()
        withExtendedLifetime(record) { try? node.engine.found(load, record.bytes) }
    }
}
