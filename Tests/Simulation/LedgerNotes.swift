import Engine

/// The part of the ledger about cancellations, and about notifications of clients.
extension Ledger {
    /// The host received the cancellation of a request.
    func wasCancelled(_ number: Int, because fault: CallerFault?, at node: Node) {
        let ticket = tickets[number]
        switch fault {
        case .cancelled:
            let isRight = ticket.session.map { sessions[$0].cancelledIDs.contains(ticket.id) }
            expect(isRight ?? false, .misconduct, "request \(number) was cancelled by nobody")
        case .disconnected:
            // Without a session nobody can resume, so the server does not wait for that.
            let isStateless = simulation.profile.options.isStateless
            let limit = isStateless ? 0 : simulation.profile.options.detached ?? .max
            expect(
                simulation.now - ticket.time >= limit, .misconduct,
                "request \(number) was given up too early")
            tickets[number].isGivenUp = true
        case .sessionEnded: break
        case .closed:
            expect(
                isClosing || node.isStopping, .misconduct,
                "request \(number) was cut by a server that is open")
        default: expect(false, .misconduct, "request \(number) was cancelled for no reason")
        }
    }

    // MARK: Notifications of clients

    func notified(in session: Int?, by principal: String?) -> Int {
        notes.append((session, principal, false))
        return notes.count - 1
    }

    func heard(_ note: Int, in session: Int?, by principal: String?) {
        expect(
            !notes[note].isHeard, simulation.profile.hasNodes ? .echo : .duplication,
            "the host heard notification \(note) twice")
        expect(notes[note].session == session, .leak, "notification \(note) in another session")
        expect(notes[note].principal == principal, .leak, "notification \(note) from another")
        notes[note].isHeard = true
    }

    /// The host was notified of a cancellation that arrived too late or matched no request.
    func heardLateCancel(in session: Int?, by principal: String?) {
        let isRight = session.map { !sessions[$0].cancelledIDs.isEmpty } ?? false
        expect(isRight, .misconduct, "a cancellation that nobody sent")
    }

    func accepted(_ note: Int) {
        expect(notes[note].isHeard, .loss, "notification \(note) was accepted and not delivered")
    }
}
