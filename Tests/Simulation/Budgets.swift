import Engine
import Replay

/// What the server may hold at any moment, and what it may hold after all clients have left.
///
/// Every limit of `ServerOptions` on what the engine stores is checked here after each step.
enum Budgets {
    /// One message may be larger than the limit of unread output, and so may the head of a stream.
    private static let messageBytesMax = 3_000

    static func check(_ simulation: Simulation) {
        let isAlone = simulation.nodes.count == 1
        for node in simulation.nodes where !node.isPaused && (node.isTouched || isAlone) {
            node.isTouched = false
            check(simulation, node)
        }
        simulation.watcher.look()
    }

    private static func check(_ simulation: Simulation, _ node: Node) {
        let engine = node.engine
        let options = engine.options
        let statistics = engine.statistics

        checkInvariants(simulation, node)
        let inspection = Inspection(of: engine)
        for session in inspection.sessions {
            simulation.store.checkKept(session)
            guard let log = inspection.log(of: session) else {
                continue
            }
            expect(log.count <= options.replayEventsMax, "events of a session", simulation)
            expect(
                log.byteCount <= options.replayBytesMax, "bytes of a session's events", simulation)
            if let age = options.replayAge, let oldest = log.oldest {
                let limit = simulation.now - age - Simulation.lateness
                expect(oldest.milliseconds >= limit, "an event's age", simulation)
            }
        }
        checkTables(simulation, node)
        checkMemory(simulation, node)
        checkOutput(simulation, node)
        expect(statistics.connections <= UInt64(options.connectionsMax), "connections", simulation)
        expect(statistics.sessions <= UInt64(options.sessionsMax), "sessions", simulation)
    }

    /// The same, and all questions to a modern client are one message.
    private static func longest(_ simulation: Simulation) -> Int {
        messageBytesMax + simulation.modern.questionBytesMost
    }

    /// If one was broken on purpose, it has to be found by its name.
    private static func checkInvariants(_ simulation: Simulation, _ node: Node) {
        let found = node.engine.violations(
            checksRecycled: simulation.sabotage.broken != nil || simulation.steps % 8 == 0)
        if let broken = simulation.sabotage.broken,
            !found.contains(where: { $0.invariant == broken.invariant })
        {
            let (invariant, how) = broken
            simulation.violate(.budget, "\(invariant) is broken, and nobody sees it: \(how)")
        }
        for broken in found { simulation.violate(.invariant, "\(broken)") }
    }

    /// Those that listen and those that wait for their clients, and what the host knows of them.
    private static func checkTables(_ simulation: Simulation, _ node: Node) {
        let engine = node.engine
        let options = engine.options
        let inspection = Inspection(of: engine)
        expect(inspection.listenerCount <= options.listensMax, "listeners", simulation)
        expect(inspection.askingCount <= options.parkedMax, "requests that ask", simulation)
        let watched = engine.watchedResources.map { uri in
            withExtendedLifetime(uri) { String(decoding: uri.bytes, as: UTF8.self) }
        }
        // What the host has not heard yet waits for its queue.
        let isBehind = node.driver.isHeld
        if !isBehind, Set(watched) != simulation.modern.watched(at: node) {
            simulation.violate(.misconduct, "the host knows other resources that are watched")
        }
    }

    private static func checkMemory(_ simulation: Simulation, _ node: Node) {
        let outputs = node.driver.open.compactMap { $0.unwritten }
        // What other nodes answer is kept as it comes, in buffers that grow, and what waits for the
        // store in buffers that are not full.
        let relayed = Inspection(of: node.engine).relayedClientCount
        let waiting = simulation.profile.hasNodes ? Int(node.engine.statistics.connections) : 0
        let slack = 4_096 + relayed * 32_768 + waiting * 16_384
        for complaint in MemoryBudgets.complaints(
            about: node.engine, outputs: outputs, slack: slack)
        {
            simulation.violate(.budget, complaint)
        }
    }

    // MARK: Output

    /// Checks the unread output against its three limits.
    private static func checkOutput(_ simulation: Simulation, _ node: Node) {
        let engine = node.engine
        let options = engine.options
        // The most that there ever was: what was sent again stays when its session has ended.
        simulation.replayBytesMost = max(
            simulation.replayBytesMost, Int(engine.statistics.replayBytes))
        let replayed = simulation.replayBytesMost + simulation.store.bytesTotal
        var unsent = 0
        // Those without a link have their clients at other nodes.
        let inspection = Inspection(of: engine)
        var slack = inspection.relayOriginCount * (longest(simulation) + framed(replayed))
        // What another node answers comes as fast as its window allows.
        slack += inspection.relayedClientCount * (256 << 10)
        for link in node.driver.open {
            guard let connection = link.connection else { continue }
            if !link.isCarrying || connection.unsentBytes == 0 { link.unchecked = nil }
            link.isCarrying = false
            guard connection.unsentBytes > 0 else { continue }
            unsent += connection.unsentBytes
            // Missed events are sent at once; the limits of the event store bound them.
            let more = longest(simulation) + (link.mayReplay ? framed(replayed) : 0)
            slack += more
            if simulation.profile.hasNodes { continue }
            expect(
                connection.unsentBytes <= framed(options.unsentBytesMax) + more,
                "unsent bytes of \(link.name)", simulation)
        }
        expect(
            engine.statistics.unsentBytes <= UInt64(options.totalUnsentBytesMax + slack),
            "all unsent bytes", simulation)
        // A session's bound is one for slow readers, not for a slow store.
        guard simulation.profile.isTight, !options.waitsForStore else { return }
        for session in Inspection(of: engine).sessions {
            checkOutput(of: session, replayed, simulation, node)
        }
    }

    private static func checkOutput(
        of session: ServerSession, _ replayed: Int, _ simulation: Simulation, _ node: Node
    ) {
        let engine = node.engine
        var unsent = 0
        var slack = longest(simulation)
        for connection in Inspection(of: engine).connections(of: session)
        where connection.unsentBytes > 0 {
            // The client of another node takes so much from it.
            guard Driver.hasLink(connection) else { continue }
            let link = Driver.link(of: connection)
            link.isCarrying = true
            link.unchecked = link.unchecked ?? connection.unsentBytes
            unsent += connection.unsentBytes
            slack += link.unchecked ?? 0
            slack += link.mayReplay ? framed(replayed) : 0
        }
        expect(
            unsent <= framed(engine.options.sessionUnsentBytesMax) + slack,
            "unsent bytes of a session", simulation)
    }

    /// The maximum length of `bytes` bytes of messages as events: unframed messages are counted
    /// without their frames, which have up to 75 bytes, and a message has at least 45.
    private static func framed(_ bytes: Int) -> Int { bytes + bytes / 45 * 75 }

    private static func expect(
        _ condition: Bool, _ what: @autoclosure () -> String, _ simulation: Simulation
    ) {
        if !condition {
            simulation.violate(.budget, "\(what()) went beyond the bound, or is wrong")
        }
    }

    /// Every request is answered, though sessions and their streams may still be open.
    static func checkNothingIsUnderWay(_ simulation: Simulation) {
        for node in simulation.nodes { checkNothingIsUnderWay(simulation, node) }
    }

    private static func checkNothingIsUnderWay(_ simulation: Simulation, _ node: Node) {
        let engine = node.engine
        if engine.statistics.requests > 0 { simulation.violate(.leftover, "requests") }
        let inspection = Inspection(of: engine)
        for session in inspection.sessions {
            if inspection.heldAnswers(of: session) > 0 {
                simulation.violate(.leftover, "answers held back")
            }
            if inspection.openRequests(of: session) > 0 {
                simulation.violate(.leftover, "request ids")
            }
            for call in inspection.openCalls(of: session) where !node.host.waits(for: call) {
                simulation.violate(.leftover, "call \(call.rawValue)")
            }
        }
        if engine.statistics.authorizations > 0 {
            simulation.violate(.leftover, "requests that nobody has allowed")
        }
    }

    /// Nothing is left of any client.
    static func checkNothingIsLeft(_ simulation: Simulation) {
        for node in simulation.nodes { checkNothingIsLeft(simulation, node) }
        if let left = simulation.store.leftover { simulation.violate(.leftover, left) }
    }

    private static func checkNothingIsLeft(_ simulation: Simulation, _ node: Node) {
        let engine = node.engine
        let inspection = Inspection(of: engine)
        let statistics = engine.statistics
        let left = [
            ("connections", statistics.connections), ("sessions", statistics.sessions),
            ("streams", statistics.streams), ("requests", statistics.requests),
            ("calls", statistics.calls), ("unsent bytes", statistics.unsentBytes),
            ("replay bytes", statistics.replayBytes),
            ("authorizations", statistics.authorizations),
            ("links", UInt64(node.driver.open.count)),
            ("bytes of requests", statistics.requestBytes),
            ("bytes of sessions", statistics.sessionBytes),
            ("listeners", UInt64(inspection.listenerCount)),
            ("requests that ask", UInt64(inspection.askingCount)),
            ("tags", UInt64(node.host.authorizer.tags.count)),
            ("watched resources", UInt64(engine.watchedResources.count)),
            ("shares", UInt64(inspection.shareCount)),
            ("clients of other nodes", UInt64(inspection.relayedClientCount)),
            ("clients at other nodes", UInt64(inspection.relayOriginCount)),
        ]
        for (what, count) in left where count > 0 {
            simulation.violate(.leftover, "\(count) \(what)")
        }
        if engine.nextDeadline != nil { simulation.violate(.leftover, "a deadline") }
        if inspection.hasWritable { simulation.violate(.leftover, "a connection with output") }
        if simulation.ledger.isClosing, !node.driver.hasReportedClosed {
            simulation.violate(.leftover, "the server has not closed")
        }
        if node.host.modern.isWaiting {
            simulation.violate(.parking, "the host waits for a modern client for ever")
        }
        if node.host.isWaiting { simulation.violate(.leftover, "the host waits for ever") }
    }
}
