/// What a client still expects of the response to a batch (S-260).
struct BatchReading {
    /// The requests without an answer, in their order.
    private(set) var tickets: ArraySlice<Int>
    let notes: [Int]
    let session: ClientSession?

    init(_ tickets: [Int], _ notes: [Int], _ session: ClientSession?) {
        self.tickets = tickets[...]
        self.notes = notes
        self.session = session
    }

    mutating func hadAnswer() { tickets.removeFirst() }
}

/// The batches of a client of 2025-03-26.
extension Client {
    private func number(_ bound: Int) -> Int { simulation.random.number(bound) }
    private func chance(_ percent: Int) -> Bool { simulation.random.chance(percent) }

    /// Whether it may send batches now.
    var hasBatches: Bool { revision == "2025-03-26" && (session != nil || isStateless) }

    // MARK: Sending

    /// Sends requests and notifications.
    func sendBatch() {
        var messages: [String] = []
        var tickets: [Int] = []
        var notes: [Int] = []
        for _ in 0...number(6) {
            switch number(8) {
            case 0: add(note: &notes, to: &messages)
            case 1: if let members = newCancellation() { messages.append(members) }
            case 2: add("ping", to: &messages, &tickets)
            case 3:
                if let (method, subscription) = newSubscription() {
                    add(method, subscription, to: &messages, &tickets)
                }
            default: add("tools/call", to: &messages, &tickets)
            }
        }
        send(messages, .batch(tickets, notes: notes, session: session))
    }

    /// Sends the response to a call, together with other messages that have no answer.
    func sendBatch(ofResponse members: String) {
        var messages = [members]
        var notes: [Int] = []
        for _ in 0..<number(3) {
            if chance(20) { messages.append(members) } else { add(note: &notes, to: &messages) }
        }
        send(messages, .batch([], notes: notes, session: session))
    }

    /// Sends a batch that is refused as a whole: the host hears of none of it.
    func sendBadBatch() {
        // No ticket has this number.
        let request = "\"id\":-1,\"method\":\"tools/call\",\"params\":{\"t\":-1}"
        let response = "\"id\":1,\"result\":{}"
        let initialize = "\"id\":-1,\"method\":\"initialize\",\"params\":{\"t\":-1}"
        let isLater = session != nil && !isStateless && !hasBatches
        switch number(isLater ? 4 : 3) {
        case 0: send([request, response], .foreign)
        case 1: send([request, initialize], .foreign)
        case 2: send([], .foreign, isEmpty: true)
        default: send([request, request], .foreign)
        }
    }

    private func add(
        _ method: String, _ subscription: (uri: String, isNew: Bool)? = nil,
        to messages: inout [String], _ tickets: inout [Int]
    ) {
        let (ticket, members) = newTicket(method, subscription, inBatch: true)
        tickets.append(ticket)
        messages.append(members)
    }

    private func add(note notes: inout [Int], to messages: inout [String]) {
        let note = ledger.notified(in: session?.number, by: principal)
        notes.append(note)
        messages.append("\"method\":\"notifications/note\",\"params\":{\"n\":\(note)}")
    }

    private func send(_ messages: [String], _ asked: ClientEnd.Asked, isEmpty: Bool = false) {
        guard isEmpty || !messages.isEmpty else { return }
        var request = Request()
        request.session = session?.wireID
        request.batch = messages
        request.isChunked = chance(10)
        request.closes = chance(4)
        send(request, asked)
    }

    // MARK: Reading

    /// A response arrived that has no answers.
    func responded(
        _ status: Int, toBatch tickets: [Int], _ notes: [Int], _ session: ClientSession?
    ) {
        for ticket in tickets { responded(status, to: .ticket(ticket)) }
        switch status {
        case 202 where tickets.isEmpty: for note in notes { ledger.accepted(note) }
        case 404 where session != nil: sessionEnded(session!)
        case 408: break
        case 502 where simulation.profile.hasNodes: break
        case 503 where simulation.profile.hasSessionStore: break
        default:
            let isAnswered = !tickets.isEmpty  // The ledger has seen to them.
            if !isAnswered { simulation.violate(.misconduct, "\(status) for a batch") }
        }
    }

    /// The response to a batch is complete: only the end of the session, or of the server, is a
    /// reason for an answer that is missing.
    func ended(_ batch: BatchReading) {
        let isCut =
            ledger.hasEnded(batch.session?.number) || ledger.isClosing
            || simulation.profile.restarts > 0
        if !batch.tickets.isEmpty {
            if !isCut { simulation.violate(.loss, "a batch ended without \(batch.tickets)") }
            for ticket in batch.tickets { unanswered(.ticket(ticket)) }
        } else if !isCut {
            for note in batch.notes { ledger.accepted(note) }
        }
    }

    /// The stream of a batch has ended early: the first of what is left is the stream's request.
    func lostRest(of batch: BatchReading) {
        for ticket in batch.tickets.dropFirst() { unanswered(.ticket(ticket)) }
    }
}

extension Ledger {
    /// Whether a request of a batch may be answered by a refusal, which alone would have a status.
    func mayBeRefusedInBatch(_ ticket: Ticket) -> Bool {
        ticket.isInBatch && !ticket.isGiven
            && (ticket.isImproper || simulation.profile.mayBeAway || isDraining || isClosing)
    }
}
