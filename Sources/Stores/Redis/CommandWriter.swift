import CLibc
import CStreamableHTTP
import StoreShared

/// Writes orders as commands of Redis, in its protocol (RESP 2).
final class CommandWriter {
    private let terms: Terms
    private let location: Location
    /// By which name Redis knows each script.
    private var names: [[UInt8]] = Array(repeating: [], count: Script.allCases.count)
    /// The name of the node, in hexadecimal digits.
    private let node: [UInt8]

    /// A node is dead when it has not said for so long that it is alive.
    private static let nodeMs: UInt64 = 6_000
    /// How many keys are looked at in one step.
    private static let scanCount: UInt64 = 200

    init(_ terms: Terms, _ location: Location) {
        self.terms = terms
        self.location = location
        node = CommandWriter.digits(of: terms.node)
    }

    private static func digits(of node: NodeName) -> [UInt8] {
        let digits = ByteQueue()
        node.withBytes { digits.append(hexadecimal: $0) }
        return Array(digits.bytes)
    }

    // MARK: Beginning

    /// What asks a server of a cluster for all of them. Returns how many answers follow.
    func beginLooking(to output: ByteQueue) -> Int {
        let count = authenticate(to: output)
        output.append(arguments: 2)
        output.append(argument: "CLUSTER")
        output.append(argument: "SLOTS")
        return count + 1
    }

    /// What a connection for commands begins with: that this node is alive comes before all else,
    /// as others take its sessions otherwise. In a cluster it is one to each server. Returns how
    /// many answers follow.
    func beginCommands(to output: ByteQueue, of server: Int, _ slots: Slots?) -> Int {
        var count = authenticate(to: output)
        if location.database > 0 {
            output.append(arguments: 2)
            output.append(argument: "SELECT")
            output.append(argumentOf: location.database)
            count += 1
        }
        if slots == nil {
            // A server of a cluster refuses keys of different slots (CROSSSLOT).
            output.append(arguments: 3)
            output.append(argument: "EXISTS")
            appendKey(of: terms.node, to: output)
            append("version", [], to: output)
            count += 1
        }
        if (slots.map { ownServer($0) } ?? server) == server {
            refresh(to: output)
            count += 1
        }
        if (slots.map { place(of: key("version", []), $0) } ?? server) == server {
            // Which Redis before 6.2 does not know.
            output.append(arguments: 4)
            output.append(argument: "XTRIM")
            append("version", [], to: output)
            output.append(argument: "MINID")
            output.append(argument: "0")
            count += 1
        }
        let text = ByteQueue()
        for script in Script.allCases {
            text.removeAll()
            script.append(to: text, terms)
            output.append(arguments: 3)
            output.append(argument: "SCRIPT")
            output.append(argument: "LOAD")
            output.append(argument: text.bytes)
        }
        return count + Script.allCases.count
    }

    /// What the connection for messages begins with. Returns how many answers follow.
    func beginMessages(to output: ByteQueue) -> Int {
        let count = authenticate(to: output)
        output.append(arguments: 3)
        output.append(argument: "SUBSCRIBE")
        appendChannel(of: terms.node, to: output)
        appendChannelOfAll(to: output)
        return count + 2
    }

    private func authenticate(to output: ByteQueue) -> Int {
        guard !location.password.isEmpty else { return 0 }
        output.append(arguments: location.user.isEmpty ? 2 : 3)
        output.append(argument: "AUTH")
        if !location.user.isEmpty { output.append(argument: location.user) }
        output.append(argument: location.password)
        return 1
    }

    /// Redis has loaded a script, in the order of `Script`.
    func name(_ script: Script, _ name: UnsafeRawBufferPointer) {
        names[script.rawValue] = Array(name)
    }

    // MARK: One command

    /// The node is alive.
    private func refresh(to output: ByteQueue) {
        output.append(arguments: 5)
        output.append(argument: "SET")
        appendKey(of: terms.node, to: output)
        output.append(argument: "1")
        output.append(argument: "PX")
        output.append(argumentOf: CommandWriter.nodeMs)
    }

    /// The node is no more.
    private func leave(to output: ByteQueue) {
        output.append(arguments: 2)
        output.append(argument: "DEL")
        appendKey(of: terms.node, to: output)
    }

    func ping(to output: ByteQueue) {
        output.append(arguments: 1)
        output.append(argument: "PING")
    }

    /// Writes an order, or `count` of them for streams of one session, which follow each other.
    func write(_ order: Order, _ count: Int, to output: ByteQueue) {
        switch order.kind {
        case .keepSession:
            begin(.keepSession, order, arguments: 2, to: output)
            output.append(argumentOf: order.idle)
            output.append(argument: order.text)
        case .touchSession:
            begin(.touchSession, order, arguments: 1, to: output)
            output.append(argumentOf: order.idle)
        case .findSession:
            begin(.findSession, order, arguments: 1, to: output)
            output.append(argument: order.stream)
        case .forgetSession: begin(.forgetSession, order, arguments: 0, to: output)
        case .releaseSession: begin(.releaseSession, order, arguments: 0, to: output)
        case .begin, .keep, .keepLast, .lose, .end: write(group: order, count, to: output)
        case .load:
            begin(.load, order, arguments: 2, to: output)
            output.append(argument: order.stream)
            output.append(argumentOf: order.number)
        case .forgetEvents: begin(.forgetEvents, order, arguments: 0, to: output)
        case .check: begin(.check, order, arguments: 0, to: output)
        case .drop: begin(.drop, order, arguments: 0, to: output)
        case .tellNode, .tellAll:
            output.append(arguments: 3)
            output.append(argument: "PUBLISH")
            if order.kind == .tellNode {
                appendChannel(of: order.node, to: output)
            } else {
                appendChannelOfAll(to: output)
            }
            output.append(argument: order.text)
        case .refresh: refresh(to: output)
        case .farewell: leave(to: output)
        case .ping: ping(to: output)
        case .probeKey:
            output.append(arguments: 2)
            output.append(argument: "EXISTS")
            appendKey(of: order.node, to: output)
        case .probeChannel:
            output.append(arguments: 3)
            output.append(argument: "PUBSUB")
            output.append(argument: "NUMSUB")
            appendChannel(of: order.node, to: output)
        case .scan: scan(from: order.text, to: output)
        }
    }

    private func write(group first: Order, _ count: Int, to output: ByteQueue) {
        begin(.write, first, arguments: 4 * count, to: output)
        var next: Order? = first
        for _ in 0..<count {
            guard let order = next else { return }
            output.append(argument: CommandWriter.letter(of: order.kind))
            output.append(argument: order.stream)
            output.append(argumentOf: order.number)
            output.append(argument: order.text)
            next = order.next
        }
    }

    private static func letter(of kind: OrderKind) -> StaticString {
        switch kind {
        case .begin: "b"
        case .keepLast: "l"
        case .lose: "o"
        case .end: "e"
        default: "k"
        }
    }

    private func begin(
        _ script: Script, _ order: Order, arguments count: Int, to output: ByteQueue
    ) {
        output.append(arguments: 7 + count)
        output.append(argument: "EVALSHA")
        output.append(argument: names[script.rawValue])
        output.append(argumentOf: 3)
        for suffix in ["", ":events", ":streams"] as [StaticString] {
            let length = location.prefix.count + order.session.count + 2 + suffix.utf8CodeUnitCount
            output.append(lengthOfArgument: length)
            append(order.session, suffix, to: output)
            output.append("\r\n")
        }
        output.append(argument: node)
    }

    // MARK: Keys and channels

    /// The index of the server of a cluster that an order is for.
    func server(of order: Order, _ slots: Slots) -> Int {
        switch order.kind {
        case .scan, .ping: return order.place
        case .tellAll: return 0
        case .refresh, .farewell: return ownServer(slots)
        // A node is subscribed where its key is, and only there one sees whether it is.
        case .tellNode, .probeKey, .probeChannel: return place(of: key(of: order.node), slots)
        default:
            let key = ByteQueue()
            append(order.session, "", to: key)
            return place(of: key, slots)
        }
    }

    /// Appends a key of a session. What stands in the braces decides which server of a cluster has
    /// it.
    private func append(
        _ session: UnsafeRawBufferPointer, _ suffix: StaticString, to output: ByteQueue
    ) {
        output.append(location.prefix)
        output.append(UInt8(ascii: "{"))
        output.append(session)
        output.append(UInt8(ascii: "}"))
        output.append(suffix)
    }

    /// That which has this node's key.
    func ownServer(_ slots: Slots) -> Int { place(of: key(of: terms.node), slots) }

    private func place(of key: ByteQueue, _ slots: Slots) -> Int {
        withExtendedLifetime(key) { slots.server(of: key.bytes) }
    }

    private func key(of node: NodeName) -> ByteQueue {
        key("node:", CommandWriter.digits(of: node))
    }

    private func key(_ kind: StaticString, _ rest: [UInt8]) -> ByteQueue {
        let key = ByteQueue()
        key.append(location.prefix)
        key.append(kind)
        key.append(rest)
        return key
    }

    private func appendKey(of node: NodeName, to output: ByteQueue) {
        append("node:", CommandWriter.digits(of: node), to: output)
    }

    /// Whether a channel is this node's, and not that of all.
    func isChannelOfNode(_ channel: UnsafeRawBufferPointer) -> Bool {
        guard channel.count > node.count else { return false }
        let end = UnsafeRawBufferPointer(rebasing: channel[(channel.count - node.count)...])
        return node.withUnsafeBytes { isEqual($0, end) }
    }

    /// It has the name of the node's key.
    private func appendChannel(of node: NodeName, to output: ByteQueue) {
        appendKey(of: node, to: output)
    }

    /// Databases share all channels.
    private func appendChannelOfAll(to output: ByteQueue) {
        let number = ByteQueue()
        number.append(decimal: location.database)
        append("all:", Array(number.bytes), to: output)
    }

    private func append(_ kind: StaticString, _ rest: [UInt8], to output: ByteQueue) {
        let key = key(kind, rest)
        withExtendedLifetime(key) { output.append(argument: key.bytes) }
    }

    // MARK: All sessions

    private func scan(from cursor: UnsafeRawBufferPointer, to output: ByteQueue) {
        let pattern = ByteQueue()
        for byte in location.prefix {
            switch byte {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "]"),
                UInt8(ascii: "\\"):
                pattern.append(UInt8(ascii: "\\"))
            default: break
            }
            pattern.append(byte)
        }
        pattern.append("{*}")
        output.append(arguments: 6)
        output.append(argument: "SCAN")
        output.append(argument: cursor)
        output.append(argument: "MATCH")
        output.append(argument: pattern.bytes)
        output.append(argument: "COUNT")
        output.append(argumentOf: CommandWriter.scanCount)
    }

    /// The session whose hash has this key.
    func session(of key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let start = location.prefix.count + 1
        guard key.count > start, key[key.count - 1] == UInt8(ascii: "}") else { return nil }
        return UnsafeRawBufferPointer(rebasing: key[start..<(key.count - 1)])
    }
}

extension ByteQueue {
    func append(arguments count: Int) {
        append(UInt8(ascii: "*"))
        append(decimal: UInt64(count))
        append("\r\n")
    }

    func append(lengthOfArgument length: Int) {
        append(UInt8(ascii: "$"))
        append(decimal: UInt64(length))
        append("\r\n")
    }

    func append(argument bytes: UnsafeRawBufferPointer) {
        append(lengthOfArgument: bytes.count)
        append(bytes)
        append("\r\n")
    }

    func append(argument bytes: [UInt8]) {
        bytes.withUnsafeBytes { append(argument: $0) }
    }

    func append(argument text: StaticString) {
        append(
            argument: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func append(argumentOf number: UInt64) {
        append(lengthOfArgument: ByteQueue.length(of: number))
        append(decimal: number)
        append("\r\n")
    }
}
