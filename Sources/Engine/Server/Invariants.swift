#if !hasFeature(Embedded)
    import Link
    import Replay
    import Session
    import Wire

    /// A rule that several objects keep together.
    package enum Invariant: String, CaseIterable, Sendable {
        /// The number of streams is that of the connections which carry one.
        case streamCount
        /// The number of records is that of the exchanges under way which have one.
        case recordCount
        /// The total of unsent bytes is what connections, backlogs and held answers add up to; a
        /// message that waits for several clients counts once.
        case unsentTotal
        /// The total of bytes that have arrived in part.
        case arrivingTotal
        /// The totals of open requests and calls, and of sessions.
        case requestTotal, sessionTotal
        /// A connection's exchange and the request or session that it serves name each other.
        case exchange
        /// A request of a session is in the table exactly if it is in the session's ledger.
        case requestLedger
        /// A call is in the table exactly if it is in its session's ledger, and, if it belongs to
        /// a request, in that request's list.
        case callLedger
        /// A held answer, the session that lists it and the connection that holds it agree.
        case fence
        /// A connection's timer is one that its exchange needs.
        case timer
        /// An exchange that waits for a verdict or a store is in the table of those that do.
        case parked
        /// A request whose client has gone has a deadline; no other has.
        case detached
        /// A listener and its connection name each other.
        case listeners
        /// A request that asks its client for something is in the table of those, and has a state
        /// and a deadline exactly while its client is to come back.
        case continuations
        /// A resource is watched by as many listeners and sessions as have subscribed to it, and
        /// waits exactly if the host is to be told of it.
        case watched
        /// An exchange that is passed on, or comes from another node, is in the table of those.
        case relays
        /// Shares add up to what belongs to their owners.
        case shares
        /// Whatever can be written, read or released is queued for it.
        case queues
        /// A recycled object shows nothing of its last use.
        case recycled
    }

    /// An invariant that does not hold, and where.
    package struct BrokenInvariant: CustomStringConvertible {
        package let invariant: Invariant
        package let detail: String

        package var description: String { "\(invariant.rawValue): \(detail)" }
    }

    extension ServerEngine {
        /// The invariants that do not hold. For tests: between inputs and commands all hold, and
        /// the library that ships does not have this.
        ///
        /// Recycled objects are compared by reflection, which takes longer than everything else.
        package func violations(checksRecycled: Bool = true) -> [BrokenInvariant] {
            var audit = Audit()
            let connections = self.connections.all
            for connection in connections { check(connection, &audit) }
            checkTotals(connections, &audit)
            for request in requests.all { check(request, &audit) }
            for (key, call) in requests.allCalls { check(key, call, &audit) }
            for session in sessions.all { check(session, &audit) }
            checkListeners(&audit)
            for request in continuations.all { checkTrip(of: request, &audit) }
            audit.expect(
                .continuations, continuations.waitingCount,
                continuations.all.count { $0.isParked })
            checkWatched(&audit)
            checkRelays(&audit)
            checkShares(connections, &audit)
            checkQueues(connections, &audit)
            guard checksRecycled else { return audit.broken }
            for difference in core.objects.differencesFromNew { audit.fail(.recycled, difference) }
            return audit.broken
        }

        // MARK: Totals

        private func checkTotals(_ connections: [ServerConnection], _ audit: inout Audit) {
            let carriers = connections.count { $0.exchange.isStreaming }
            audit.expect(.streamCount, self.connections.streamCount, carriers)
            let records = connections.count { $0.access?.isOpen ?? false }
            audit.expect(.recordCount, self.connections.recordCount, records)
            var texts: [ObjectIdentifier: (text: ByteBuffer, count: Int)] = [:]
            var unsent = 0
            for connection in connections {
                unsent += connection.unsentBytes - connection.outbox.backlogBytes
                _ = connection.outbox.forEachBuffer { _ in
                } waiting: { text in
                    texts[ObjectIdentifier(text), default: (text, 0)].count += 1
                    unsent += MemoryLayout<Backlog.Message>.stride
                }
            }
            for (text, count) in texts.values {
                unsent += text.heldBytes
                if text.backlogs != count { audit.fail(.unsentTotal, "a text's backlogs") }
            }
            audit.expect(.unsentTotal, self.connections.unsentBytes, unsent)
            audit.expect(
                .arrivingTotal, self.connections.arrivingBytes,
                connections.reduce(0) { $0 + $1.reader.countedBytes })
            for connection in connections {
                audit.expect(
                    .arrivingTotal, connection.reader.countedBytes, connection.reader.heldBytes)
            }
            let requestBytes = requests.all.reduce(0) { $0 + $1.heldBytes }
            let tripBytes = continuations.all.reduce(0) { $0 + ($1.trip?.heldBytes ?? 0) }
            let listenerBytes = listeners.all.reduce(0) { $0 + $1.heldBytes }
            let hostedBytes = checkHosted(connections, &audit)
            let batchBytes = connections.reduce(0) { sum, connection in
                sum + (connection.exchange.batch?.heldBytes ?? 0)
                    + (connection.exchange.relayed?.heldBytes ?? 0)
            }
            audit.expect(
                .requestTotal, requests.heldBytes,
                requestBytes + tripBytes + listenerBytes + batchBytes + hostedBytes
                    + watched.left.ofListeners + requests.callCount * OpenCall.heldBytes)
            var posted: [ObjectIdentifier: (text: ByteBuffer, count: Int)] = [:]
            var sessionBytes = watched.left.ofSessions
            for session in sessions.all {
                sessionBytes += session.heldBytes
                sessionBytes += session.mailbox.count * MemoryLayout<ByteBuffer>.stride
                _ = session.mailbox.heapBytes { text in
                    posted[ObjectIdentifier(text), default: (text, 0)].count += 1
                }
            }
            for (text, count) in posted.values {
                sessionBytes += text.heldBytes
                if text.mailboxes != count { audit.fail(.sessionTotal, "a text's mailboxes") }
            }
            audit.expect(.sessionTotal, sessions.heldBytes, sessionBytes)
        }

        // MARK: One of each

        private func check(_ connection: ServerConnection, _ audit: inout Audit) {
            let id = connection.id.index
            switch connection.exchange.state {
            case .request(let request):
                if request.connection !== connection {
                    audit.fail(.exchange, "the request of connection \(id) has another one")
                }
            case .primary(let session):
                if session.primary.connection != connection.id {
                    audit.fail(.exchange, "the session of connection \(id) has another primary")
                }
            case .listening(let listener):
                if listener.connection !== connection
                    || !listeners.all.contains(where: { $0 === listener })
                {
                    audit.fail(.exchange, "connection \(id) listens for nobody")
                }
            case .authorizing(let key):
                if parked[key] !== connection {
                    audit.fail(.parked, "connection \(id) waits for no verdict")
                }
            case .seeking(let load):
                if parked[load] !== connection {
                    audit.fail(.parked, "connection \(id) waits for no look-up")
                }
            case .relayed(let relayed): check(relayed, of: connection, &audit)
            case .closed:
                audit.fail(.exchange, "connection \(id) is closed, and in the table")
            case .hosted(let exchange): check(exchange, of: connection, &audit)
            case .idle, .receiving, .receivingOther, .refused, .loading, .finishing, .lingering:
                break
            }
            if connection.exchange.isStreaming != connection.exchange.state.isStreaming {
                audit.fail(.exchange, "connection \(id) does not know whether it streams")
            }
            if let load = connection.resumption?.load, parked[load] !== connection {
                audit.fail(.parked, "connection \(id) waits for no store")
            }
            checkTimer(of: connection, &audit)
            checkFence(of: connection, &audit)
        }

        private func checkFence(of connection: ServerConnection, _ audit: inout Audit) {
            // A client that has left for good takes its answer along, but not out of the queue.
            let waiting = connection.fence.requests.filter { $0.fence.answer != nil }
            for request in waiting where request.fence.holder !== connection {
                audit.fail(.fence, "a connection holds an answer of another one")
            }
            for request in waiting {
                let listed = request.session?.held.requests.contains { $0 === request }
                if listed == false { audit.fail(.fence, "a session does not list a held answer") }
            }
            let bytes = waiting.reduce(0) { $0 + $1.fence.heldBytes }
            audit.expect(.fence, connection.fence.heldBytes, bytes)
            if fences.isArmed(connection) != (connection.fence.nextRelease != nil) {
                audit.fail(.fence, "the timer of a fence")
            }
        }

        private func check(_ request: OpenRequest, _ audit: inout Audit) {
            if let connection = request.connection, connection.exchange.request !== request {
                audit.fail(.exchange, "the connection of a request serves another one")
            }
            let entry = request.session?.ledger.entries.find(request.id)
            if request.session != nil, entry != request.key {
                audit.fail(.requestLedger, "a request is not in its session's ledger")
            }
            for call in request.calls where requests[call: call]?.request !== request {
                audit.fail(.callLedger, "a call of a request is not in the table")
            }
            if request.fence.answer != nil || request.fence.index != nil {
                audit.fail(.fence, "an open request has an answer")
            }
            if requests.hasDeadline(request) != request.isDetached {
                if options.detached != nil { audit.fail(.detached, "a request's deadline") }
            }
            let isAway =
                request.connection == nil && !request.isParked && !request.policy.answersOnPrimary
            if request.isDetached != isAway {
                audit.fail(.detached, "a request with a client is detached, or one without is not")
            }
        }

        private func check(_ key: CallKey, _ call: OpenCall, _ audit: inout Audit) {
            if let session = call.session, !session.ledger.entries.openCalls.contains(key) {
                audit.fail(.callLedger, "a call is not in its session's ledger")
            }
            if let request = call.request, !request.calls.contains(key) {
                audit.fail(.callLedger, "a call is not in its request's list")
            }
        }

        private func check(_ session: ServerSession, _ audit: inout Audit) {
            for key in session.ledger.entries.requestKeys where requests[key]?.session !== session {
                audit.fail(.requestLedger, "a request of a ledger is not in the table")
            }
            for key in session.ledger.entries.openCalls
            where requests[call: key]?.session !== session {
                audit.fail(.callLedger, "a call of a ledger is not in the table")
            }
            if let id = session.primary.connection {
                let other = connections[id]?.exchange.primary
                if other !== session {
                    audit.fail(.exchange, "the connection of a primary serves another stream")
                }
            }
            for (index, request) in session.held.requests.enumerated()
            where request.fence.index != index || request.fence.answer == nil
                || request.fence.holder.map({ !$0.fence.requests.contains { $0 === request } })
                    ?? true
            {
                audit.fail(.fence, "a held answer of a session is not at a connection")
            }
        }

        // MARK: All together

        private func checkShares(_ connections: [ServerConnection], _ audit: inout Audit) {
            var sums: [ObjectIdentifier: (share: Share, sum: Share)] = [:]
            func add(_ share: Share?, _ change: (Share) -> Void) {
                guard let share else { return }
                let entry = sums[ObjectIdentifier(share)] ?? (share, Share())
                sums[ObjectIdentifier(share)] = entry
                change(entry.sum)
            }
            for connection in connections {
                add(connection.share) { $0.connections += 1 }
                add(connection.share) { $0.requestBytes += connection.hosted?.heldBytes ?? 0 }
                connection.exchange.relayed.map { relayed in
                    relayed.shares.forEach { add($0) { $0.requestBytes += relayed.heldBytes } }
                }
                guard let batch = connection.exchange.batch else { continue }
                batch.shares.forEach { add($0) { $0.requestBytes += batch.heldBytes } }
            }
            for session in sessions.all {
                let calls = session.ledger.entries.openCalls.count
                session.shares.forEach { share in
                    add(share) { sum in
                        sum.sessions += 1
                        sum.sessionBytes += session.heldBytes + session.mailbox.addedBytes
                        sum.idleSessions += session.mayGiveWay ? 1 : 0
                        sum.requestBytes += calls * OpenCall.heldBytes
                    }
                }
            }
            for request in requests.all {
                let calls = request.session == nil ? request.calls.count : 0
                request.shares.forEach { share in
                    add(share) { sum in
                        sum.requestBytes += request.heldBytes + calls * OpenCall.heldBytes
                        sum.detachedRequests += request.isDetached ? 1 : 0
                    }
                }
            }
            for request in continuations.all {
                request.shares.forEach { share in
                    add(share) { sum in
                        sum.requestBytes += request.trip?.heldBytes ?? 0
                        sum.parkedRequests += 1
                    }
                }
            }
            for listener in listeners.all {
                listener.shares.forEach { share in
                    add(share) { sum in
                        sum.requestBytes += listener.heldBytes
                        sum.listeners += 1
                    }
                }
            }
            for (share, sum) in sums.values {
                audit.expect(.shares, share.connections, sum.connections)
                audit.expect(.shares, share.sessions, sum.sessions)
                audit.expect(.shares, share.sessionBytes, sum.sessionBytes)
                audit.expect(.shares, share.idleSessions, sum.idleSessions)
                audit.expect(.shares, share.requestBytes, sum.requestBytes)
                audit.expect(.shares, share.detachedRequests, sum.detachedRequests)
                audit.expect(.shares, share.listeners, sum.listeners)
                audit.expect(.shares, share.parkedRequests, sum.parkedRequests)
                audit.expect(.shares, share.sum, 0)
            }
            audit.expect(.shares, shares.count, sums.count)
            audit.expect(.shares, sessions.idleCount, sessions.all.count { $0.mayGiveWay })
        }

        private func checkQueues(_ connections: [ServerConnection], _ audit: inout Audit) {
            let queued = Set(self.connections.writableNow.map { ObjectIdentifier($0) })
            for connection in connections {
                let isQueued = queued.contains(ObjectIdentifier(connection))
                if connection.isQueuedForWriting != isQueued {
                    audit.fail(.queues, "a connection is marked as writable, and is not queued")
                }
                checkNothingIsLeft(on: connection, &audit)
            }
            if !isSettled { audit.fail(.queues, "an input has ended with work left over") }
            let waiting = connections.count { connection in
                if case .authorizing = connection.exchange.state { true } else { false }
            }
            audit.expect(.parked, parked.verdictCount, waiting)
            audit.expect(
                .parked, parked.loadCount,
                connections.count { connection in
                    if case .seeking = connection.exchange.state { return true }
                    return connection.resumption?.load != nil
                })
        }

        /// Once a client has read everything, nothing is to come that would go on with these.
        private func checkNothingIsLeft(on connection: ServerConnection, _ audit: inout Audit) {
            guard connection.outbox.isDrained else { return }
            if connection.outbox.backlogBytes > 0, connection.resumption == nil {
                audit.fail(.queues, "a backlog is left that could be composed")
            }
            let waitsForHost = connections.readable.isHeld && connection.readableIndex >= 0
            if case .idle = connection.exchange.state, connection.reader.hasPipelined,
                !isTooFarAhead(connection), !waitsForHost
            {
                audit.fail(.queues, "pipelined bytes are left that could be read")
            }
        }
    }
#endif
