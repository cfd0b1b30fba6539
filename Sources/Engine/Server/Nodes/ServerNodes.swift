import Link
import Replay
import Session
import Wire

/// Several servers that share a store, each of which is a node. A session is one node's: requests
/// for it that arrive at another one are passed on.
extension ServerEngine {
    /// What another node tells this one's host or its clients.
    package enum Announcement {
        case publish(Change, uri: UnsafeRawBufferPointer)
        case broadcast(method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer)
    }

    // MARK: Inputs

    /// The answer to a look-up: another node has the session.
    package func found(_ load: LoadKey, at node: NodeID) throws(CallerFault) {
        guard let connection = parked[load], case .seeking = connection.exchange.state else {
            throw .notFound
        }
        enter {
            if node == options.node {
                return seekingFailed(load, on: connection, isLate: false)
            }
            connection.exchange.setPlace(node)
            endSeeking(load, on: connection, nil)
        }
    }

    /// A message of another node has arrived. Returns what the driver has to make known to the
    /// clients of this one.
    package func received(
        _ bytes: UnsafeRawBufferPointer, from node: NodeID
    ) -> Announcement? {
        guard let message = NodeMessage(bytes) else { return nil }
        return enter {
            switch message {
            case .request(let key, _, _) where shutdown.isClosing:
                kept.send(NodeMessage.moved(key).bytes, to: node)
            case .request(let key, let terms, let request):
                answer(request, for: RelayOrigin(key, at: node, terms))
            case .taken(let key, let count):
                guard let connection = relays.origin(key, at: node) else { break }
                connection.origin?.taken(count)
                passOn(from: connection)
                // The rest may have to wait for the store.
                if connection.outbox.untakenBytes > 0 { connections.noteWritable(connection) }
            case .hangUp(let key): hangUp(key, at: node)
            case .left(let key):
                guard let connection = relays.origin(key, at: node) else { break }
                connection.origin?.end()
                discard(connection)
            case .response(let key, let bytes): responseArrived(bytes, key, at: node)
            case .ended(let key, let keepsAlive): ended(key, at: node, keepsAlive: keepsAlive)
            case .moved(let key): moved(key, at: node)
            case .broken(let key):
                if let (connection, _) = relays.client(key, at: node) { lostNode(of: connection) }
            case .publish where shutdown.isClosing: break
            case .broadcast where shutdown.isClosing: break
            case .publish(let number, let uri):
                return Change(number: number).map { .publish($0, uri: uri) }
            case .broadcast(let method, let params):
                return .broadcast(method: method, params: params)
            case .over: _ = endExchanges(with: node)
            }
            return nil
        }
    }

    /// Messages to or from a node, or all nodes, may have been lost: what was under way is over.
    /// The other node may not know that yet.
    package func gone(_ node: NodeID?) {
        enter {
            guard endExchanges(with: node), let node else { return }
            kept.send(NodeMessage.over.bytes, to: node)
        }
    }

    /// Ends what is under way with a node, or all nodes; false if nothing is.
    private func endExchanges(with node: NodeID?) -> Bool {
        let clients = relays.clients(at: node)
        let origins = relays.origins(at: node)
        for connection in clients { lostNode(of: connection) }
        for connection in origins {
            connection.origin?.end()
            discard(connection)
        }
        return !clients.isEmpty || !origins.isEmpty
    }

    /// Another node has taken a session of this one.
    package func lost(_ id: SessionID) {
        guard let key = sessions.key(for: id), let session = sessions[key],
            !session.past.isReleased
        else { return }
        enter {
            core.log(.notice, "Another server has taken a session of this one")
            session.past.isReleased = true
            end(session, because: "Session ended", livesOn: true)
        }
    }

    /// Whether the store can be reached. What happened meanwhile is not known: sessions are stored
    /// anew, if they are still this node's.
    package func storeReached(_ isReached: Bool) {
        enter {
            let wasReached = relays.isReached
            relays.isReached = isReached
            guard isReached, !wasReached else { return }
            // To those that it could not tell.
            kept.send(NodeMessage.over.bytes, to: nil)
            for session in sessions.all { kept.keep(session, at: now) }
        }
    }

    // MARK: Announcements

    /// Tells other nodes of a change, for their clients.
    package func announce(_ change: Change, _ uri: UnsafeRawBufferPointer) {
        guard hasNodes else { return }
        enter { kept.send(NodeMessage.publish(change.number, uri: uri).bytes, to: nil) }
    }

    /// Passes a broadcast on to the other nodes.
    package func announce(
        method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) {
        guard hasNodes else { return }
        enter {
            kept.send(NodeMessage.broadcast(method: method, params: params).bytes, to: nil)
        }
    }

    // MARK: The node's end

    /// A server that drains is done with its sessions: other nodes go on with them, and their
    /// clients come back there.
    func releaseSessions() {
        guard hasNodes else { return }
        for session in sessions.all where session.state.isLive {
            if session.ledger.entries.openRequests > 0 || !session.held.requests.isEmpty {
                // The next node lets this one have what concerns them.
                session.past.isDraining = true
                kept.keep(session, at: now)
            }
            kept.release(session)
        }
        for connection in relays.clients(at: nil) {
            guard case .relayed(let relayed) = connection.exchange.state, relayed.isStream else {
                continue
            }
            kept.send(NodeMessage.hangUp(relayed.key).bytes, to: relayed.node)
        }
    }

    /// A client at another node is to come back elsewhere.
    private func hangUp(_ key: RelayKey, at node: NodeID) {
        guard let connection = relays.origin(key, at: node),
            case .primary(let session) = connection.exchange.state
        else { return }
        primaryLost(session, connection)
        hangUp(connection, retry: retry)
    }
}
