import Session

/// A session from its client's point of view.
final class ClientSession {
    let wireID: String
    let number: Int
    var primary: ClientStream?

    init(_ wireID: String, _ number: Int) {
        self.wireID = wireID
        self.number = number
    }
}

/// A client that acts at random, and resumes the streams that it has lost.
final class Client {
    unowned let simulation: Simulation
    let revision: String
    /// Whether it uses the transport of 2024-11-05.
    let isOld: Bool
    /// What it knows of its stream, if it is such a client.
    var old = OldStream()
    /// The principal in whose name it sends requests; nil without authorization.
    let principal: String?
    private(set) var ends: [ClientEnd] = []
    var session: ClientSession?
    /// The session whose `initialize` is being answered.
    var pending: ClientSession?
    var isInitializing = false
    /// The sessions of open requests, by ticket.
    private(set) var sessionOf: [Int: ClientSession] = [:]
    var openTickets: [Int] = []

    init(_ simulation: Simulation) {
        self.simulation = simulation
        isOld = simulation.profile.options.oldPath != nil && simulation.random.chance(40)
        let revisions = ["2025-03-26", "2025-06-18", "2025-11-25", "2025-11-25"]
        revision = isOld ? "2024-11-05" : simulation.random.pick(revisions)!
        principal =
            simulation.profile.authorizes ? simulation.random.pick(["alice", "bob", "carol"]) : nil
    }

    var ledger: Ledger { simulation.ledger }
    private func number(_ bound: Int) -> Int { simulation.random.number(bound) }
    private func chance(_ percent: Int) -> Bool { simulation.random.chance(percent) }
    var isStateless: Bool { simulation.profile.options.isStateless }

    /// Connections on which a stream is being read.
    var reading: [ClientEnd] { ends.filter { $0.stream != nil } }

    // MARK: Acting

    func think() {
        guard simulation.isBusy else { return }
        act()
        let pause = [0, 0, 5, 50, 300, 1_000, 3_000][number(7)]
        simulation.after(Int64(pause)) { [self] in think() }
    }

    private func act() {
        if isOld, session == nil { return beginOld() }
        if session == nil, !isStateless {
            if !isInitializing {
                isInitializing = true
                ask("initialize")
            }
            if chance(70) { return }
        }
        switch number(20) {
        case 0...2: hasBatches ? sendBatch() : ask("tools/call")
        case 3...8: ask("tools/call")
        case 9: notify("notifications/note")
        case 10, 11:
            if isOld { return }
            if session?.primary == nil || simulation.isRough && chance(5) { openPrimary() }
        case 12: cancel()
        case 13...16: if simulation.isRough { disturb() }
        case 17: misbehave()
        case 18: chance(40) ? ask("ping") : subscribe()
        default: if let session, chance(5), !isOld || openTickets.isEmpty { delete(session) }
        }
    }

    /// Asks to be told of a resource, or not to be told any more; one thing at a time.
    private func subscribe() {
        if let (method, subscription) = newSubscription() { ask(method, subscription) }
    }

    func newSubscription() -> (method: String, (uri: String, isNew: Bool))? {
        guard let session, !isStateless,
            let uri = simulation.random.pick(Filter.resources),
            ledger.sessions[session.number].beingSubscribed.insert(uri).inserted
        else { return nil }
        let isNew = chance(70)
        return (isNew ? "resources/subscribe" : "resources/unsubscribe", (uri, isNew))
    }

    func ask(_ method: String, _ subscription: (uri: String, isNew: Bool)? = nil) {
        let (ticket, members) = newTicket(method, subscription)
        var request = Request()
        request.session = sessionOf[ticket]?.wireID
        request.members = members
        request.isChunked = chance(10)
        request.isHTTP10 = !request.isChunked && chance(4)
        request.closes = chance(4)
        request.expectsContinue = chance(3)
        send(request, .ticket(ticket))
    }

    /// Enters a request in the ledger, and returns the members of its message. One of a batch is in
    /// the client's session, as all of it.
    func newTicket(
        _ method: String, _ subscription: (uri: String, isNew: Bool)? = nil, inBatch: Bool = false
    ) -> (ticket: Int, members: String) {
        let isInitialize = method == "initialize"
        let ticket = ledger.tickets.count
        let repeated = subscription == nil && !isOld && chance(3) ? openTickets.first : nil
        let id =
            repeated.map { ledger.tickets[$0].id } ?? (chance(10) ? "\"\(ticket)\"" : "\(ticket)")
        let isAstray =
            subscription == nil && !isInitialize && !isStateless && !isOld && !inBatch
            && (session == nil || chance(1))
        let session = isInitialize || isAstray ? nil : session
        ledger.asked(
            Ledger.Ticket(
                session: session?.number, id: id, isInitialize: isInitialize,
                isEngines: simulation.profile.options.greeting != nil
                    && (isInitialize || method == "ping")
                    || subscription != nil && simulation.profile.options.keepsSubscriptions,
                subscription: subscription,
                isImproper: repeated != nil || isAstray, isInBatch: inBatch,
                principal: principal, time: simulation.now))
        if let session, let (uri, isNew) = subscription {
            ledger.subscribing(session.number, uri, isNew: isNew)
        }
        if let repeated { ledger.repeated(repeated) }
        openTickets.append(ticket)
        sessionOf[ticket] = session
        let params =
            isInitialize
            ? "\"t\":\(ticket),\"protocolVersion\":\"\(revision)\",\"capabilities\":{}"
            : (subscription.map { "\"uri\":\"\($0.uri)\"," } ?? "")
                + "\"t\":\(ticket),\"_meta\":{\"progressToken\":\(ticket)}"
        return (ticket, "\"id\":\(id),\"method\":\"\(method)\",\"params\":{\(params)}")
    }

    func notify(_ method: String, on end: ClientEnd? = nil) {
        guard session != nil || isStateless else { return }
        let note = ledger.notified(in: session?.number, by: principal)
        var request = Request()
        request.session = session?.wireID
        request.members = "\"method\":\"\(method)\",\"params\":{\"n\":\(note)}"
        send(request, .note(note, session: session), on: end)
    }

    /// Sends many messages at once without waiting for responses.
    private func hurry() {
        let end = connect()
        for _ in 0..<12 { notify("notifications/note", on: end) }
    }

    private func cancel() {
        guard let session, let members = newCancellation() else { return }
        var request = Request()
        request.session = session.wireID
        request.members = members
        send(request, .other)
    }

    /// The members of a message that cancels one of its requests; nil if it has none.
    func newCancellation() -> String? {
        guard let ticket = simulation.random.pick(openTickets), sessionOf[ticket] === session,
            session != nil, !ledger.tickets[ticket].isInitialize
        else { return nil }
        ledger.cancelled(ticket)
        return "\"method\":\"notifications/cancelled\","
            + "\"params\":{\"requestId\":\(ledger.tickets[ticket].id)}"
    }

    func delete(_ session: ClientSession) {
        if isOld { return leaveOld() }
        var request = Request()
        request.method = "DELETE"
        request.session = session.wireID
        self.session = nil
        ledger.mayMiss(session.number)  // It may be lost, and then the session lives.
        send(request, .delete(session))
    }

    /// The server has called the client, which mostly answers.
    func asked(_ message: Message, _ session: ClientSession?) {
        guard let id = message.id, chance(90) else { return }
        simulation.after(Int64(number(2_000))) { [self] in
            var request = Request()
            request.session = session?.wireID
            request.members = "\"id\":\(chance(95) ? id : "\"\(id)\""),\"result\":{}"
            if hasBatches, session === self.session, chance(50) {
                return sendBatch(ofResponse: request.members!)
            }
            send(request, .other)
            if chance(5) { send(request, .other) }
        }
    }

    // MARK: Trouble

    private func disturb() {
        guard let end = simulation.random.pick(ends) else { return }
        switch number(5) {
        case 0: end.leave(isHeard: chance(60))
        case 1: end.halfClose()
        case 2:
            let pause = [100, 2_000, 20_000, 60_000][number(4)]
            simulation.note("\(end.link.name)    stalls for \(pause) ms")
            end.link.down.stall(until: simulation.now + Int64(pause))
        case 3: hurry()
        default:
            // It resumes its stream before the server knows that the connection is gone.
            if end.stream != nil { end.leave(isHeard: false) }
        }
    }

    private func misbehave() {
        switch number(simulation.profile.storeLies ? 10 : 7) {
        case 7...9: goAstray()
        case 6: sendBadBatch()
        case 0: connect().send(nonsense: "nonsense")
        case 1: connect().send(nonsense: "POST /mcp HTTP/1.1")
        case 2:
            var request = Request()
            request.session = String(repeating: "0", count: 32)
            request.members = "\"id\":1,\"method\":\"tools/call\""
            if !isStateless { send(request, .foreign) }
        case 3: trespass()
        default:
            guard let session, let id = simulation.placeOfAnother(than: session) else { return }
            var request = Request()
            request.method = "GET"
            request.session = session.wireID
            request.lastEventID = id
            send(request, .foreign)
        }
    }

    /// Tries to resume one of its own streams after an event that does not exist.
    private func goAstray() {
        guard let session, let id = reading.compactMap({ $0.stream?.lastID }).first else { return }
        let numbers = [
            "0", "1", "4294967296", "9223372036854775806", "9223372036854775807",
            "9223372036854775808", "18446744073709551615", "18446744073709551616",
        ]
        var request = Request()
        request.method = "GET"
        request.session = session.wireID
        request.lastEventID = id.prefix { $0 != "." } + "." + numbers[number(numbers.count)]
        send(request, .other)
    }

    /// Sends a request in a session that belongs to another principal.
    private func trespass() {
        guard let session = simulation.sessionOfAnother(than: principal) else { return }
        var request = Request()
        request.method = simulation.random.pick(["POST", "GET", "DELETE"])!
        request.session = session.wireID
        // No ticket has this number.
        request.members = "\"id\":-1,\"method\":\"tools/call\",\"params\":{\"t\":-1}"
        send(request, .foreign)
    }

    /// Sends something in a session that has ended, as one that has not noticed.
    func askInEnded(_ session: ClientSession) {
        guard !isOld, chance(30) else { return }
        simulation.after(Int64(number(300))) { [self] in
            guard simulation.isBusy else { return }
            var request = Request()
            request.session = session.wireID
            request.members = "\"id\":\"none\",\"result\":{}"
            send(request, .ended)
        }
    }

    // MARK: Connections

    func send(_ request: Request, _ asked: ClientEnd.Asked, on chosen: ClientEnd? = nil) {
        let isPost = request.method == "POST"
        var request = request
        request.grant = ledger.grant(to: principal)
        // Its session is not known at the other endpoint.
        if isOld, isPost, !asked.isForeign || chance(50) {
            request.path = old.path(of: request.session)
            request.session = nil
        }
        var end = chosen
        if end == nil, isPost, simulation.isRough, chance(8) {
            end = ends.first { $0.takesMore }
        }
        if end == nil, chance(60) { end = ends.first { $0.isIdle } }
        let carrier = end ?? connect()
        for ticket in asked.tickets { simulation.watcher.asked(ticket, on: carrier.link) }
        carrier.send(request, asked)
    }

    private func connect() -> ClientEnd {
        let end = ClientEnd(simulation.newLink(), self, simulation)
        ends.append(end)
        return end
    }

    func forget(_ end: ClientEnd) { ends.removeAll { $0 === end } }
}
