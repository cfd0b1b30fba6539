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
    /// The engine of the process that is there, or will be next.
    private(set) var engine: ServerEngine
    /// How many processes there were, and whether there is none now.
    private(set) var process = 1
    private(set) var isDown = false
    /// The log lines and the progress that earlier processes have dropped.
    private var dropsBefore = (logs: UInt64(0), progress: UInt64(0))
    private let words: () -> UInt64
    let names = Names()
    var random: SeededRandom
    private(set) var now: Int64 = 0
    var sabotage: Sabotage
    private(set) var ledger: Ledger!
    private(set) var driver: Driver!
    private(set) var host: Host!
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
        profile = Profile(&random, restarts: sabotage?.needsRestarts ?? false)
        self.sabotage = Sabotage(sabotage, &random)
        self.isRecording = isRecording
        var secrets = SeededRandom(seed &+ 1)
        words = { secrets.next() }
        engine = ServerEngine(profile.options, random: words)
        ledger = Ledger(self)
        modern = ModernBook(self)
        driver = Driver(self)
        host = Host(self)
        store = HostStore(self)
        watcher = Watcher(self)
    }

    private func run() {
        note("with  \(profile.line)")
        clients = (0..<profile.clientCount).map { _ in Client(self) }
        for client in clients { at(0) { client.think() } }
        modernClients = (0..<profile.modernCount).map { _ in ModernClient(self) }
        for client in modernClients { at(0) { client.think() } }
        if profile.hasTools { host.modern.setTools() }
        at(0) { [self] in host.think() }
        for _ in 0..<profile.restarts {
            at(Int64(random.number(Int(profile.horizon)))) { [self] in restart() }
        }
        if profile.restarts == 0, random.chance(10) {
            at(Int64(random.number(Int(profile.horizon)))) { [self] in endServer() }
        }
        go { self.now < self.profile.horizon }
        begin(.settling, { $0.settle() }, { $0.settle() })
        // The host may still not have decided about some requests, and some connections may be dead
        // without the server knowing.
        let waits = [engine.options.load, profile.authorizationWait, engine.options.parked ?? 0]
        at(now + 2 * Simulation.lateness + waits.reduce(0, max)) {}
        let end = now + Simulation.settlingMax
        go { !self.agenda.isEmpty || self.ledger.isWaiting && self.now < end }
        if violation == nil {
            ledger.checkEverythingCame()
            Budgets.checkNothingIsUnderWay(self)
        }
        if !ledger.isStopping, random.chance(20) { at(now) { [self] in endServer() } }
        begin(.leaving, { $0.leave() }, { $0.leave() })
        go { !self.agenda.isEmpty || self.engine.nextDeadline != nil }
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
        let deadline = engine.nextDeadline.map {
            $0.milliseconds + Int64(random.number(Int(Simulation.lateness) + 1))
        }
        guard let next = [agenda.next, deadline].compactMap({ $0 }).min(),
            next - now < Simulation.patience
        else { return false }
        steps += 1
        now = max(now, next)
        engine.advance(to: Instant(milliseconds: now))
        if deadline.map({ $0 <= now }) ?? false { driver.deadlineReached() }
        while let time = agenda.next, time <= now {
            agenda.takeFirst()()
            if random.chance(50) { break }
        }
        driver.turn()
        sabotage.act(on: engine, &random)
        Budgets.check(self)
        return true
    }

    private func endServer() {
        ledger.isDraining = true
        guard random.chance(50) else {
            note("host  → close server")
            ledger.isClosing = true
            engine.close()
            return driver.pump()
        }
        note("host  → drain")
        let deadline = now + Int64(random.number(10_000))
        engine.drain(until: Instant(milliseconds: deadline))
        // The engine may close itself from now on.
        ledger.isClosing = true
        driver.pump()
    }

    // MARK: Processes

    /// The process dies, or is told to end.
    private func restart() {
        guard isBusy, !isDown, !ledger.isStopping else { return }
        if random.chance(60) {
            note("host  dies")
            return endProcess(inOrder: false)
        }
        ledger.isDraining = true
        ledger.isStopping = true
        if random.chance(30) {
            note("host  → close server")
            engine.close()
        } else {
            note("host  → drain")
            let wait = Int64(random.number(5_000))
            engine.drain(until: Instant(milliseconds: now + wait))
        }
        driver.pump()
    }

    /// The engine has ended in order. If that was to be, another one follows.
    func serverClosed() {
        if ledger.isStopping { after(0) { [self] in endProcess(inOrder: true) } }
    }

    private func endProcess(inOrder: Bool) {
        dropsBefore = drops
        for link in links where link.connection != nil || !link.hasArrived && link.end != nil {
            link.processEnded(isCut: random.chance(50))
        }
        driver.processEnded()
        host.processEnded()
        watcher.processEnded()
        store.processEnded(inOrder: inOrder)
        ledger.processEnded()
        process += 1
        engine = ServerEngine(profile.options, keysAfter: UInt64(process) << 30, random: words)
        engine.advance(to: Instant(milliseconds: now))
        isDown = true
        after([0, 20, 2_000][random.number(3)]) { [self] in isDown = false }
    }

    /// The log lines and the progress that all processes have dropped.
    var drops: (logs: UInt64, progress: UInt64) {
        let statistics = engine.statistics
        return (
            dropsBefore.logs + statistics.logDrops, dropsBefore.progress + statistics.progressDrops
        )
    }

    // MARK: For all actors

    func at(_ time: Int64, _ action: @escaping () -> Void) { agenda.add(at: time, action) }

    func after(_ pause: Int64, _ action: @escaping () -> Void) { at(now + pause, action) }

    var isBusy: Bool { phase == .busy }
    var isSettling: Bool { phase == .settling }
    var isLeaving: Bool { phase == .leaving }

    /// Whether the network and the clients break things now.
    var isRough: Bool { profile.isRough && isBusy }

    func newLink() -> Link {
        let link = Link(links.count + 1, in: self)
        links.append(link)
        return link
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
