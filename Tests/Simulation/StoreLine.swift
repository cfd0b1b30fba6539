import Engine
import Link
import Replay
import Session

/// What the process of a node and the store that it shares say to each other, in order and late.
final class StoreLine {
    struct Entry {
        let serial: UInt64
        let order: StoreOrder
        var arrival: Int64
    }

    let node: Node
    let id: NodeID
    private unowned let simulation: Simulation
    /// The number of the last order.
    var serial: UInt64 = 0
    /// What is on its way, and what the store has done without the node's knowing.
    private var entries: [Entry] = []
    private var unheard: [Entry] = []
    private var performedSerial: UInt64 = 0
    private var lastArrival: Int64 = 0
    private var lastAnswer: Int64 = 0
    private var isScheduled = false
    /// How often it was broken: what was on its way then does not arrive.
    private(set) var epoch = 0
    private(set) var isClosed = false
    var isAway = true
    /// Whether the others take its sessions.
    var seemsDead = false
    /// The questions without an answer.
    private var asked: [LoadKey: StoreOrder] = [:]
    /// How often it is told soon that it has lost a session.
    var lost: [String: Int] = [:]
    private let latencyMax: Int
    private var stalledUntil: Int64 = 0

    init(_ node: Node, _ simulation: Simulation) {
        self.node = node
        self.simulation = simulation
        id = node.id
        latencyMax = [0, 2, 20, 200][simulation.random.number(4)]
    }

    private var latency: Int64 { Int64(simulation.random.number(latencyMax + 1)) }

    var orders: [StoreOrder] { (unheard + entries).map(\.order) }

    var questions: [StoreOrder] { Array(asked.values) }

    func asks(_ load: LoadKey, _ order: StoreOrder) { asked[load] = order }

    /// Whether the store will refuse something that it is told of a session.
    func mayHearOfLoss(of wireID: String) -> Bool {
        orders.contains { order in
            (order.changed ?? order.released).map { HostStore.text($0) == wireID } ?? false
        }
    }

    // MARK: To the store

    func append(_ order: StoreOrder) {
        lastArrival = max(lastArrival, simulation.now + latency)
        entries.append(Entry(serial: serial, order: order, arrival: lastArrival))
    }

    /// Calls `act` when something is due.
    func schedule(_ act: @escaping () -> Void) {
        guard !isScheduled, !isAway, let first = entries.first else { return }
        isScheduled = true
        let epoch = epoch
        simulation.at(max(first.arrival, stalledUntil, simulation.now)) { [self] in
            guard epoch == self.epoch else { return }
            isScheduled = false
            act()
        }
    }

    func takeDue() -> Entry? {
        guard !isAway, let first = entries.first,
            max(first.arrival, stalledUntil) <= simulation.now
        else { return nil }
        return entries.removeFirst()
    }

    func takeAll() -> [Entry] {
        defer { entries = [] }
        return entries
    }

    func stall(until time: Int64) { stalledUntil = time }

    /// The store has done what an entry says.
    func performed(_ entry: Entry) {
        if entry.order.changed != nil || entry.order.released != nil { unheard.append(entry) }
        performedSerial = entry.serial
    }

    /// The node hears of what was done.
    func tellKept() {
        let serial = performedSerial
        tell { [self] engine in
            unheard.removeAll { $0.serial <= serial }
            engine.kept(upTo: serial)
        }
    }

    // MARK: To the node

    func answer(_ load: LoadKey, _ act: @escaping (ServerEngine) -> Void) {
        tell { [self] engine in
            asked[load] = nil
            act(engine)
        }
    }

    func tell(after pause: Int64 = 0, _ act: @escaping (ServerEngine) -> Void) {
        lastAnswer = max(lastAnswer, simulation.now + latency + pause)
        let epoch = epoch
        simulation.at(lastAnswer) { [self] in
            guard epoch == self.epoch else { return }
            node.run { [self] in
                guard epoch == self.epoch else { return }
                act(node.engine)
                node.driver.pump()
            }
        }
    }

    // MARK: Breaking

    /// Returns the questions that have failed. Orders that the node knows nothing of come again.
    func breaks() -> [LoadKey] {
        isAway = true
        epoch += 1
        isScheduled = false
        lost = [:]
        entries = (unheard + entries).filter { entry in
            switch entry.order {
            case .load, .findSession, .send(_, to: .some): false
            default: true
            }
        }
        unheard = []
        defer { asked = [:] }
        return asked.keys.sorted { $0.rawValue < $1.rawValue }
    }

    func close() {
        epoch += 1
        isAway = true
        isClosed = true
    }
}
