import Link
import Replay
import Session
import Wire

/// Exchanges that one node has passed on to another: at the node that has the client, and at the
/// one that answers.
struct Relays: ~Copyable {
    /// Clients here, whose requests other nodes answer.
    private var clients: [RelayKey: ServerConnection] = [:]
    /// What is answered here for clients at other nodes.
    private var origins: [RelayKey: ServerConnection] = [:]
    private var lastKey: UInt64
    /// Whether the store, and with it the other nodes, can be reached. It is until it says
    /// otherwise: questions wait for the first try.
    var isReached = true
    /// Whether something was passed on since this was last asked.
    private var hasSent = false

    init(keysAfter serial: UInt64) {
        lastKey = serial >> 8
    }

    var clientCount: Int { clients.count }

    // MARK: Clients here

    mutating func newKey() -> RelayKey {
        lastKey += 1
        return RelayKey(rawValue: lastKey)
    }

    mutating func add(_ connection: ServerConnection, as key: RelayKey) {
        clients[key] = connection
    }

    mutating func remove(_ key: RelayKey) {
        clients[key] = nil
    }

    /// A client whose request a node answers, and no other.
    func client(_ key: RelayKey, at node: NodeID) -> (ServerConnection, RelayedExchange)? {
        guard let connection = clients[key], case .relayed(let relayed) = connection.exchange.state,
            relayed.node == node
        else { return nil }
        return (connection, relayed)
    }

    /// The clients whose requests a node answers, or any if it is nil.
    func clients(at node: NodeID?) -> [ServerConnection] {
        Relays.inOrder(clients).filter { connection in
            guard case .relayed(let relayed) = connection.exchange.state else { return false }
            return node.map { $0 == relayed.node } ?? true
        }
    }

    // MARK: Clients elsewhere

    mutating func add(_ connection: ServerConnection, of origin: RelayOrigin) {
        origins[origin.key] = connection
    }

    mutating func remove(_ origin: RelayOrigin) {
        origins[origin.key] = nil
    }

    /// Whether a key may be used: two nodes have the same by chance once in ages.
    func isFree(_ key: RelayKey) -> Bool { origins[key] == nil }

    func origin(_ key: RelayKey, at node: NodeID) -> ServerConnection? {
        guard let connection = origins[key], connection.origin?.node == node else { return nil }
        return connection
    }

    /// The connections whose clients are at a node, or at any if it is nil.
    func origins(at node: NodeID?) -> [ServerConnection] {
        Relays.inOrder(origins).filter { connection in
            node.map { $0 == connection.origin?.node } ?? true
        }
    }

    /// The oldest of a node come first.
    private static func inOrder(_ table: [RelayKey: ServerConnection]) -> [ServerConnection] {
        var keys = table.keys.map { $0.rawValue }
        SystemSort.sort(&keys)
        return keys.compactMap { table[RelayKey(rawValue: $0)] }
    }

    // MARK: Turns

    mutating func noteSent() {
        hasSent = true
    }

    mutating func takeSent() -> Bool {
        defer { hasSent = false }
        return hasSent
    }
}

/// A request that another node answers, at the node that has the client.
final class RelayedExchange {
    let key: RelayKey
    let node: NodeID
    /// The shares that its memory counts in.
    let shares: Shares
    /// Whether it is a GET, whose stream has no end.
    let isStream: Bool
    /// What follows if the node does not answer it.
    let fallback: Fallback
    /// The request's body, until its response begins: another node may be asked.
    private(set) var body: ByteBuffer?
    /// The memory of its head, which its connection has for as long.
    private var headBytes: Int
    private(set) var hasResponse = false
    /// How often a node did not have the session any more.
    let moves: Int
    /// The bytes that the client's socket had taken when the response began, and that the other
    /// node knows of.
    private var start: UInt64 = 0
    private var told: UInt64 = 0

    init(
        _ key: RelayKey, at node: NodeID, _ head: RequestHead, _ body: ByteBuffer?,
        of shares: Shares, _ fallback: Fallback, moves: Int
    ) {
        self.key = key
        self.node = node
        self.body = body
        self.shares = shares
        headBytes = head.heldBytes
        isStream = head.method == .get
        self.fallback = fallback
        self.moves = moves
    }

    /// What the other node may send before it hears that the client has taken some of it.
    static var windowBytes: Int { 256 << 10 }

    enum Fallback {
        /// The store is asked where the session is now.
        case find
        /// What the client comes back to was there, and nowhere else.
        case stateUnknown
        /// This node, which has the session, answers: the other one had only a part of it left.
        case answer
    }

    /// How often another node is asked before the client is.
    static var movesMax: Int { 4 }

    private static var ownBytes: Int { 160 }

    /// The memory of one until its response begins.
    static func bytes(_ head: RequestHead, _ body: ByteBuffer?) -> Int {
        ownBytes + head.heldBytes + (body?.heldBytes ?? 0)
    }

    var heldBytes: Int { RelayedExchange.ownBytes + headBytes + (body?.heldBytes ?? 0) }

    /// The response begins. Returns by how much its memory changes.
    func begin(behind handed: UInt64) -> Int {
        let before = heldBytes
        hasResponse = true
        start = handed
        body = nil
        headBytes = 0
        return heldBytes - before
    }

    /// The socket has taken bytes. Returns how many the other node is to be told of; nil if that
    /// can wait.
    func taken(_ handed: UInt64) -> UInt64? {
        guard hasResponse, handed >= start else { return nil }
        let new = handed - start - told
        guard new >= UInt64(RelayedExchange.windowBytes / 4) else { return nil }
        told += new
        return new
    }
}

/// A client at another node, of a connection that has no socket.
final class RelayOrigin {
    let key: RelayKey
    let node: NodeID
    let terms: RelayTerms
    /// Output that has to wait until the client has taken more.
    var pending: Output?
    private var credit = RelayedExchange.windowBytes
    /// Whether the other node knows how the exchange has ended.
    private(set) var hasEnded = false

    init(_ key: RelayKey, at node: NodeID, _ terms: RelayTerms) {
        self.key = key
        self.node = node
        self.terms = terms
    }

    /// How many bytes may be sent now.
    var room: Int { credit }

    func sent(_ count: Int) {
        credit -= count
    }

    func taken(_ count: UInt64) {
        let most = RelayedExchange.windowBytes
        credit = count < UInt64(most - credit) ? credit + Int(count) : most
    }

    func end() {
        hasEnded = true
    }

    /// The most bytes in a message.
    static var partBytes: Int { 64 << 10 }
}
