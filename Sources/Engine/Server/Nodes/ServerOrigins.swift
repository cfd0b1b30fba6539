import Link
import MCP
import Session
import Wire

/// The answering side of an exchange whose client is at another node: a connection without a
/// socket, whose output goes there.
extension ServerEngine {
    // MARK: Requests

    /// Answers a request whose client is at another node, which has admitted it and keeps the
    /// record of it.
    func answer(_ request: UnsafeRawBufferPointer, for origin: RelayOrigin) {
        guard relays.isFree(origin.key), connections.count < options.connectionsMax,
            let connection = connections.open(
                driver: ServerEngine.noDriver, share: nil, named: .unknown, at: now,
                isRecorded: false)
        else {
            core.counters.limitRefusals += 1
            core.log(.warning, "Refused a request of another server (connections_max)")
            return kept.send(NodeMessage.broken(origin.key).bytes, to: origin.node)
        }
        connection.setOrigin(origin)
        relays.add(connection, of: origin)
        read(request, from: connection)
        noteArriving(of: connection)
    }

    /// What a connection without a socket has instead of its driver's object.
    private static var noDriver: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: UInt.max).unsafelyUnwrapped
    }

    /// A head that another node has admitted has been read.
    func headArrived(
        _ head: RequestHead, for origin: RelayOrigin, on connection: ServerConnection
    ) {
        // A host says more of a user than a name, and each only to its own server.
        if gate.asksHost { return authorize(head, on: connection) }
        if let principal = origin.terms.principal {
            let expiry = origin.terms.expiresIn.map { now.advanced(byMilliseconds: $0) }
            connection.exchange.authorize(as: principal, until: expiry)
        }
        admit(head, on: connection)
    }

    /// Lets the other node ask somebody else: the session is not here, or not for long.
    func giveBack(_ connection: ServerConnection) {
        guard let origin = connection.origin else { return }
        origin.end()
        kept.send(NodeMessage.moved(origin.key).bytes, to: origin.node)
        discard(connection)
    }

    // MARK: Output

    /// Passes on what a connection without a socket has to write, as far as its client takes it.
    func passOn(from connection: ServerConnection) {
        guard let origin = connection.origin else { return }
        while !connection.isClosed, origin.room > 0 {
            guard var output = origin.pending ?? takeOutput(of: connection) else { break }
            origin.pending = nil
            let count = send(output, for: origin)
            if count < output.count {
                output.wait(behind: count)
                origin.pending = output
            }
            handedOver(count, on: connection)
            if origin.pending == nil { recycle(output) }
        }
        relays.noteSent()
        guard !connection.isClosed, origin.pending == nil, connection.outbox.isDrained,
            case .idle = connection.exchange.state
        else { return }
        end(origin, of: connection, keepsAlive: true)
    }

    /// Sends the other node as much of an output as it may get now. Returns how much that is.
    ///
    /// Small pieces go together: for the store a short message costs as much as a long one.
    private func send(_ output: Output, for origin: RelayOrigin) -> Int {
        var count = 0
        let part = ByteBuffer(capacity: min(output.count, origin.room, RelayOrigin.partBytes))
        output.forEachPiece { piece in
            var rest = piece.prefixBytes(origin.room - part.count)
            while rest.count > 0 {
                let fitting = rest.prefixBytes(RelayOrigin.partBytes - part.count)
                part.append(fitting)
                count += fitting.count
                rest = rest.dropBytes(fitting.count)
                if part.count == RelayOrigin.partBytes { send(part, for: origin) }
            }
        }
        if part.count > 0 { send(part, for: origin) }
        return count
    }

    private func send(_ part: ByteBuffer, for origin: RelayOrigin) {
        kept.send(NodeMessage.response(origin.key, part.bytes).bytes, to: origin.node)
        origin.sent(part.count)
        part.removeAll()
    }

    /// The response is complete: so is the connection.
    func end(_ origin: RelayOrigin, of connection: ServerConnection, keepsAlive: Bool) {
        origin.end()
        kept.send(
            NodeMessage.ended(origin.key, keepsAlive: keepsAlive).bytes, to: origin.node)
        discard(connection)
    }

    /// A connection without a socket has been removed.
    func closed(_ origin: RelayOrigin) {
        relays.remove(origin)
        guard !origin.hasEnded else { return }
        origin.end()
        kept.send(NodeMessage.broken(origin.key).bytes, to: origin.node)
    }
}
