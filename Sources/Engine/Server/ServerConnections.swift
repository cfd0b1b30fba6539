import Link
import MCP
import Session
import Wire

/// Connections: how they open, time out, end their exchanges and close.
extension ServerEngine {
    // MARK: Opening

    func open(
        driver: UnsafeMutableRawPointer, from peer: PeerAddress?, named name: PeerName
    ) -> ServerConnection? {
        let share = shares.share(of: peer)
        let connectionsMax = min(options.connectionsMax, options.descriptorsMax)
        guard connections.count < options.connectionsMax,
            share?.connections ?? 0 < options.addressShare(of: connectionsMax)
        else {
            core.counters.limitRefusals += 1
            let line = core.line(
                .warning, "Closed a new connection: ",
                connections.count < options.connectionsMax
                    ? ("an address has its share (address_share_percent)" as StaticString).rawBytes
                    : ("there are as many as there may be (connections_max)" as StaticString)
                        .rawBytes)
            if let line {
                line.peer = name.text
                core.perform(.log(line))
            }
            shares.forget(share)
            return nil
        }
        let connection = connections.open(driver: driver, share: share, named: name, at: now)
        if connection != nil { core.counters.connectionsTotal += 1 }
        return connection
    }

    /// New connections have to wait, because the system has no descriptor for them.
    package func acceptingPaused(_ reason: UnsafeRawBufferPointer) {
        core.counters.acceptPauses += 1
        core.log(
            .warning, "New clients wait; raise RLIMIT_NOFILE or lower connections_max: ", reason)
    }

    // MARK: Socket

    /// A client has read a part of its output: its time-out for the rest starts again.
    func readSlowly(_ connection: ServerConnection) {
        switch connection.exchange.state {
        case .finishing where !shutdown.isClosing: wait(.drain, connection)
        case .idle: wait(.nextRequest, connection)
        case .hosted: wait(.drain, connection)
        case .relayed(let relayed): noteTaken(of: relayed, by: connection)
        default: break
        }
    }

    /// A client's socket has taken all output.
    @inline(__always)
    func drained(_ connection: ServerConnection) {
        fences.drained(connection, at: now)
        switch connection.exchange.state {
        case .finishing: responded(on: connection)
        case .idle:
            connections.readable.add(connection)
            if connection.outbox.isSlow { wait(.nextRequest, connection) }
        case .hosted(let exchange): drained(exchange, on: connection)
        case .relayed(let relayed): noteTaken(of: relayed, by: connection)
        default: if roomWaits > 0 { noteRoom(on: connection) }
        }
        connection.outbox.forgetSlowness()
    }

    /// Closes a connection whose client has closed its sending direction, if nothing is left to
    /// answer.
    func closeIfRead(_ connection: ServerConnection) {
        guard connection.reader.hasEnded, !connection.reader.hasPipelined else { return }
        switch connection.exchange.state {
        case .idle where connection.unsentBytes > 0:
            move(connection, to: .finishing)
            wait(shutdown.isClosing ? .hangUp : .drain, connection)
        case .idle, .receiving, .receivingOther, .refused, .lingering: discard(connection)
        case .authorizing, .seeking, .relayed, .hosted, .request, .primary, .listening, .loading,
            .finishing, .closed:
            break
        }
    }

    /// Reads pipelined requests, once the previous ones are answered and the answers read, except
    /// at most `pipelinedBytesMax` bytes.
    func readPipelined(on connection: ServerConnection) {
        guard !isTooFarAhead(connection), let bytes = connection.reader.takePipelined() else {
            return
        }
        withExtendedLifetime(bytes) { read(bytes.bytes, from: connection, isStored: true) }
        if case .idle = connection.exchange.state { connections.readable.add(connection) }
        noteArriving(of: connection)
        closeIfRead(connection)
    }

    // MARK: Timers

    @_optimize(speed)
    func wait(_ wait: Connections.Wait, _ connection: ServerConnection) {
        connections.wait(wait, connection, at: now)
    }

    /// The driver has paused reading from a connection. Its client cannot be late meanwhile.
    package func readingPaused(on connection: ServerConnection) {
        connection.reader.pause()
    }

    /// The driver reads again: the client's time-out starts anew.
    package func readingResumed(on connection: ServerConnection) {
        guard connection.reader.resume() else { return }
        if let wait = connections.currentWait(of: connection), wait.isForClient {
            self.wait(wait, connection)
        }
    }

    /// Changes the state of a connection's exchange.
    @_optimize(speed)
    func move(_ connection: ServerConnection, to state: Exchange.State) {
        connections.move(connection, to: state)
    }

    @_optimize(speed)
    func stopWaiting(_ connection: ServerConnection) {
        connections.stopWaiting(connection)
    }

    /// Never inlined: Swift 6.3.1's optimizer fails on it inside the loop that calls it.
    @inline(never)
    func waitIsOver(_ wait: Connections.Wait, _ connection: ServerConnection) {
        if connection.reader.isPaused, wait.isForClient { return self.wait(wait, connection) }
        switch wait {
        case .nextRequest, .hangUp, .drain:
            if case .hosted = connection.exchange.state { core.counters.slowConnections += 1 }
            discard(connection)
        case .head, .body:
            switch connection.exchange.state {
            case .receiving, .receivingOther: break
            default: return discard(connection)
            }
            connection.endAfterExchange()
            refuse(.requestTimeout, connection)
            noteArriving(of: connection)
        case .responseHead:
            guard case .request(let request) = connection.exchange.state else { return }
            beginStream(of: request, on: connection)
        case .keepAlive:
            keepAlive(connection)
        case .load:
            loadFailed(on: connection)
        case .authorization:
            authorizationIsLate(on: connection)
        }
    }

    /// Removes a connection, and has it closed. Its request or session continues without it.
    func discard(_ connection: ServerConnection) {
        guard !connection.isClosed else { return }
        let records = takeRecords(of: connection)
        dropBatch(of: connection)
        let exchange = connections.close(connection, &core)
        parked.endLoad(of: connection)
        keptOutput.forget(connection)
        shares.forget(connection.share)
        fences.releaseAll(of: connection)
        switch exchange {
        case .request(let request): clientLeft(request)
        case .primary(let session): primaryLost(session, connection)
        case .listening(let listener): forget(listener)
        case .authorizing(let key): parked.take(key)
        case .seeking(let load):
            parked.end(load)
            if let relayed = connection.exchange.takeReturned() { release(relayed) }
        case .relayed(let relayed): clientLeft(relayed)
        case .hosted(let hosted): lost(hosted)
        case .idle, .receiving, .receivingOther, .refused, .loading, .finishing, .lingering,
            .closed:
            break
        }
        if connection.diversion == nil { for record in records { deliver(record) } }
        releaseTag(of: connection)
        if let origin = connection.origin { return closed(origin) }
        core.perform(.close(connection))
    }

    /// The last response of a connection has been written. Waits until the client closes, since
    /// closing while it still sends could lose the response; a server that is closing does not
    /// wait.
    func responded(on connection: ServerConnection) {
        if let origin = connection.origin {
            return end(origin, of: connection, keepsAlive: false)
        }
        guard !shutdown.isClosing else { return discard(connection) }
        move(connection, to: .lingering)
        wait(.hangUp, connection)
        core.perform(.shutDown(connection))
    }

    /// Ends the stream that a connection carries; its request or session may continue elsewhere.
    /// `last` writes what comes before the end.
    func endStream(on connection: ServerConnection, _ last: (ByteBuffer) -> Void = { _ in }) {
        guard !connection.isClosed else { return }
        if let resumption = connection.resumption {
            resumption.end(last)
            move(connection, to: .loading)
            return
        }
        connections.composeBacklog(of: connection, &core, atMost: .max)
        move(connection, to: .finishing)
        write(to: connection) { output in
            last(output)
            output.endBody(connection.exchange.framing)
        }
        exchangeEnded(on: connection)
    }

    /// The exchange on a connection is over, and its response is queued completely.
    @_optimize(speed)
    func exchangeEnded(on connection: ServerConnection) {
        guard !connection.isClosed else { return }
        if connection.exchange.batch != nil { dropBatch(of: connection) }
        if let access = connection.access { endRecord(in: access, of: connection) }
        guard keepsAlive(connection) else {
            connections.endExchange(of: connection, .finishing, &core)
            return wait(shutdown.isClosing ? .hangUp : .drain, connection)
        }
        connections.endExchange(of: connection, .idle, &core)
        wait(.nextRequest, connection)
        connections.readable.add(connection)
        if connection.reader.hasEnded { closeIfRead(connection) }
    }

    /// Whether a client leaves more than `pipelinedBytesMax` bytes of output unread: then no
    /// further pipelined request is read.
    func isTooFarAhead(_ connection: ServerConnection) -> Bool {
        connection.unsentBytes > options.pipelinedBytesMax
    }
}
