import Engine
import Link
import Seeds
import Session
import Wire

/// A server's engine, a host, clients and the network between them, in one process and with a
/// simulated clock. One seed determines everything that happens.
package final class Simulation {
    /// The result of one seed.
    package struct Report: Sendable {
        package let seed: UInt64
        package let violation: Violation?
        package let steps: Int
        package let requests: Int
        package let messages: Int
        package let resumes: Int
        package let connections: Int
        /// The transcript of all actors, if it was requested.
        package let transcript: [String]
    }

    private enum Phase {
        case busy
        /// Nobody starts anything new; open requests finish.
        case settling
        /// The clients leave.
        case leaving
    }

    /// How late the loop's timer may be, in milliseconds.
    static let lateness: Int64 = 3

    /// The most that the event store in memory has held; `Budgets` writes it.
    var replayBytesMost = 0
    let profile: Profile
    /// One, or several that share a store.
    private(set) var nodes: [Node] = []
    /// How many processes there were.
    private var processCount = 0
    let words: () -> UInt64
    let names = Names()
    var random: SeededRandom
    private(set) var now: Int64 = 0
    var sabotage: Sabotage
    private(set) var ledger: Ledger!
    private(set) var store: HostStore!
    private(set) var watcher: Watcher!
    private(set) var clients: [Client] = []
    private(set) var modern: ModernBook!
    private(set) var modernClients: [ModernClient] = []
    private var links: [Link] = []
    /// The number of writes of the server so far.
    var writes = 0
    var resumes = 0

    private var agenda = Agenda()
    private var phase = Phase.busy
    private(set) var steps = 0
    private let isRecording: Bool
    private var transcript: [String] = []
    private var violation: Violation?

    /// The longest that the run waits for the next action: a day.
    private static let patience: Int64 = 24 * 3_600_000

    /// How long requests may still continue when nobody starts anything new, in milliseconds.
    private static let settlingMax: Int64 = 120_000

    /// The number of steps after which a run that does not end is stopped.
    private static let stepsMax = 200_000

    // MARK: Running

    package static func run(
        seed: UInt64, sabotage: Sabotage.Kind? = nil, isRecording: Bool = false
    ) -> Report {
        let simulation = Simulation(seed, sabotage, isRecording)
        simulation.run()
        return Report(
            seed: seed, violation: simulation.violation, steps: simulation.steps,
            requests: simulation.ledger.tickets.count + simulation.modern.exchanges.count,
            messages: simulation.ledger.messages,
            resumes: simulation.resumes, connections: simulation.links.count,
            transcript: simulation.transcript)
    }

    private init(_ seed: UInt64, _ sabotage: Sabotage.Kind?, _ isRecording: Bool) {
        random = SeededRandom(seed)
        profile = Profile(
            &random, restarts: sabotage?.needsRestarts ?? false,
            nodes: sabotage?.needsNodes ?? (seed % 3 == 0))
        self.sabotage = Sabotage(sabotage, &random)
        self.isRecording = isRecording
        var secrets = SeededRandom(seed &+ 1)
        words = { secrets.next() }
        ledger = Ledger(self)
        modern = ModernBook(self)
        store = profile.hasNodes ? SharedStore(self) : HostStore(self)
        nodes = (0..<profile.nodeCount).map { Node($0 + 1, in: self) }
        watcher = Watcher(self)
    }

    private func run() {
        note("with  \(profile.line)")
        clients = (0..<profile.clientCount).map { _ in Client(self) }
        for client in clients { at(0) { client.think() } }
        modernClients = (0..<profile.modernCount).map { _ in ModernClient(self) }
        for client in modernClients { at(0) { client.think() } }
        for node in nodes {
            if profile.hasTools { node.host.modern.setTools() }
            at(0) { node.run { node.host.think() } }
        }
        if profile.hasNodes { beginNodes() }
        for _ in 0..<profile.restarts where !profile.hasNodes {
            at(Int64(random.number(Int(profile.horizon)))) { [self] in restart(nodes[0]) }
        }
        if profile.restarts == 0, !profile.hasNodes, random.chance(10) {
            at(Int64(random.number(Int(profile.horizon)))) { [self] in endServer() }
        }
        go { self.now < self.profile.horizon }
        begin(.settling, { $0.settle() }, { $0.settle() })
        // The host may still not have decided about some requests, and some connections may be dead
        // without the server knowing.
        let options = profile.options
        let waits = [options.load, profile.authorizationWait, options.parked ?? 0]
        at(now + 2 * Simulation.lateness + waits.reduce(0, max)) {}
        let end = now + Simulation.settlingMax
        go { !self.agenda.isEmpty || self.ledger.isWaiting && self.now < end }
        if violation == nil {
            ledger.checkEverythingCame()
            Budgets.checkNothingIsUnderWay(self)
        }
        if !ledger.isStopping, !profile.hasNodes, random.chance(20) {
            at(now) { [self] in endServer() }
        }
        begin(.leaving, { $0.leave() }, { $0.leave() })
        go { !self.agenda.isEmpty || self.nodes.contains { $0.engine.nextDeadline != nil } }
        if violation == nil { Budgets.checkNothingIsLeft(self) }
    }

    private func begin(
        _ phase: Phase, _ act: (Client) -> Void, _ actModern: (ModernClient) -> Void
    ) {
        guard violation == nil else { return }
        note("--    \(phase)")
        self.phase = phase
        clients.forEach(act)
        modernClients.forEach(actModern)
    }

    /// Runs as long as there is something to do and no violation.
    private func go(_ isWanted: () -> Bool) {
        while violation == nil, isWanted(), step() {
            if steps > Simulation.stepsMax { violate(.hang, "the run does not come to an end") }
        }
    }

    /// One iteration of the server's loop at the time of the next action; false if there will never
    /// be another one.
    private func step() -> Bool {
        var deadlines: [(node: Node, time: Int64)] = []
        for node in nodes where !node.isPaused {
            guard let deadline = node.engine.nextDeadline else { continue }
            let lateness = Int64(random.number(Int(Simulation.lateness) + 1))
            deadlines.append((node, deadline.milliseconds + lateness))
        }
        let times = [agenda.next].compactMap { $0 } + deadlines.map { $0.time }
        guard let next = times.min(), next - now < Simulation.patience else { return false }
        steps += 1
        now = max(now, next)
        for node in nodes where !node.isPaused {
            node.engine.advance(to: Instant(milliseconds: now))
        }
        for (node, time) in deadlines where time <= now { node.driver.deadlineReached() }
        while let time = agenda.next, time <= now {
            agenda.takeFirst()()
            if random.chance(50) { break }
        }
        for node in nodes where !node.isPaused {
            node.driver.turn()
            sabotage.act(on: node.engine, &random)
        }
        Budgets.check(self)
        return true
    }

    func newProcess() -> Int {
        processCount += 1
        return processCount
    }

    /// The log lines and the progress that all processes have dropped.
    var drops: (logs: UInt64, progress: UInt64) {
        nodes.reduce(into: (0, 0)) { sum, node in
            sum.0 += node.drops.logs
            sum.1 += node.drops.progress
        }
    }

    // MARK: For all actors

    func at(_ time: Int64, _ action: @escaping () -> Void) { agenda.add(at: time, action) }

    func after(_ pause: Int64, _ action: @escaping () -> Void) { at(now + pause, action) }

    var isBusy: Bool { phase == .busy }
    var isSettling: Bool { phase == .settling }
    var isLeaving: Bool { phase == .leaving }

    /// Whether the network and the clients break things now.
    var isRough: Bool { profile.isRough && isBusy }

    /// A balancer sends each connection to any node.
    func newLink() -> Link {
        let node = nodes.count == 1 ? nodes[0] : nodes[random.number(nodes.count)]
        let link = Link(links.count + 1, to: node, in: self)
        links.append(link)
        return link
    }

    /// The process of a node has ended, and with it its connections.
    func cutLinks(to node: Node) {
        for link in links where link.node === node {
            guard link.connection != nil || !link.hasArrived && link.end != nil else { continue }
            link.processEnded(isCut: random.chance(50))
            watcher.processEnded(with: link)
        }
    }

    /// An event's id from a stream of another session.
    func placeOfAnother(than session: ClientSession) -> String? {
        clients.lazy.compactMap { client in
            client.session === session ? nil : client.session?.primary?.lastID
        }.first
    }

    /// A session of another principal.
    func sessionOfAnother(than principal: String?) -> ClientSession? {
        clients.lazy.filter { $0.principal != principal }.compactMap { $0.session }.first
    }

    /// A modern client of another principal.
    func modernClientOfAnother(than principal: String?) -> ModernClient? {
        modernClients.first { $0.principal != principal }
    }

    /// A connection of another client of the same transport that reads a stream: the events of
    /// another transport can be told by their form.
    func readerBeside(_ client: Client) -> ClientEnd? {
        clients.lazy.filter { $0 !== client && $0.isOld == client.isOld }
            .compactMap { $0.reading.first }.first
    }

    /// Writes a line of the transcript.
    func note(_ text: @autoclosure () -> String) {
        guard isRecording else { return }
        let time = String(now)
        transcript.append(
            String(repeating: " ", count: max(0, 7 - time.count)) + time + "  " + text())
    }

    /// The run has failed. Later violations do not count.
    func violate(_ kind: Violation.Kind, _ text: @autoclosure () -> String) {
        guard violation == nil, !profile.storeLies || kind.holdsForLiars else { return }
        let violation = Violation(kind: kind, text: text())
        note("*     \(kind.rawValue): \(violation.text)")
        self.violation = violation
    }
}
