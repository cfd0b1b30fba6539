/// How a client handles responses, missing responses, and streams that end early.
extension Client {
    /// The session of a request.
    func session(of ticket: Int) -> ClientSession? { sessionOf[ticket] }

    // MARK: Sessions

    /// The head of a ticket's response arrived, perhaps with the complete response.
    func initialized(_ ticket: Int, _ wireID: String?, _ message: Message?) {
        if let wireID {
            guard ledger.tickets[ticket].isInitialize, let number = ledger.number(of: wireID) else {
                return simulation.violate(.misconduct, "a session that nobody has opened")
            }
            pending = ClientSession(wireID, number)
        }
        if let message { initialized(ticket, message) }
    }

    /// The answer to a ticket arrived.
    func initialized(_ ticket: Int, _ message: Message) {
        openTickets.removeAll { $0 == ticket }
        guard ledger.tickets[ticket].isInitialize else { return }
        isInitializing = false
        if isOld { pending = old.session(in: ledger) }
        let hasSession = pending != nil
        if hasSession != (message.errorCode == nil && !isStateless) {
            simulation.violate(.misconduct, "a session without success, or success without one")
        }
        session = pending
        pending = nil
        if isOld { initializedOld() }
        notify("notifications/initialized")
    }

    func sessionEnded(_ session: ClientSession) {
        if !ledger.hasEnded(session.number) {
            let isKept = simulation.profile.hasSessionStore
            simulation.violate(
                isKept ? .amnesia : .misconduct, "session \(session.number) was denied and lives")
        }
        session.primary = nil
        askInEnded(session)
        guard self.session === session else { return }
        if isOld { leaveOld() }
        self.session = nil
    }

    // MARK: Responses

    /// Whether the server may say that it cannot serve the client now.
    private var mayBeAway: Bool { ledger.isDraining || simulation.profile.hasSessionStore }

    /// Whether the node that has its session may be gone meanwhile.
    private var mayBeCut: Bool {
        simulation.profile.mayBeCut
    }

    /// A response arrived that contains neither a stream nor an answer.
    func responded(_ status: Int, to asked: ClientEnd.Asked) {
        if isOld, respondedOld(status, to: asked) { return }
        switch (asked, status) {
        case (.batch(let tickets, let notes, let session), _):
            responded(status, toBatch: tickets, notes, session)
        case (.ticket(let ticket), _):
            openTickets.removeAll { $0 == ticket }
            ledger.refused(ticket, status)
            if ledger.tickets[ticket].isInitialize { isInitializing = false }
            if status == 404, let session = sessionOf[ticket] { sessionEnded(session) }
        case (.note(let note, _), 202): ledger.accepted(note)
        case (.note(_, let session?), 404): sessionEnded(session)
        case (.note, 502) where mayBeCut, (.delete, 502) where mayBeCut: break
        case (.primary(let stream), 502) where mayBeCut: lostPrimary(stream)
        case (.delete(let session), 204), (.delete(let session), 404): sessionEnded(session)
        case (.primary(let stream), 404): sessionEnded(stream.session!)
        case (.primary(let stream), 503) where mayBeAway: withoutPrimary(stream)
        case (.note, 503) where mayBeAway, (.delete, 503) where mayBeAway: break
        case (.resume(let stream), _): resumed(stream, status)
        case (.ended, 404): break
        case (.ended, _) where simulation.profile.restarts > 0 || ledger.isClosing: break
        case (.foreign, 400...), (.other, _), (_, 408): break
        default: simulation.violate(.misconduct, "\(status) in response to \(asked)")
        }
    }

    /// A request was not authorized: it is repeated with other credentials, or given up.
    func denied(_ asked: ClientEnd.Asked) {
        if isOld, deniedOld(asked) { return }
        switch asked {
        case .ticket(let ticket):
            openTickets.removeAll { $0 == ticket }
            ledger.denied(ticket)
            if ledger.tickets[ticket].isInitialize { isInitializing = false }
        case .batch(let tickets, let notes, _):
            for ticket in tickets { denied(.ticket(ticket)) }
            for note in notes { ledger.denied(note: note) }
        case .note(let note, _): ledger.denied(note: note)
        case .oldStream(let stream): lostOld(stream)
        case .primary(let stream): withoutPrimary(stream)
        case .resume(let stream): comeBack(for: stream)
        case .delete, .other, .foreign, .ended: break
        }
    }

    /// The client's attempt to resume a stream got no stream.
    private func resumed(_ stream: ClientStream, _ status: Int) {
        switch status {
        case 204 where stream.hasAnswer: break
        case 204: simulation.violate(.loss, "nothing is left of \(stream.channel), and no answer")
        case 400
        where simulation.profile.mayForget || ledger.hasEnded(stream.session?.number)
            || simulation.store.hasLost(stream.lastID)
            // An answer that a fence holds when its session goes elsewhere is sent, and not stored.
            || simulation.profile.hasNodes && stream.hasAnswer:
            guard let ticket = stream.ticket else {
                return simulation.violate(.loss, "a primary stream was refused")
            }
            if !stream.hasAnswer { ledger.lost(ticket) }
        case 404:
            sessionEnded(stream.session!)
            if let ticket = stream.ticket, !stream.hasAnswer { ledger.lost(ticket) }
        case 502 where mayBeCut: comeBack(for: stream, after: 100)
        case 503 where mayBeAway || simulation.profile.hasHostStore && stream.ticket != nil:
            comeBack(for: stream, after: 1_000)
        default: simulation.violate(.loss, "\(status) for what is left of \(stream.channel)")
        }
    }

    /// No response will arrive.
    func unanswered(_ asked: ClientEnd.Asked) {
        if isOld, unansweredOld(asked) { return }
        switch asked {
        case .ticket(let ticket):
            openTickets.removeAll { $0 == ticket }
            ledger.lost(ticket)
            if ledger.tickets[ticket].isInitialize {
                isInitializing = false
                pending = nil
            }
        case .batch(let tickets, _, _):
            for ticket in tickets { unanswered(.ticket(ticket)) }
        case .oldStream(let stream): lostOld(stream)
        case .primary(let stream): lostPrimary(stream)
        case .resume(let stream): comeBack(for: stream)
        case .note, .delete, .other, .foreign, .ended: break
        }
    }

    // MARK: Streams

    func openPrimary() {
        guard let session else { return }
        let old = session.primary
        let stream = ClientStream(.primary(session.number), session)
        session.primary = stream
        if let old {
            ledger.mayMiss(session.number)
            // The server ends it, wherever the two connections are. Of two that are asked for at
            // once either may be the newest.
            let isLeft = !simulation.profile.hasNodes || simulation.random.chance(50)
            for end in ends where end.carries(old) && (isLeft || end.stream !== old) {
                end.leave(isHeard: simulation.random.chance(50))
            }
        }
        ledger.follows(session.number)
        var request = Request()
        request.method = "GET"
        request.session = session.wireID
        send(request, .primary(stream))
    }

    /// The primary stream is gone, and the client has no position in it.
    private func lostPrimary(_ stream: ClientStream) {
        if let session = stream.session, session.primary === stream {
            ledger.mayMiss(session.number)
        }
        withoutPrimary(stream)
    }

    /// The client has no primary stream; sooner or later it opens one.
    private func withoutPrimary(_ stream: ClientStream) {
        guard let session = stream.session, session.primary === stream else { return }
        session.primary = nil
        guard simulation.isSettling, !ledger.isClosing else { return }
        simulation.after(500) { [self] in
            if session === self.session, session.primary == nil { openPrimary() }
        }
    }

    /// A stream has ended, or its connection has.
    func left(_ stream: ClientStream) {
        if isOld { return lostOld(stream) }
        if let ticket = stream.ticket {
            let isContent = simulation.random.chance(simulation.profile.restarts > 0 ? 60 : 90)
            if stream.hasAnswer, isContent { return }
            guard stream.lastID == nil else { return comeBack(for: stream) }
            if !stream.hasAnswer { unanswered(.ticket(ticket)) }
        } else if stream.session?.primary === stream {
            if stream.lastID != nil, !simulation.isBusy || simulation.random.chance(90) {
                comeBack(for: stream)
            } else {
                lostPrimary(stream)
            }
        }
    }

    /// The client resumes a stream after the last id that it received.
    private func comeBack(for stream: ClientStream, after least: Int64 = 0) {
        guard !simulation.isLeaving, !ledger.isClosing else {
            if let ticket = stream.ticket, !stream.hasAnswer { ledger.lost(ticket) }
            return
        }
        let pause = stream.retry ?? simulation.random.pick([0, 10, 500, 3_000])!
        simulation.after(max(pause, least)) { [self] in
            if stream.ticket == nil, stream.session?.primary !== stream { return }
            var request = Request()
            request.method = "GET"
            request.session = stream.session!.wireID
            request.lastEventID = stream.lastID
            send(request, .resume(stream))
        }
    }

    // MARK: The end

    /// Starts nothing new, breaks nothing, and reads what is left to be read.
    func settle() {
        for end in ends where end.isIdle { end.leave(isHeard: true) }
        if session != nil, session?.primary == nil, !isStateless, !isOld { openPrimary() }
    }

    /// Leaves for good, in one of several ways.
    func leave() {
        if let session, simulation.random.chance(30) {
            delete(session)
            simulation.after(1_000) { [self] in vanish() }
        } else {
            vanish()
        }
    }

    private func vanish() {
        for end in ends { end.leave(isHeard: simulation.random.chance(50)) }
    }
}
