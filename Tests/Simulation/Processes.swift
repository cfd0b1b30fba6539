import Engine

/// The part of the ledger about processes that end, and the sessions that outlive them.
extension Ledger {
    // MARK: Sessions

    /// The store is told of a session, of which one principal must be the owner for ever.
    func kept(_ wireID: String, for principal: String?) {
        guard let session = number(of: wireID) else {
            owners[wireID] = principal
            return
        }
        expect(
            sessions[session].principal == principal, .impostor,
            "session \(session) is kept for another principal")
    }

    /// A process has a session in memory, which is new or was found in the store.
    func isOpen(_ session: Int, isResumed: Bool, for principal: String?) {
        let book = sessions[session]
        expect(!book.hasEnded, .misconduct, "session \(session) goes on, and has ended")
        expect(
            book.isAsleep == isResumed, .misconduct,
            "session \(session) is \(isResumed ? "resumed" : "new") and is not")
        if isResumed {
            expect(
                book.principal == principal, .impostor,
                "session \(session) is resumed by another principal")
        }
        sessions[session].principal = principal
        sessions[session].isAsleep = false
        sessions[session].hasEnded = false
    }

    /// A process has closed a session: it has ended, or waits in the store.
    func closed(_ session: Int) {
        // Nobody goes on after the end of a run.
        guard simulation.store.has(sessions[session].wireID), !isClosing else {
            return ended(session)
        }
        expect(sessions[session].isOpen, .misconduct, "session \(session) was closed twice")
        sleeps([session])
    }

    /// The store has not heard of a session for long enough to forget it.
    func expired(_ wireID: String) {
        // At the end of a run a session ends with its process.
        guard let session = number(of: wireID), !sessions[session].hasEnded else { return }
        expect(
            sessions[session].isAsleep, .budget, "the store forgets a session that is in use")
        sessions[session].hasEnded = true
    }

    // MARK: Processes

    /// The process has ended. What the store has lost is as if it had never been.
    func processEnded(of node: Node) {
        if simulation.profile.hasNodes { return ended(node) }
        for (index, book) in sessions.enumerated() {
            let lives = simulation.store.has(book.wireID)
            // What has changed in the last second may not have been stored.
            if simulation.store.losses.sessions.contains(book.wireID)
                || simulation.now < book.lastSubscription + 1_000
            {
                sessions[index].subscribed = []
            }
            sessions[index].hasEnded = !lives
        }
        sleeps(Array(sessions.indices))
    }

    /// No process has these sessions in memory. What was to be sent to them is lost, unless the
    /// store has it.
    func sleeps(_ numbers: [Int]) {
        var stored: [String: Set<Int>] = [:]
        simulation.store.forEachMessage { wireID, message in
            let number = message.givenUp.flatMap { numberOfCancel[$0] } ?? message.number
            if let number { stored[wireID, default: []].insert(number) }
        }
        for session in numbers {
            let rest = stored[sessions[session].wireID] ?? []
            sessions[session].isAsleep = !sessions[session].hasEnded
            sessions[session].changesDue = [:]
            sessions[session].broadcastsDue.formIntersection(
                rest.union(sessions[session].broadcastsSeen))
            for number in promises.indices
            where !promises[number].hasArrived && home(of: promises[number].owner) == session
                && !rest.contains(number)
            {
                promises[number].isDue = false
            }
        }
    }

    /// The session that a message is for.
    func home(of owner: Owner) -> Int? {
        switch owner {
        case .request(let ticket): tickets[ticket].session
        case .primary(let session): session
        case .progress(_, let session): session
        case .everySession, .exchange, .modernProgress: nil
        }
    }

    /// Whether an error says that the process of a request has ended, or cut it.
    func isInterrupted(_ ticket: Ticket, _ message: Message) -> Bool {
        ticket.isGiven && mayBeInterrupted(ticket)
            && (message.isInterruption || message.errorCode == -32_800)
    }
}
