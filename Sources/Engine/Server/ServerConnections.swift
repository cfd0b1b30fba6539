import MCP
import Session
import Wire

/// How a connection waits, ends its exchanges, and leaves; and what follows from that.
extension ServerEngine {
    func wait(_ wait: Connections.Wait, _ connection: ServerConnection) {
        connections.wait(wait, connection, at: now)
    }

    /// The driver reads nothing from a connection for now: that does not make its client late.
    package func readingPaused(on connection: ServerConnection) {
        connection.reader.pause()
    }

    /// The driver reads again, and the client has as long as it had.
    package func readingResumed(on connection: ServerConnection) {
        guard connection.reader.resume() else { return }
        if let wait = connections.currentWait(of: connection), wait.isForClient {
            self.wait(wait, connection)
        }
    }

    /// Changes the state of a connection's exchange.
    func move(_ connection: ServerConnection, to state: Exchange.State) {
        connections.move(connection, to: state)
    }

    func stopWaiting(_ connection: ServerConnection) {
        connections.stopWaiting(connection)
    }

    /// Never inlined: Swift 6.3.1's optimizer fails on it inside the loop that calls it.
    @inline(never)
    func waitIsOver(_ wait: Connections.Wait, _ connection: ServerConnection) {
        if connection.reader.isPaused, wait.isForClient { return self.wait(wait, connection) }
        switch wait {
        case .nextRequest, .hangUp, .drain:
            discard(connection)
        case .head, .body:
            guard case .receiving = connection.exchange.state else { return discard(connection) }
            connection.endAfterExchange()
            refuse(
                Refusal(.requestTimeout, .invalidRequest, "The request took too long to arrive"),
                connection)
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

    /// Forgets a connection, and has it closed. What it carried goes on without it.
    func discard(_ connection: ServerConnection) {
        guard !connection.isClosed else { return }
        let exchange = connections.close(connection, &core)
        if let load = connection.resumption?.load { loads[load] = nil }
        connection.resumption = nil
        shares.forget(connection.share)
        fences.releaseAll(of: connection)
        switch exchange {
        case .request(let request): clientLeft(request)
        case .primary(let session): primaryLost(session, connection)
        case .authorizing(let key): authorizations.remove(key)
        case .idle, .receiving, .refused, .loading, .finishing, .lingering, .closed: break
        }
        core.perform(.close(connection))
    }

    /// The last response of a connection has been written. Its client is left to hang up, since
    /// closing while it still sends could cost it the response; a server that closes cannot wait.
    func responded(on connection: ServerConnection) {
        guard !isClosing else { return discard(connection) }
        move(connection, to: .lingering)
        wait(.hangUp, connection)
        core.perform(.shutDown(connection))
    }

    /// Ends the stream that a connection carries; what it was part of may go on elsewhere. `last`
    /// writes what comes before the end.
    func endStream(on connection: ServerConnection, _ last: (ByteBuffer) -> Void = { _ in }) {
        guard !connection.isClosed else { return }
        if let resumption = connection.resumption {
            let end = ByteBuffer()
            last(end)
            resumption.end = end
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

    /// The exchange on a connection is over, and its response is queued as a whole.
    func exchangeEnded(on connection: ServerConnection) {
        guard !connection.isClosed else { return }
        guard connection.keepsAlive, !isClosing else {
            connections.endExchange(of: connection, .finishing, &core)
            return wait(isClosing ? .hangUp : .drain, connection)
        }
        connections.endExchange(of: connection, .idle, &core)
        wait(.nextRequest, connection)
        connections.noteReadable(connection)
        if connection.reader.hasEnded { closeIfRead(connection) }
    }

    /// Whether a client has sent more requests while it left too much of the answers unread.
    func isTooFarAhead(_ connection: ServerConnection) -> Bool {
        connection.unsentBytes > options.pipelinedBytesMax
    }
}
