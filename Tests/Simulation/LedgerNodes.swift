import Engine

/// The part of the ledger about servers that share a store: a session is one node's at a time, and
/// goes to another one if that dies, seems to, or is done with it.
extension Ledger {
    private var hasNodes: Bool { simulation.profile.hasNodes }
    private var shared: SharedStore? { simulation.store as? SharedStore }

    // MARK: Sessions

    /// A node has a session in memory, which is new or was found in the store.
    func isOpen(_ session: Int, isResumed: Bool, for principal: String?, at node: Node) {
        guard hasNodes else { return isOpen(session, isResumed: isResumed, for: principal) }
        let book = sessions[session]
        expect(!book.hasEnded, .misconduct, "session \(session) goes on, and has ended")
        expect(
            (book.openings > 0) == isResumed, .misconduct,
            "session \(session) is \(isResumed ? "resumed" : "new") and is not")
        if isResumed {
            expect(
                book.principal == principal, .impostor,
                "session \(session) is resumed by another principal")
            if simulation.profile.restarts > 0 { sessions[session].subscribed = [] }
            sleeps([session])
        }
        for other in book.holders where other != node.process {
            expect(
                mayStillHold(book.wireID, other), .twins,
                "session \(session) has two nodes, and both may use it")
        }
        expect(
            !isResumed || shared?.owns(book.wireID, node) == true
                || mayStillHold(book.wireID, node.process), .twins,
            "session \(session) goes on at a node that does not own it")
        sessions[session].principal = principal
        sessions[session].isAsleep = false
        sessions[session].holders.insert(node.process)
        sessions[session].owner = node.process
        sessions[session].openings += 1
        sessions[session].lastShared = simulation.now
        // What was on its way to this node may have reached the one before.
        for (change, count) in simulation.modern.published {
            sessions[session].changesPossible[change, default: 0] += count.count
        }
    }

    /// Whether a process may have a session that another one owns: it does not know that yet.
    private func mayStillHold(_ wireID: String, _ process: Int) -> Bool {
        guard let node = simulation.nodes.first(where: { $0.process == process }),
            let line = shared?.line(of: node)
        else { return true }
        return node.isPaused || node.isDraining || line.isAway || line.seemsDead
            || line.lost[wireID] ?? 0 > 0 || line.mayHearOfLoss(of: wireID)
    }

    /// A node has closed a session: it has ended, or waits in the store.
    func closed(_ session: Int, at node: Node) {
        guard hasNodes else { return closed(session) }
        if sessions[session].holders.count > 1 { sessions[session].lastShared = simulation.now }
        expect(
            sessions[session].holders.remove(node.process) != nil, .misconduct,
            "session \(session) was closed twice")
        if sessions[session].holders.isEmpty { sleeps([session]) }
    }

    /// A node has told the store that a session has ended.
    func isForgetting(_ wireID: String) {
        guard let session = number(of: wireID) else { return }
        sessions[session].mayHaveEnded = true
    }

    /// The store has forgotten a session.
    func isForgotten(_ wireID: String) {
        guard let session = number(of: wireID) else { return }
        sessions[session].hasEnded = true
    }

    /// The process of a node has ended.
    func ended(_ node: Node) {
        for session in sessions.indices
        where sessions[session].holders.remove(node.process) != nil
            && sessions[session].holders.isEmpty
        {
            if !simulation.store.has(sessions[session].wireID) { sessions[session].hasEnded = true }
            sleeps([session])
        }
    }

    /// Whether a session has ended, or its node may have lost it.
    func mayHaveMoved(_ session: Int?) -> Bool {
        hasEnded(session) || session.map { hasNodes && sessions[$0].openings > 1 } ?? false
    }

    // MARK: Messages

    /// Whether what a node sends must arrive: it still owns the session.
    func isDue(_ owner: Owner, from node: Node) -> Bool {
        guard hasNodes, let session = home(of: owner) else { return true }
        return isOwner(node, of: session)
    }

    /// The newest primary stream of a session gets what is sent once it has begun (S-231).
    func checkNewest(_ number: Int, _ stream: ClientStream, _ session: Int) {
        guard hasNodes, let newest = stream.session?.primary, newest !== stream,
            let beginning = newest.beginning
        else { return }
        let isAlone = promises[number].isOwners && sessions[session].lastShared < beginning
        expect(
            !isAlone || promises[number].time <= beginning, .twins,
            "message \(number) came on a primary stream that another one has replaced")
    }

    func isOwner(_ node: Node, of session: Int) -> Bool {
        let book = sessions[session]
        return !hasNodes || book.owner == node.process && book.holders.contains(node.process)
    }

    /// Whether a broadcast may reach a session's client twice: it was on its way to several nodes
    /// when the session went from one to another.
    func mayComeTwice(_ number: Int, in session: Int) -> Bool {
        hasNodes && sessions[session].openings > 1
            && sessions[session].lastShared >= promises[number].time
    }

    /// Whether the process of a request may not answer it any more, or cannot.
    func mayBeInterrupted(_ ticket: Ticket) -> Bool {
        guard hasNodes else { return ticket.process < simulation.nodes[0].process || isStopping }
        guard let session = ticket.session, let node = node(of: ticket) else { return true }
        return node.isStopping || !isOwner(node, of: session)
            || sessions[session].openings > ticket.opening
    }

    /// The node whose host was given a request, if its process is still there.
    private func node(of ticket: Ticket) -> Node? {
        simulation.nodes.first { $0.process == ticket.process }
    }
}
