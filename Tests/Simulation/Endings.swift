import Link

/// How servers end: for good, or so that other processes follow.
extension Simulation {
    func endServer() {
        nodes[0].isDraining = true
        guard random.chance(50) else {
            note("host  → close server")
            ledger.isClosing = true
            nodes[0].engine.close()
            return nodes[0].driver.pump()
        }
        note("host  → drain")
        let deadline = now + Int64(random.number(10_000))
        nodes[0].engine.drain(until: Instant(milliseconds: deadline))
        // The engine may close itself from now on.
        ledger.isClosing = true
        nodes[0].driver.pump()
    }

    /// The process dies, or is told to end.
    func restart(_ node: Node) {
        guard isBusy, !node.isDown, !node.isStopping, !node.isPaused else { return }
        if random.chance(60) {
            note("host  dies")
            return node.endProcess(inOrder: false)
        }
        drain(node)
    }

    /// The process of a node is told to end.
    func drain(_ node: Node) {
        guard isBusy, !node.isDown, !node.isStopping, !node.isPaused else { return }
        node.isDraining = true
        node.isStopping = true
        if random.chance(30) {
            note("host  → close server")
            node.engine.close()
        } else {
            note("host  → drain")
            let wait = Int64(random.number(5_000))
            node.engine.drain(until: Instant(milliseconds: now + wait))
        }
        node.driver.pump()
    }

    /// The engine of a node has ended in order. If that was to be, another one follows.
    func serverClosed(_ node: Node) {
        if node.isStopping { after(0) { node.endProcess(inOrder: true) } }
    }
}
