import CLibuv

/// The two connections to Redis: one for commands, one for the messages of other nodes. They begin
/// and end together.
final class Link {
    private enum Phase {
        case waiting
        case resolving
        /// Connecting, and what the connections begin with.
        case beginning
        case ready
        case closed
    }

    let commands: Connection
    let messages: Connection
    /// When the next thing is to be done: a try, its end, or a sign of life.
    private(set) var deadline: Int64 = 0
    /// When the link was last ready.
    private(set) var readyTime: Int64 = 0
    /// Whether it was ready before, and has been lost since.
    private(set) var wasReady = false

    private let location: Location
    private let writer: CommandWriter
    private let loop: UnsafeMutablePointer<uv_loop_t>
    private var phase = Phase.waiting
    private var backoff: Backoff
    private var addresses: [Address] = []
    /// How many of the addresses were tried since the last look-up.
    private var triedCount = 0
    /// In how many turns nothing was heard of a connection.
    private var silences = (commands: 0, messages: 0)

    /// How long one try may take.
    private static let tryMs: Int64 = 4_000
    /// How often the node says that it is alive.
    private static let refreshMs: Int64 = 1_500
    /// In so many of these turns a connection that is alive has answered.
    private static let silencesMax = 3
    /// A link that was ready for so long was a good one.
    private static let goodMs: Int64 = 3_000

    init(
        _ location: Location, _ writer: CommandWriter, _ loop: UnsafeMutablePointer<uv_loop_t>,
        seed: UInt64, _ commands: Connection, _ messages: Connection
    ) {
        self.location = location
        self.writer = writer
        self.loop = loop
        self.commands = commands
        self.messages = messages
        backoff = Backoff(seed: seed)
        if case .path(let path) = location.endpoint { addresses = [Address(path: path)] }
    }

    var isReady: Bool { phase == .ready }
    var isWaiting: Bool { phase == .waiting }
    var isResolving: Bool { phase == .resolving }

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

    func resolved(_ addresses: [Address]) {
        self.addresses = addresses
        triedCount = 0
    }

    /// Begins to connect to the next address.
    func connect() throws(LinkFault) {
        phase = .beginning
        guard !addresses.isEmpty else { throw .hasNoAddress(UV_EAI_NONAME.rawValue) }
        let address = addresses[triedCount % addresses.count]
        triedCount += 1
        commands.expectedCount = 0
        messages.expectedCount = 0
        try commands.open(address, on: loop)
        try messages.open(address, on: loop)
    }

    /// A connection may go on: it may be connected, or take more.
    func proceed(_ connection: Connection) throws(LinkFault) {
        if phase == .beginning, !connection.isOpen, try connection.finishConnecting() {
            connection.expectedCount =
                connection === commands
                ? writer.beginCommands(to: connection.output)
                : writer.beginMessages(to: connection.output)
        }
        try connection.send()
    }

    /// Takes an answer to what a connection began with.
    func take(_ reply: Reply, on connection: Connection) throws(LinkFault) {
        if let error = reply.error { throw .refuses(error) }
        guard connection.expectedCount > 0 else { throw .speaksOtherwise }
        connection.expectedCount -= 1
        guard connection === commands else { return }
        // The last answers are the names of the scripts.
        let index = Script.allCases.count - 1 - connection.expectedCount
        guard let script = Script(rawValue: index) else { return }
        guard let name = reply.bytes else { throw .speaksOtherwise }
        writer.name(script, name)
    }

    /// Whether it has just become ready.
    func becomesReady(at now: Int64) -> Bool {
        guard phase == .beginning, commands.isOpen, messages.isOpen,
            commands.expectedCount == 0, messages.expectedCount == 0
        else { return false }
        phase = .ready
        readyTime = now
        triedCount = 0
        silences = (0, 0)
        deadline = now + Link.refreshMs
        return true
    }

    // MARK: Living

    /// The node is to say again that it is alive. Throws if Redis has not answered for too long: a
    /// turn counts, and not its time, as the loop may have been held up.
    func beginTurn(at now: Int64) throws(LinkFault) {
        deadline = now + Link.refreshMs
        silences.commands = commands.hasHeard ? 0 : silences.commands + 1
        silences.messages = messages.hasHeard ? 0 : silences.messages + 1
        commands.hasHeard = false
        messages.hasHeard = false
        guard max(silences.commands, silences.messages) < Link.silencesMax else { throw .isSilent }
        if now - readyTime >= Link.goodMs { backoff.reset() }
        writer.ping(to: messages.output)
        try messages.send()
    }

    // MARK: The end

    /// Closes the connections; the next try comes later. Returns whether it was ready.
    func lose(at now: Int64) -> Bool {
        let wasReady = isReady
        if wasReady { self.wasReady = true }
        commands.close()
        messages.close()
        phase = .waiting
        let isGood = wasReady && now - readyTime >= Link.goodMs
        if isGood { backoff.reset() }
        // Another address is tried at once.
        deadline = triedCount > 0 && triedCount < addresses.count ? now : now + backoff.next()
        return wasReady
    }

    func close() {
        phase = .closed
        commands.close()
        messages.close()
    }
}
