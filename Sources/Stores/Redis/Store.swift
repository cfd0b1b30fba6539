import CLibuv
import CStore
import CStreamableHTTP
import StoreShared

/// An open store: what waits for Redis, the connections to it, and who is told what comes of it.
/// All of it is on the loop's thread.
final class Store {
    let terms: Terms
    let location: Location
    let host: Host
    let queue: OrderQueue
    let writer: CommandWriter
    var peers = Peers()
    var probes = Probes()
    private(set) var link: Link?
    private var pulse: Pulse?
    private(set) var resolver: Resolver?
    private var isClosing = false
    private let generation = Family.generation

    /// The serial of the last order that was given.
    private var lastSerial: UInt64 = 0
    /// Nodes to which messages were not sent.
    private var unsent: [NodeName] = []
    /// What was given up is still to be removed from Redis, and how many answers that waits for.
    var mustEmpty = false
    var emptyingCount = 0
    private var mustGiveUp = false
    private var lostMessages = 0
    /// Whether orders wait for others, and until when.
    private var isGathering = false
    private var gatherEnd: Int64 = 0
    /// When what was redirected is sent again.
    private var resendTime: Int64?
    /// How many sessions another node says that it has, of which Redis has not said whether that is
    /// so. What comes behind that word waits: it may be for them.
    var checksUnderWay = 0
    /// The session that was told last that it is lost.
    var lostSession: [UInt8] = []

    /// The most bytes of one answer or message that comes; a larger one ends the connection.
    private static let inputMax = 128 << 20
    /// The longest message that is sent or kept. Redis takes none that is eight times as long.
    private static let messageMax = 64 << 20
    /// How long orders wait for others.
    private static let gatherMs: Int64 = 2
    /// What was redirected is sent again after so long.
    private static let redirectionMs: Int64 = 5
    /// Nobody is dead for so long after Redis was away: another node may wait for its next try, or
    /// have tried a server of a cluster that is gone first.
    private static let graceMs: Int64 = 10_000

    init(_ location: Location, _ terms: Terms, _ functions: shttp_store_answers) {
        self.location = location
        self.terms = terms
        host = Host(functions)
        queue = OrderQueue(bytesMax: terms.waitingBytesMax)
        writer = CommandWriter(terms, location)
    }

    /// Whether this process has forked from the one that opened the store. Then nothing may be
    /// touched: the connections are its parent's.
    var isInherited: Bool { Family.generation != generation }

    var isIdle: Bool { isInherited || isClosing }

    func start(for server: OpaquePointer?, on loop: UnsafeMutablePointer<uv_loop_t>) {
        guard !isIdle, link == nil else { return }
        host.begin(server)
        link = Link(location, writer, loop, seed: terms.node.seed) { [unowned(unsafe) self] in
            Connection(inputMax: Store.inputMax) { [unowned(unsafe) self] connection in
                retained { if let link = $0.link { $0.proceed(link, connection) } }
            }
        }
        resolver = Resolver { [unowned(unsafe) self] addresses, status in
            retained { $0.resolved(addresses, status) }
        }
        self.loop = loop
        pulse = Pulse(loop) { [unowned(unsafe) self] in retained { $0.turn() } }
        // The first try is made in the loop's next turn.
        pulse?.arm(for: 0)
    }

    private(set) var loop: UnsafeMutablePointer<uv_loop_t>?

    /// The library may close the store in any call that is made to it.
    private func retained(_ body: (Store) -> Void) {
        let reference = Unmanaged.passRetained(self)
        body(self)
        reference.release()
    }

    /// Whether a try to reach Redis has failed.
    private var hasFailed = false

    var isReady: Bool { link?.isReady ?? false }

    /// Nobody is dead before.
    var graceEnd: Int64 {
        guard let link, link.wasReady else { return 0 }
        return link.readyTime + Store.graceMs
    }

    // MARK: The library's calls

    /// A question that is refused fails at once.
    func put(_ kind: OrderKind, _ order: shttp_store_order, text: shttp_bytes) {
        guard !isIdle else { return }
        lastSerial = order.serial
        let session = UnsafeRawBufferPointer(order.session)
        let stream = UnsafeRawBufferPointer(order.stream)
        let text = UnsafeRawBufferPointer(text)
        let size = Order.size(session.count, stream.count, text.count)
        let isStarting = !hasFailed && !isReady
        if kind.isQuestion, !(isReady || isStarting) || !queue.canTake(size) {
            return host.fail(order.load)
        }
        if mustGiveUp { return }
        if kind == .keep, text.count > Store.messageMax || !queue.hasRoom(for: size) {
            return lose(order.number, of: session, stream, order.serial)
        }
        if kind == .end, queue.end(session, stream) { return }
        guard queue.canTake(size) else { return giveUp() }
        append(
            Order(
                kind, number: order.number, load: order.load.key,
                idle: min(order.idle_ms, Terms.longestMs),
                serial: order.serial, session: session, stream: stream, text: text))
    }

    /// A message finds no room.
    private func lose(
        _ number: UInt64, of session: UnsafeRawBufferPointer, _ stream: UnsafeRawBufferPointer,
        _ serial: UInt64
    ) {
        lostMessages += 1
        pulse?.arm(for: 0)
        if queue.extendLoss(of: session, stream, to: number) { return }
        guard queue.canTake(Order.size(session.count, stream.count, 0)) else { return giveUp() }
        append(
            Order(.lose, number: number, serial: serial, session: session, stream: stream))
    }

    /// Sends a message to a node or, if that is nil, to all.
    func send(_ message: UnsafeRawBufferPointer, to node: NodeName?) {
        guard !isIdle, !mustGiveUp else { return }
        send(.message, message, to: node)
    }

    func send(_ kind: Frame.Kind, _ content: UnsafeRawBufferPointer, to node: NodeName?) {
        let (number, previous) = peers.nextNumber(for: node)
        let frame = ByteQueue()
        Frame.append(
            kind, from: terms.node, number: number, previous: previous, content, to: frame)
        let hasRoom =
            frame.count <= Store.messageMax && queue.hasRoom(for: Order.size(0, 0, frame.count))
        guard let node else {
            // Its receivers see that it is missing.
            if !hasRoom { return lostMessages += 1 }
            return append(Order(.tellAll, text: frame.bytes))
        }
        guard isReady, hasRoom else {
            if !unsent.contains(node) { unsent.append(node) }
            pulse?.arm(for: 0)
            return
        }
        append(Order(.tellNode, node: node, text: frame.bytes))
    }

    /// Puts it last. What nobody waits for is sent with what follows soon, all else in the loop's
    /// next turn: Redis and its host work less for one long write than for many short ones.
    func append(_ order: Order) {
        if terms.isSync || !order.kind.isDeferrable || queue.hasMuchUnsent {
            isGathering = false
            pulse?.arm(for: 0)
        } else if queue.unsent == nil {
            isGathering = true
            gatherEnd = MonotonicClock.now + Store.gatherMs
            pulse?.arm(for: gatherEnd)
        }
        queue.append(order)
    }

    /// An order is missing: what Redis has may be wrong, without anyone noticing.
    private func giveUp() {
        mustGiveUp = true
        pulse?.arm(for: 0)
    }

    // MARK: The loop's turns

    private func turn() {
        guard !isIdle, let link else { return }
        let now = MonotonicClock.now
        tellLosses()
        if mustGiveUp { giveUpAll(at: now) }
        tellUnsent()
        if isIdle { return }
        if now >= gatherEnd { isGathering = false }
        if now >= link.deadline { step(link, at: now) }
        if link.isReady { look(at: now) }
        if let time = resendTime, now >= time {
            resendTime = nil
            queue.resend()
        }
        flush()
        armNext()
    }

    func armNext() {
        guard !isIdle, let link else { return }
        let time = link.isReady ? min(probes.nextTime, resendTime ?? .max) : .max
        pulse?.arm(for: min(link.deadline, time, isGathering ? gatherEnd : .max))
    }

    // MARK: The connections

    /// A connection can go on.
    func proceed(_ link: Link, _ connection: Connection) {
        guard !isIdle, !connection.isClosed else { return }
        do throws(LinkFault) {
            try link.proceed(connection)
            connection.receive()
            let wasChecking = checksUnderWay > 0
            try takeReplies(link, connection)
            if wasChecking, !isIdle { try takeReplies(link, link.messages) }
            if let ending = connection.ending, !connection.isClosed { throw ending }
        } catch {
            lose(error, at: MonotonicClock.now)
        }
        if queue.isRedirecting, link.isQuiet, resendTime == nil {
            resendTime = MonotonicClock.now + Store.redirectionMs
        }
        tellKept()
        flush()
        armNext()
    }

    private func takeReplies(_ link: Link, _ connection: Connection) throws(LinkFault) {
        lostSession.removeAll()
        while !isIdle, connection.expectedCount > 0, let reply = try connection.nextReply() {
            defer { reply.free() }
            try link.take(reply, on: connection)
            if link.becomesReady(at: MonotonicClock.now) { begin() }
        }
        if connection === link.messages {
            // Of nodes that know this one already, or all of it.
            while !isIdle, connection.expectedCount == 0, checksUnderWay == 0,
                let reply = try connection.nextReply()
            {
                defer { reply.free() }
                try take(message: reply)
            }
        } else if link.isReady {
            while !isIdle, let reply = try link.nextAnswer(of: queue, connection) {
                defer { reply.free() }
                try take(answer: reply)
            }
        }
    }

    /// All connections are ready.
    private func begin() {
        log(.notice, "The store has reached Redis:", about: .recovery, location.text)
        if mustEmpty { beginEmptying() }
        host.tellReached(true)
    }

    /// Writes commands for what waits.
    func flush() {
        guard !isIdle, let link, link.isReady else { return }
        do throws(LinkFault) {
            fill(link)
            try link.send()
            // The system may have taken all of that at once.
            if canSend, link.hasSent, fill(link) { pulse?.arm(for: 0) }
        } catch {
            lose(error, at: MonotonicClock.now)
        }
    }

    @discardableResult
    private func fill(_ link: Link) -> Bool {
        var hasWritten = false
        while canSend, link.writeNext(of: queue) { hasWritten = true }
        return hasWritten
    }

    /// While what was given up is removed, nothing is added; behind what is redirected nothing is
    /// sent.
    private var canSend: Bool {
        guard let order = queue.unsent, !queue.isRedirecting,
            !isGathering || !order.kind.isDeferrable
        else { return false }
        return !mustEmpty || !order.kind.survivesLoss && !order.kind.isQuestion
    }

    /// The connections are lost, or could not be made.
    func lose(_ fault: LinkFault, at now: Int64) {
        guard !isIdle, let link else { return }
        resolver?.cancel()
        if case .isCluster = fault, !link.isReady {
            _ = link.lose(at: now)
            pulse?.arm(for: link.deadline)
            return
        }
        let isNews = !hasFailed || link.isReady
        hasFailed = true
        let wasReady = link.lose(at: now)
        emptyingCount = 0
        resendTime = nil
        let removed = queue.rewind() + probes.removeAll()
        peers.forgetOrder()
        pulse?.arm(for: link.deadline)
        var reason = location.text
        reason.append(": ")
        fault.append(to: &reason)
        log(.warning, "The store cannot reach Redis; it tries again:", about: .absence, reason)
        if wasReady { host.tellGone(nil) }
        if isNews { host.tellReached(false) }
        for order in removed {
            if order.kind.isQuestion { host.fail(order.load) }
            order.free()
        }
    }

    // MARK: What is lost

    func log(
        _ level: LogLimit.Level, _ text: StaticString, about topic: LogLimit.Topic, _ detail: Text
    ) {
        host.log(level, text, about: topic, detail)
    }

    private func tellLosses() {
        guard lostMessages > 0 else { return }
        var count = Text()
        count.append(Int64(lostMessages))
        lostMessages = 0
        log(.warning, "Redis takes too long; messages are dropped:", about: .loss, count)
    }

    private func tellUnsent() {
        let nodes = unsent
        unsent.removeAll()
        for node in nodes { host.tellGone(node) }
    }

    private func giveUpAll(at now: Int64) {
        mustGiveUp = false
        mustEmpty = true
        lose(.isFull, at: now)
        queue.removeAll()
        checksUnderWay = 0
        log(
            .warning,
            "Redis was away for too long; the store gives up all that this server has there:",
            about: .givingUp, location.text)
    }

    func tellKept() {
        guard !isIdle, !mustEmpty, !mustGiveUp, !queue.isRedirecting else { return }
        host.tellKept(upTo: queue.leastSerial.map { $0 - 1 } ?? lastSerial)
    }

    // MARK: The end

    /// Writes what waits, for a short time, and ends. Nothing is told any more.
    func close() {
        guard !isInherited else { return }
        isClosing = true
        resolver?.cancel()
        if let link {
            if mustEmpty || mustGiveUp {
                // The answers to what was sent are nobody's.
                _ = link.lose(at: MonotonicClock.now)
                queue.removeAll()
            }
            let isAll = Closing(link, queue).run() && !mustEmpty && !mustGiveUp
            if !isAll {
                log(
                    .warning, "The store is closed before it could write everything:", about: .end,
                    location.text)
            }
        }
        host.end()
        link?.close()
        pulse?.close()
        for order in probes.removeAll() { order.free() }
    }
}

extension UnsafeRawBufferPointer {
    init(_ bytes: shttp_bytes) { self.init(start: bytes.data, count: bytes.len) }
}
