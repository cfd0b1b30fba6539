import CLibuv

/// The connections to Redis: one for commands, to each server of a cluster, and one for the
/// messages of other nodes. They begin and end together.
///
/// The orders of a queue are answered in their order, also if several servers answer them.
final class Link {
    private enum Phase {
        case waiting
        case resolving
        /// A server of the cluster is asked for all of them.
        case looking
        /// Connecting, and what the connections begin with.
        case beginning
        case ready
        case closed
    }

    /// Those for commands: one, or one for each server of the cluster.
    private(set) var commands: [Connection] = []
    let messages: Connection
    /// When the next thing is to be done: a try, its end, or a sign of life.
    private(set) var deadline: Int64 = 0
    /// When the link was last ready.
    private(set) var readyTime: Int64 = 0
    /// Whether it was ready before, and has been lost since.
    private(set) var wasReady = false
    /// Whether several servers share the keys. Redis says so itself.
    private(set) var isCluster = false

    private let location: Location
    private let writer: CommandWriter
    private let loop: UnsafeMutablePointer<uv_loop_t>
    private let connect: () -> Connection
    private let looking: Connection
    private var slots: Slots?
    private var phase = Phase.waiting
    private var backoff: Backoff
    /// Those that may be tried: of the host, and then of the servers that were known last.
    private var addresses: [Address] = []
    /// How many of the addresses were tried since the last look-up.
    private var triedCount = 0
    /// That of the last try.
    private var address: Address?
    /// How many orders were sent, and not answered.
    private var awaitedCount = 0

    /// How long one try may take.
    private static let tryMs: Int64 = 4_000
    /// How often the node says that it is alive.
    private static let refreshMs: Int64 = 1_500
    /// In so many of these turns a connection that is alive has answered.
    private static let silencesMax = 3
    /// A link that was ready for so long was a good one.
    private static let goodMs: Int64 = 3_000
    /// After so many in a row, which take two seconds at least, the servers are looked up again.
    private static let redirectionsMax = 400
    /// So much is written in advance of what the system takes.
    private static let outputMax = 256 << 10

    /// `connect` makes a connection that is not open.
    init(
        _ location: Location, _ writer: CommandWriter, _ loop: UnsafeMutablePointer<uv_loop_t>,
        seed: UInt64, _ connect: @escaping () -> Connection
    ) {
        self.location = location
        self.writer = writer
        self.loop = loop
        self.connect = connect
        messages = connect()
        looking = connect()
        backoff = Backoff(seed: seed)
        if case .path(let path) = location.endpoint { addresses = [Address(path: path)] }
    }

    var isReady: Bool { phase == .ready }
    var isWaiting: Bool { phase == .waiting }
    var isResolving: Bool { phase == .resolving }

    /// Those that are in use.
    var connections: [Connection] {
        switch phase {
        case .waiting, .resolving, .closed: []
        case .looking: [looking]
        case .beginning, .ready: commands + [messages]
        }
    }

    // MARK: Beginning

    /// Which host is to be looked up before a try; nil if the address is known.
    func beginTry(at now: Int64) -> (host: [CChar], port: UInt16)? {
        deadline = now + Link.tryMs
        guard case .host(let host, let port) = location.endpoint,
            triedCount >= addresses.count
        else { return nil }
        phase = .resolving
        return (host, port)
    }

    /// Whether there is something to try without the system's answer.
    var knowsServers: Bool { slots != nil }

    func resolved(_ addresses: [Address]) {
        self.addresses = addresses
        // Those that are named may be the ones that have failed.
        for server in slots?.servers ?? [] where !addresses.contains(server) {
            self.addresses.append(server)
        }
        triedCount = 0
    }

    /// Begins to connect to the next address.
    func connectNext() throws(LinkFault) {
        phase = .beginning
        guard !addresses.isEmpty else { throw .hasNoAddress(UV_EAI_NONAME.rawValue) }
        let address = addresses[triedCount % addresses.count]
        triedCount += 1
        self.address = address
        if isCluster {
            phase = .looking
            return try looking.open(address, on: loop)
        }
        try open([address], messages: address)
    }

    private func open(_ servers: [Address], messages server: Address) throws(LinkFault) {
        phase = .beginning
        awaitedCount = 0
        while commands.count < servers.count { commands.append(connect()) }
        commands.removeLast(commands.count - servers.count)
        for (index, server) in servers.enumerated() { try commands[index].open(server, on: loop) }
        try messages.open(server, on: loop)
    }

    /// A connection may go on: it may be connected, or take more.
    func proceed(_ connection: Connection) throws(LinkFault) {
        if !connection.isOpen, try connection.finishConnecting() {
            connection.expectedCount = begin(connection)
        }
        try connection.send()
    }

    private func begin(_ connection: Connection) -> Int {
        if connection === looking { return writer.beginLooking(to: connection.output) }
        guard let index = commands.firstIndex(where: { $0 === connection }) else {
            return writer.beginMessages(to: connection.output)
        }
        return writer.beginCommands(to: connection.output, of: index, slots)
    }

    /// Takes an answer to what a connection began with.
    func take(_ reply: Reply, on connection: Connection) throws(LinkFault) {
        if let error = reply.error {
            if connection === looking, !error.isTemporary {
                isCluster = false
                slots = nil
            }
            // The slot of this node's key moves: the next sign of life is soon enough.
            let isOnItsWay = connection !== looking && slots != nil && error.isAboutMigration
            if !isOnItsWay { throw fault(error) }
        }
        guard connection.expectedCount > 0 else { throw .speaksOtherwise }
        connection.expectedCount -= 1
        if connection === looking {
            if connection.expectedCount == 0 { try found(reply) }
        } else if connection !== messages {
            // The last answers are the names of the scripts.
            let index = Script.allCases.count - 1 - connection.expectedCount
            guard let script = Script(rawValue: index) else { return }
            guard let name = reply.bytes else { throw .speaksOtherwise }
            writer.name(script, name)
        }
    }

    /// All servers of the cluster are known.
    private func found(_ reply: Reply) throws(LinkFault) {
        guard let address else { return }
        let slots = try Slots(reply, from: address)
        self.slots = slots
        looking.close()
        if case .path(let path) = location.endpoint {
            addresses = [Address(path: path)] + slots.servers
        }
        try open(slots.servers, messages: slots.servers[writer.ownServer(slots)])
    }

    /// What an error says about the link.
    func fault(_ error: RedisError) -> LinkFault {
        guard error.isAboutCluster, !isCluster else { return .refuses(error) }
        isCluster = true
        return .isCluster
    }

    /// Whether it has just become ready.
    func becomesReady(at now: Int64) -> Bool {
        guard phase == .beginning, connections.allSatisfy({ $0.isOpen && $0.expectedCount == 0 })
        else { return false }
        phase = .ready
        readyTime = now
        triedCount = 0
        deadline = now + Link.refreshMs
        return true
    }

    // MARK: Orders

    /// Writes the next order of a queue, if it can be sent now.
    func writeNext(of queue: OrderQueue) -> Bool {
        queue.group()
        guard let order = queue.unsent else { return false }
        order.place = slots.map { writer.server(of: order, $0) } ?? 0
        let servers = order.kind == .tellAll ? commands.indices : order.place..<order.place + 1
        guard servers.upperBound <= commands.count,
            commands[servers].allSatisfy({ canTake(order, $0) })
        else { return false }
        let count = queue.groupCount
        queue.take(count)
        for server in commands[servers] {
            writer.write(order, count, to: server.output)
            server.awaitedCount += 1
            awaitedCount += 1
        }
        return true
    }

    /// Whoever hears of an order finds what was given before it, on whichever server.
    ///
    /// A message for all goes to every server: whoever hears it several times knows its number, and
    /// the one from its own server comes before those that follow for it alone.
    private func canTake(_ order: Order, _ connection: Connection) -> Bool {
        guard connection.output.count < Link.outputMax else { return false }
        switch order.kind {
        case .tellNode, .farewell: return awaitedCount == connection.awaitedCount
        case .tellAll: return commands.count == 1 || awaitedCount == 0
        default: return true
        }
    }

    /// The next answer to an order, which is still in the queue; nil if it has not come. It may
    /// have come before something was heard on this connection. The caller frees it.
    func nextAnswer(of queue: OrderQueue, _ connection: Connection) throws(LinkFault) -> Reply? {
        if let order = queue.awaited, order.place < commands.count {
            while let reply = try commands[order.place].nextReply() {
                commands[order.place].awaitedCount -= 1
                awaitedCount -= 1
                guard order.kind == .tellAll, order.place + 1 < commands.count else { return reply }
                defer { reply.free() }
                if let error = reply.error { throw fault(error) }
                order.place += 1
            }
        }
        if connection.awaitedCount == 0, let reply = try connection.nextReply() {
            reply.free()
            throw .speaksOtherwise
        }
        return nil
    }

    /// Whether all that was sent is answered.
    var isQuiet: Bool { awaitedCount == 0 }

    /// Whether an order is to be sent again soon, and the link goes on: its slot moves, or has
    /// moved. Where this node is subscribed must be where its key is.
    func follow(_ error: RedisError, after redirections: Int) -> Bool {
        guard redirections < Link.redirectionsMax, var slots else { return false }
        if error.isAboutMigration { return true }
        let own = writer.ownServer(slots)
        guard let (slot, server) = error.move, slots.move(slot, to: server),
            writer.ownServer(slots) == own
        else { return false }
        self.slots = slots
        return true
    }

    func send() throws(LinkFault) {
        for connection in commands { try connection.send() }
    }

    /// Whether the system has taken all, so that nothing comes to say that it takes more.
    var hasSent: Bool { commands.allSatisfy { $0.output.count == 0 } }

    // MARK: Living

    /// The node is to say again that it is alive. Throws if Redis has not answered for too long: a
    /// turn counts, and not its time, as the loop may have been held up.
    func beginTurn(at now: Int64) throws(LinkFault) {
        deadline = now + Link.refreshMs
        for connection in connections where connection.beginTurn() >= Link.silencesMax {
            throw .isSilent
        }
        if now - readyTime >= Link.goodMs { backoff.reset() }
        writer.ping(to: messages.output)
        try messages.send()
    }

    // MARK: The end

    /// Closes the connections; the next try comes later. Returns whether it was ready.
    func lose(at now: Int64) -> Bool {
        let wasReady = isReady
        if wasReady { self.wasReady = true }
        closeAll()
        phase = .waiting
        let isGood = wasReady && now - readyTime >= Link.goodMs
        if isGood { backoff.reset() }
        // Another address is tried at once.
        deadline = triedCount > 0 && triedCount < addresses.count ? now : now + backoff.next()
        return wasReady
    }

    func close() {
        closeAll()
        phase = .closed
    }

    private func closeAll() {
        for connection in commands { connection.close() }
        messages.close()
        looking.close()
    }
}
