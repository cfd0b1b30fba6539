import Engine
import Link
import Session

/// A place where a server runs: its process with the engine, the loop around it, and the host.
final class Node {
    let number: Int
    private unowned let simulation: Simulation
    /// The engine of the process that is there, or will be next.
    private(set) var engine: ServerEngine
    /// The number of its process among all that there were, and whether there is none now.
    private(set) var process: Int
    private(set) var isDown = false
    private(set) var driver: Driver!
    private(set) var host: Host!
    /// The log lines and the progress that earlier processes have dropped.
    private var dropsBefore = (logs: UInt64(0), progress: UInt64(0))
    /// Whether it accepts nothing new, and whether another process follows then.
    var isDraining = false
    var isStopping = false
    /// Whether nothing of it runs, and what happens when it goes on.
    private(set) var isPaused = false
    private var waiting: [() -> Void] = []
    /// Whether something has happened in it that is not checked yet.
    var isTouched = true

    init(_ number: Int, in simulation: Simulation) {
        self.number = number
        self.simulation = simulation
        process = simulation.newProcess()
        engine = Node.makeEngine(process, in: simulation)
        driver = Driver(simulation, self)
        host = Host(simulation, self)
    }

    private static func makeEngine(_ process: Int, in simulation: Simulation) -> ServerEngine {
        var options = simulation.profile.options
        if simulation.profile.hasNodes { options.node = id(of: process) }
        return ServerEngine(
            options, keysAfter: process == 1 ? 0 : UInt64(process) << 30, random: simulation.words)
    }

    /// Each process has a name of its own among those that share the store.
    static func id(of process: Int) -> NodeID { NodeID(high: 0xA0DE, low: UInt64(process)) }

    var id: NodeID { Node.id(of: process) }
    var name: String { "node \(number).\(process)" }

    /// The log lines and the progress that all its processes have dropped.
    var drops: (logs: UInt64, progress: UInt64) {
        let statistics = engine.statistics
        return (
            dropsBefore.logs + statistics.logDrops, dropsBefore.progress + statistics.progressDrops
        )
    }

    // MARK: Time

    /// Does something in the process, once it is not paused.
    func run(_ action: @escaping () -> Void) {
        if isPaused { return waiting.append(action) }
        isTouched = true
        action()
    }

    func after(_ pause: Int64, _ action: @escaping () -> Void) {
        simulation.after(pause) { [self] in run(action) }
    }

    func pause() { isPaused = true }

    /// What has arrived meanwhile comes first.
    func goOn() {
        guard isPaused else { return }
        isPaused = false
        engine.advance(to: Instant(milliseconds: simulation.now))
        let actions = waiting
        waiting = []
        for action in actions { run(action) }
    }

    // MARK: Processes

    /// The process has ended; another one follows.
    func endProcess(inOrder: Bool) {
        dropsBefore = drops
        simulation.cutLinks(to: self)
        driver.processEnded()
        host.processEnded()
        simulation.store.processEnded(of: self, inOrder: inOrder)
        simulation.ledger.processEnded(of: self)
        isDraining = false
        isStopping = false
        isPaused = false
        waiting = []
        process = simulation.newProcess()
        engine = Node.makeEngine(process, in: simulation)
        engine.advance(to: Instant(milliseconds: simulation.now))
        isDown = true
        simulation.after([0, 20, 2_000][simulation.random.number(3)]) { [self] in
            isDown = false
            simulation.store.processBegan(of: self)
        }
    }
}
