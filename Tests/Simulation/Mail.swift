import Engine
import Link
import Session

/// What nodes say to each other: from one to another in order, late, or not at all.
final class Mail {
    private struct Way: Hashable {
        let from: NodeID
        let to: NodeID
    }

    private unowned let store: SharedStore
    private var arrivals: [Way: Int64] = [:]
    /// How often a way was broken: what was on it then does not arrive.
    private var breaks: [Way: Int] = [:]
    private let latencyMax: Int

    init(_ store: SharedStore) {
        self.store = store
        latencyMax = [0, 5, 50, 500][store.simulation.random.number(4)]
    }

    private var simulation: Simulation { store.simulation }

    /// Sends a message to a node, or to all others.
    func send(_ bytes: [UInt8], from line: StoreLine, to node: NodeID?) {
        guard let node else {
            for other in store.lines where other !== line { send(bytes, from: line, on: other) }
            return
        }
        guard let other = store.line(of: node), !other.isAway else {
            return store.tellGone(node, to: line)
        }
        send(bytes, from: line, on: other)
    }

    private func send(_ bytes: [UInt8], from line: StoreLine, on other: StoreLine) {
        guard !other.isAway else { return }
        let way = Way(from: line.id, to: other.id)
        let latency = Int64(simulation.random.number(latencyMax + 1))
        let arrival = max(arrivals[way] ?? 0, simulation.now + latency)
        arrivals[way] = arrival
        let (epoch, count) = (other.epoch, breaks[way] ?? 0)
        simulation.at(arrival) { [self] in
            guard other.epoch == epoch, breaks[way] ?? 0 == count else { return }
            other.node.run { [self] in
                guard other.epoch == epoch else { return }
                simulation.note(
                    "node \(way.from.low) → node \(way.to.low) \(Mail.name(of: bytes))")
                for bytes in simulation.sabotage.spoil(bytes, from: way.from, to: way.to) {
                    other.node.driver.received(bytes, from: way.from)
                }
            }
        }
    }

    private static func name(of bytes: [UInt8]) -> String {
        let names = [
            "?", "request", "taken", "hangUp", "left", "response", "ended", "endedLast", "moved",
            "broken", "publish", "broadcast", "over",
        ]
        let kind = Int(bytes.first ?? 0)
        return "\(names.indices.contains(kind) ? names[kind] : "\(kind)") \(bytes.count)"
    }

    /// Messages between two nodes are lost, and both hear of that.
    func cut(_ line: StoreLine, _ other: StoreLine) {
        simulation.note("cut     \(line.node.name), \(other.node.name)")
        for (one, two) in [(line, other), (other, line)] {
            breaks[Way(from: one.id, to: two.id), default: 0] += 1
            one.node.run {
                guard !one.isClosed else { return }
                one.node.engine.gone(two.id)
                one.node.driver.pump()
            }
        }
    }
}
