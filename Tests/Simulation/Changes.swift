/// The part of the ledger about changes that sessions are told of.
extension Ledger {
    // MARK: Subscriptions

    /// A client asks to be told of a resource, or not to be told any more.
    func subscribing(_ session: Int, _ uri: String, isNew: Bool) {
        guard simulation.profile.options.keepsSubscriptions else { return }
        sessions[session].lastSubscription = simulation.now
        if isNew {
            sessions[session].maySubscribe.insert(uri)
            guard simulation.profile.hasNodes else { return }
            // What has been published may still be on its way to the session's node.
            for (change, count) in simulation.modern.published
            where Ledger.concerns(change, [uri]) {
                sessions[session].changesPossible[change, default: 0] += count.count
            }
        } else {
            sessions[session].subscribed.remove(uri)
        }
    }

    /// It has its answer.
    func subscribed(_ ticket: Ticket, isError: Bool) {
        guard let session = ticket.session, let (uri, isNew) = ticket.subscription else { return }
        sessions[session].beingSubscribed.remove(uri)
        guard !isError, simulation.profile.options.keepsSubscriptions else { return }
        sessions[session].lastSubscription = simulation.now
        // A node that has found the session meanwhile may not know of it.
        let mayLack =
            simulation.profile.hasNodes && sessions[session].lastShared >= ticket.time
        if isNew {
            if !mayLack { sessions[session].subscribed.insert(uri) }
        } else {
            sessions[session].maySubscribe.remove(uri)
        }
    }

    // MARK: Publishing

    /// The host is about to publish a change.
    func publishing(_ change: Filter.Change) {
        for index in sessions.indices
        where sessions[index].isOpen || simulation.profile.hasNodes && !sessions[index].hasEnded {
            if Ledger.concerns(change, sessions[index].maySubscribe) {
                sessions[index].changesPossible[change, default: 0] += 1
            }
        }
    }

    /// Every session with a mailbox that is not full is told of it once more, at least.
    func published(_ change: Filter.Change, isDue: Bool, at node: Node) {
        for index in sessions.indices
        where isDue && sessions[index].isOpen && isOwner(node, of: index) {
            if Ledger.concerns(change, sessions[index].subscribed) {
                sessions[index].changesDue[change] = sessions[index].changesSeen[change] ?? 0
            }
        }
    }

    private static func concerns(_ change: Filter.Change, _ uris: Set<String>) -> Bool {
        guard case .resource(let uri) = change else { return true }
        return uris.contains(uri) || Filter.whole(of: uri).map { uris.contains($0) } ?? false
    }

    /// A session's client was told of a change.
    func received(_ change: Filter.Change, on stream: ClientStream) {
        count()
        guard case .primary(let session) = stream.channel else {
            return simulation.violate(.leak, "a change came on the stream of \(stream.channel)")
        }
        let seen = (sessions[session].changesSeen[change] ?? 0) + 1
        sessions[session].changesSeen[change] = seen
        let most = sessions[session].changesPossible[change] ?? 0
        let isMine = most > 0
        expect(
            seen <= most, isMine ? .duplication : .filter,
            "session \(session) was told of \(change), \(seen) of \(most) times")
    }

    func checkChanges(of session: Int) {
        for (change, before) in sessions[session].changesDue {
            let seen = sessions[session].changesSeen[change] ?? 0
            expect(
                seen > before, .loss,
                "session \(session) was not told of the newest change of \(change)")
        }
    }
}
