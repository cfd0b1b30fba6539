import Engine
import Session
import Wire

/// The server's event loop: does with links what the runtime does with sockets.
final class Driver {
    private unowned let simulation: Simulation
    private unowned let node: Node
    private var links: [Link] = []
    private var isPumping = false
    private(set) var hasReportedClosed = false
    /// Whether the host's queue is full.
    private(set) var isHeld = false

    init(_ simulation: Simulation, _ node: Node) {
        self.simulation = simulation
        self.node = node
    }

    private var engine: ServerEngine { node.engine }

    /// The links that the engine knows.
    var open: [Link] { links }

    // MARK: Inputs

    func arrived(_ parcel: Lane.Parcel, on link: Link) {
        switch parcel {
        case .opening:
            link.hasArrived = true
            guard !node.isDown else { return link.down.fail() }
            let driver = Unmanaged.passUnretained(link).toOpaque()
            let opened = engine.connectionOpened(driver: driver, named: Watcher.peer(of: link))
            guard let connection = opened else { return link.down.fail() }
            link.connection = connection
            links.append(link)
        case .bytes(let bytes, _):
            guard let connection = link.connection else { return }
            simulation.watcher.received(bytes.count, on: link)
            return take(Array(bytes), from: connection)
        case .end:
            guard let connection = link.connection else { return }
            engine.readingEnded(on: connection)
        case .failure:
            guard let connection = link.connection else { return }
            engine.connectionLost(connection)
        }
        pump()
    }

    /// Passes received bytes to the engine. Their buffer is overwritten afterwards: at once or, if
    /// it was lent, after all effects.
    private func take(_ bytes: [UInt8], from connection: ServerConnection) {
        var bytes = bytes
        bytes.withUnsafeMutableBytes { bytes in
            engine.received(
                UnsafeRawBufferPointer(bytes), on: connection, lent: simulation.profile.lends)
            if simulation.profile.lends { pump() }
            for index in bytes.indices { bytes[index] = UInt8(ascii: "?") }
        }
        pump()
    }

    /// A message of another node.
    func received(_ bytes: [UInt8], from id: NodeID) {
        bytes.withUnsafeBytes { bytes in
            switch engine.received(bytes, from: id) {
            case .publish(let change, let uri):
                node.host.modern.heard(of: change, String(decoding: uri, as: UTF8.self))
            case .broadcast(let method, let params): node.host.heardBroadcast(method, params)
            case nil: break
            }
        }
        pump()
    }

    func deadlineReached() {
        node.isTouched = true
        engine.deadlineReached()
        // Pipelined requests that are read then may have a deadline that is now (responseHead 0).
        for _ in 0..<16 where isDue { engine.deadlineReached() }
        if isDue { simulation.violate(.hang, "a deadline is stuck") }
        pump()
    }

    private var isDue: Bool {
        engine.nextDeadline.map { $0.milliseconds <= simulation.now } ?? false
    }

    /// The process has ended; another one follows.
    func processEnded() {
        links = []
        hasReportedClosed = false
        isHeld = false
    }

    // MARK: Outputs

    /// Performs all effects. The engine is not active meanwhile, so the host may give any command.
    func pump() {
        guard !isPumping else { return }
        isPumping = true
        while let effect = engine.nextEffect() {
            node.isTouched = true
            perform(effect)
        }
        isPumping = false
    }

    /// The host's queue is full for a while, as it may be after any event.
    private func fall(behind event: HostEvent) {
        let isOfResource = event.kind == .resourceSubscribed || event.kind == .resourceUnsubscribed
        guard simulation.profile.isBehind, !isHeld, simulation.random.chance(isOfResource ? 30 : 3)
        else { return }
        isHeld = true
        engine.hold(true)
        node.after(Int64(1 + simulation.random.number(60))) { [self] in
            isHeld = false
            engine.hold(false)
            pump()
        }
    }

    /// Ends an iteration of the loop: one write per connection.
    func turn() {
        pump()
        repeat {
            while let connection = engine.nextWritable() {
                if !connection.hasEnded { flush(Driver.link(of: connection)) }
                pump()
            }
        } while endTurn()
    }

    private func endTurn() -> Bool {
        defer { pump() }
        return engine.endTurn()
    }

    /// Whether a connection has a client here, and not at another node.
    static func hasLink(_ connection: ServerConnection) -> Bool {
        UInt(bitPattern: connection.driver) != .max
    }

    static func link(of connection: ServerConnection) -> Link {
        Unmanaged<Link>.fromOpaque(connection.driver).takeUnretainedValue()
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .deliver(let event):
            let isModern = node.host.modern.concerns(event)
            simulation.sabotage.pass(event, isModern) { node.host.heard($0) }
            fall(behind: event)
        case .shutDown(let connection):
            if !connection.hasEnded { Driver.link(of: connection).down.send(.end) }
        case .close(let connection):
            close(Driver.link(of: connection))
        case .log:
            break
        case .store(let order):
            simulation.store.told(order, by: node)
        case .stopReading(let connection):
            Driver.link(of: connection).up.isHeldBack = true
        case .startReading(let connection):
            Driver.link(of: connection).up.isHeldBack = false
        case .closed:
            hasReportedClosed = true
            simulation.note("host  ← closed")
            simulation.serverClosed(node)
        }
    }

    private func flush(_ link: Link) {
        guard link.unwritten == nil, let connection = link.connection,
            var output = engine.takeOutput(of: connection)
        else { return }
        let count = min(output.count, link.room)
        hand(Array(output.bytes[..<count]), to: link)
        if count < output.count {
            output.wait(behind: count)
            link.unwritten = output
            engine.sent(count, on: connection)
        } else {
            engine.sent(count, on: connection)
            engine.recycle(output)
        }
    }

    private func hand(_ bytes: [UInt8], to link: Link) {
        simulation.watcher.handed(bytes, on: link)
        link.down.send(bytes[...])
    }

    /// Continues a write that the system did not take completely.
    func roomAppeared(on link: Link) {
        guard let output = link.unwritten, let connection = link.connection, link.room > 0
        else { return }
        let count = min(output.count, link.room)
        hand(Array(output.bytes[..<count]), to: link)
        if count < output.count {
            link.unwritten?.wait(behind: count)
        } else {
            link.unwritten = nil
        }
        engine.sent(count, on: connection)
        if link.unwritten == nil {
            link.unchecked = nil
            engine.recycle(output)
            flush(link)
        }
        pump()
    }

    /// Bytes in transit still arrive, or do not.
    private func close(_ link: Link) {
        simulation.watcher.closed(link)
        link.connection = nil
        link.unwritten = nil
        links.removeAll { $0 === link }
        link.up.cut()
        if simulation.isRough, simulation.random.chance(30) {
            link.down.fail()
        } else {
            link.down.send(.end)
        }
    }
}
