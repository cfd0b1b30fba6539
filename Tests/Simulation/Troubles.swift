/// What happens to nodes that share a store.
extension Simulation {
    private var shared: SharedStore? { store as? SharedStore }

    /// All nodes have reached the store.
    func beginNodes() {
        for node in nodes { store.processBegan(of: node) }
        for _ in 0..<profile.restarts {
            at(Int64(random.number(Int(profile.horizon)))) { [self] in trouble() }
        }
    }

    private func trouble() {
        guard isBusy, let shared, let node = random.pick(nodes) else { return }
        switch random.number(profile.isRough ? 10 : 2) {
        case 0...1: if profile.isRough || !node.isDown { drain(node) }
        case 2...4: restart(node)
        case 5, 6: pause(node, shared)
        case 7:
            guard let line = shared.line(of: node),
                let other = shared.lines.first(where: {
                    $0 !== line
                })
            else { return }
            shared.mail.cut(line, other)
        case 8: shared.line(of: node)?.stall(until: now + Int64([300, 3_000][random.number(2)]))
        default: beAway(node, shared)
        }
    }

    /// Nothing of a node runs for a while. If that is long, it seems to be dead.
    private func pause(_ node: Node, _ shared: SharedStore) {
        guard !node.isDown, !node.isPaused else { return }
        let time = Int64([200, 1_500, 6_000, 15_000][random.number(4)])
        note("\(node.name) pauses for \(time) ms")
        let process = node.process
        node.pause()
        if time > 1_000 {
            after(1_000 + Int64(random.number(2_000))) {
                if node.process == process, node.isPaused { shared.seemsDead(node) }
            }
        }
        after(time) { [self] in
            guard node.process == process else { return }
            note("\(node.name) goes on")
            shared.livesOn(node)
            node.goOn()
        }
    }

    /// A node cannot reach the store for a while, or none can.
    private func beAway(_ node: Node, _ shared: SharedStore) {
        let lines = random.chance(40) ? shared.lines : shared.lines.filter { $0.node === node }
        let time = [20, 500, 4_000][random.number(3)]
        for line in lines {
            shared.lose(line)
            after(Int64(time + random.number(200))) { if !line.isClosed { shared.reach(line) } }
        }
        guard time > 1_000, lines.count == 1, random.chance(50) else { return }
        // Its place is taken meanwhile.
        let process = node.process
        after(1_000) {
            if node.process == process, shared.line(of: node)?.isAway == true {
                shared.seemsDead(node)
            }
        }
        after(Int64(time)) { if node.process == process { shared.livesOn(node) } }
    }
}
