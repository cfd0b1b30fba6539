/// The final check of a run's ledger: every promised message has arrived, or its client knows why
/// not.
extension Ledger {
    /// Whether a client waits for an answer.
    var isWaiting: Bool {
        tickets.contains { $0.outcome == nil } || simulation.modern.isWaiting
    }

    func checkEverythingCame() {
        for (number, ticket) in tickets.enumerated() {
            expect(ticket.outcome != nil, .hang, "request \(number) never came to its end")
        }
        expect(
            simulation.nodes.allSatisfy { $0.host.waitsForNoRoom }, .hang,
            "the host never heard of room")
        checkPromises()
        simulation.modern.checkEverythingCame()
        for (number, session) in sessions.enumerated() where isWhole(number) {
            let missing = session.broadcastsDue.subtracting(session.broadcastsSeen).min()
            expect(missing == nil, .loss, "broadcast \(missing ?? 0) never came")
            checkChanges(of: number)
        }
    }

    /// Log lines, and progress that was followed by newer progress, may be missing if the server's
    /// counters report them as dropped.
    private func checkPromises() {
        var logs = 0
        var progress = 0
        for (number, promise) in promises.enumerated()
        where promise.isDue && !promise.hasArrived && !isExcused(promise.owner) {
            if promise.isLog {
                logs += 1
            } else if case .progress(let ticket, _) = promise.owner,
                tickets[ticket].newestProgress > number
            {
                progress += 1
            } else if case .modernProgress(let call) = promise.owner,
                simulation.modern.calls[call].newestProgress > number
            {
                progress += 1
            } else {
                expect(false, .loss, "message \(number) to \(promise.owner) never came")
            }
        }
        expect(logs <= simulation.drops.logs, .loss, "\(logs) log lines never came")
        expect(progress <= simulation.drops.progress, .loss, "progress never came")
    }

    /// Whether the client of an owner knows that it may have missed something.
    private func isExcused(_ owner: Owner) -> Bool {
        switch owner {
        case .request(let ticket): return hasGivenUp(ticket)
        case .primary(let session): return !isWhole(session)
        case .progress(let ticket, let session):
            // The primary carries it, if the client has opened that.
            let mayMiss = session.map { sessions[$0].isFollowed && !isWhole($0) } ?? false
            return mayMiss || hasGivenUp(ticket)
        case .everySession: return true
        case .exchange(let call), .modernProgress(let call):
            return simulation.modern.mayMiss(call)
        }
    }

    private func isWhole(_ session: Int) -> Bool {
        let book = sessions[session]
        return book.isFollowed && !book.mayMiss && !hasEnded(session)
    }

    private func hasGivenUp(_ ticket: Int) -> Bool {
        let outcome = tickets[ticket].outcome
        return outcome == .refused || outcome == .lost || hasEnded(tickets[ticket].session)
    }
}
