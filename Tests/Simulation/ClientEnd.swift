/// A client's end of one connection: the requests it has sent, in order, and the stream it reads.
final class ClientEnd: LinkEnd {
    /// The purpose of a request, in the order of the responses.
    enum Asked {
        case ticket(Int)
        case primary(ClientStream)
        case resume(ClientStream)
        /// A notification that the host must receive.
        case note(Int, session: ClientSession?)
        case delete(ClientSession)
        /// Several messages: requests, in their order, and notifications that the host must receive.
        case batch([Int], notes: [Int], session: ClientSession?)
        /// The stream of the oldest transport.
        case oldStream(ClientStream)
        /// Any request that is accepted or refused, without further effect.
        case other
        /// A request with an unknown session, or the session or a cursor of another client: it must
        /// be refused.
        case foreign
        /// A message in a session of the client's that has ended.
        case ended

        var isForeign: Bool { if case .foreign = self { true } else { false } }

        var tickets: [Int] {
            switch self {
            case .ticket(let ticket): [ticket]
            case .batch(let tickets, _, _): tickets
            default: []
            }
        }
    }

    let link: Link
    unowned let client: Client
    private unowned let simulation: Simulation
    private var reader = ResponseReader()
    private(set) var asked: [(asks: Asked, grant: Int?)] = []
    private(set) var stream: ClientStream?
    /// The batch whose answers the stream carries, one after the other; nil for none.
    private var batch: BatchReading?
    private(set) var isOpen = true
    /// Whether no further request may be sent: one side has announced the end of the connection.
    private(set) var isLast = false

    init(_ link: Link, _ client: Client, _ simulation: Simulation) {
        self.link = link
        self.client = client
        self.simulation = simulation
        link.end = self
        link.up.send(.opening)
    }

    /// Whether a request would be answered at once.
    var isIdle: Bool { isOpen && !isLast && asked.isEmpty && stream == nil }

    /// Whether a request may be pipelined after those that wait.
    var takesMore: Bool {
        let behindPrimary = stream.map { $0.ticket == nil } ?? false
        return isOpen && !isLast && !behindPrimary
            && asked.allSatisfy {
                switch $0.asks {
                case .ticket, .note, .batch: true
                default: false
                }
            }
    }

    /// Whether it reads a stream, or has requested it.
    func carries(_ stream: ClientStream) -> Bool {
        self.stream === stream
            || asked.contains {
                switch $0.asks {
                case .primary(let other), .resume(let other), .oldStream(let other):
                    other === stream
                default: false
                }
            }
    }

    // MARK: Sending

    func send(_ request: Request, _ asks: Asked) {
        simulation.note("\(link.name)  → \(request.line(simulation.names))")
        asked.append((asks, request.grant))
        if request.lastEventID != nil { link.mayReplay = true }
        if request.closes || request.isHTTP10 { isLast = true }
        link.up.send(request.bytes[...])
    }

    /// Sends bytes that are not a request, or the beginning of one that is never completed.
    func send(nonsense text: String) {
        simulation.note("\(link.name)  → \(text)")
        asked.append((.other, nil))
        isLast = true
        link.up.send(Array("\(text)\r\n".utf8)[...])
    }

    /// Closes the sending direction, and continues to read.
    func halfClose() {
        simulation.note("\(link.name)  → half-closed")
        isLast = true
        link.up.send(.end)
    }

    /// Leaves the connection. The server is notified soon, or when its system gives up.
    func leave(isHeard: Bool) {
        guard isOpen else { return }
        simulation.note("\(link.name)  → gone\(isHeard ? "" : ", unheard")")
        link.clientLeft(isHeard: isHeard)
        ended()
    }

    // MARK: Reading

    func arrived(_ parcel: Lane.Parcel) {
        guard isOpen else { return }
        switch parcel {
        case .opening: break
        case .bytes(let bytes, let handed):
            for item in reader.read(bytes) {
                simulation.note("\(link.name) ←  \(item.line(simulation.names))")
                simulation.sabotage.pass(item, on: self) { item, end in
                    if end.isOpen { end.take(item, handed) }
                }
            }
        case .end:
            simulation.note("\(link.name) ←  closed")
            link.clientLeft(isHeard: true)
            ended()
        case .failure:
            simulation.note("\(link.name) ←  broken")
            link.clientLeft(isHeard: true)
            ended()
        }
    }

    func take(_ item: ResponseReader.Item, _ handed: Int) {
        switch item {
        case .response(let head, let body): take(head, body, handed)
        case .stream(let head): begin(head)
        case .event(let id, let data): take(id, data, handed)
        case .priming(let id):
            guard let stream, mayHaveIDs(stream), client.revision >= "2025-11-25" else {
                return misconduct("a priming event")
            }
            if stream.isBack, !stream.isFresh {
                return misconduct("a stream that was resumed is primed")
            }
            report(stream.isNamed(by: id, simulation.ledger) ?? stream.primed(id))
        case .retry(let milliseconds): stream?.retry = milliseconds
        case .comment(let text) where text.contains("lost"):
            guard let stream, stream.ticket == nil, stream.isBack, let session = stream.session
            else { return misconduct("a gap in a stream that has none") }
            simulation.ledger.hasGap(session.number)
            stream.beganAfresh()
        case .interim, .comment: break
        case .end: streamEnded()
        case .endpoint(let url):
            guard let stream, client.old.begins(stream, at: url) else {
                return misconduct("an endpoint")
            }
            simulation.ledger.oldIDs.insert(client.old.wireID)
        case .opened, .part: misconduct("a body in parts that is no stream")
        case .malformed(let what): hole(what)
        }
    }

    private func take(_ head: ResponseReader.Head, _ body: [UInt8], _ handed: Int) {
        guard !asked.isEmpty else { return misconduct("a response to nothing") }
        let (asks, grant) = asked.removeFirst()
        if head.closes { isLast = true }
        if simulation.ledger.isDenied(grant, head.status) {
            client.denied(asks)
        } else if case .batch(let tickets, let notes, let session) = asks, head.status == 200 {
            takeArray(body, BatchReading(tickets, notes, session), handed)
        } else if case .ticket(let ticket) = asks, head.status == 200 {
            guard let message = Message(body) else {
                return hole("a body that is no message")
            }
            client.initialized(ticket, head.sessionID, message)
            simulation.ledger.answered(ticket, with: message, handed: handed)
        } else {
            client.responded(head.status, to: asks)
        }
        if isOpen, head.closes { leave(isHeard: true) }
    }

    private func begin(_ head: ResponseReader.Head) {
        guard !asked.isEmpty, head.status == 200 else { return misconduct("a stream for nothing") }
        let (asks, grant) = asked.removeFirst()
        if head.closes { isLast = true }
        if simulation.ledger.isDenied(grant, head.status) { return misconduct("a stream denied") }
        switch asks {
        case .ticket(let ticket):
            client.initialized(ticket, head.sessionID, nil)
            let session = client.session(of: ticket) ?? client.pending
            stream = ClientStream(.request(ticket), session)
        case .primary(let primary):
            stream = primary
        case .resume(let resumed):
            simulation.resumes += 1
            resumed.isBack = true
            stream = resumed
        case .batch(let tickets, let notes, let session):
            batch = BatchReading(tickets, notes, session)
            guard let first = tickets.first else { return misconduct("a stream without requests") }
            stream = ClientStream(.request(first), session)
        case .oldStream(let old):
            if head.sessionID != nil { misconduct("a session's id in a head") }
            stream = old
        case .note, .delete, .other, .foreign, .ended:
            misconduct("a stream")
        }
        stream?.began(until: simulation.ledger.expiry(of: grant), at: simulation.now)
    }

    private func take(_ id: String?, _ data: [UInt8], _ handed: Int) {
        guard let stream, let message = Message(data) else { return hole("an event") }
        if stream.hasAnswer {
            // The server cannot know that the client has an answer that was lost with a process.
            if simulation.store.hasLost(stream.lastID), message.isInterruption { return }
            let kind: Violation.Kind = message.isInterruption ? .interruption : .misconduct
            return simulation.violate(kind, "\(link.name): an event behind the answer")
        }
        // An answer that the engine gives at once arrives completely, or is lost.
        let isWhole = message.isAnswer && stream.lastID == nil
        let mustHaveID =
            mayHaveIDs(stream) && !isWhole
            && !simulation.ledger.mayHaveMoved(stream.session?.number)
        if id == nil ? mustHaveID : !mayHaveIDs(stream) { return misconduct("an event's id") }
        if let id { report(stream.isNamed(by: id, simulation.ledger)) }
        if client.isOld, stream.session == nil, !message.isAnswer {
            return simulation.violate(.leak, "a message for a session that is not open")
        }
        if let change = message.change {
            simulation.ledger.received(change, on: stream)
        } else if !message.isAnswer {
            simulation.ledger.received(message, on: stream, handed: handed)
        }
        if let id { report(stream.received(id)) }
        if message.isCall { client.asked(message, stream.session) }
        guard message.isAnswer else { return }
        if client.isOld { return client.answeredOnStream(message, handed) }
        // S-229
        guard let ticket = stream.ticket else { return misconduct("an answer on a primary stream") }
        stream.hasAnswer = true
        simulation.ledger.answered(ticket, with: message, handed: handed)
        if stream.missing > simulation.ledger.droppedAtMost(of: ticket) {
            simulation.violate(
                simulation.profile.hasNodes ? .hole : .loss,
                "an event of \(stream.channel) is missing")
        }
        client.initialized(ticket, message)
        guard batch != nil else { return }
        batch?.hadAnswer()
        if let next = batch?.tickets.first {
            let following = ClientStream(.request(next), stream.session)
            following.began(until: stream.expiry, at: simulation.now)
            self.stream = following
        }
    }

    /// Reads the answers of a batch, which are one document.
    private func takeArray(_ body: [UInt8], _ reading: BatchReading, _ handed: Int) {
        guard let messages = Message.array(body), !messages.isEmpty else {
            return misconduct("a body that is no array of messages")
        }
        var reading = reading
        for message in messages {
            guard message.isAnswer, let ticket = reading.tickets.first else {
                return misconduct("more than the answers of a batch")
            }
            simulation.ledger.answered(ticket, with: message, handed: handed)
            client.initialized(ticket, message)
            reading.hadAnswer()
        }
        client.ended(reading)
    }

    /// Only the streams of a session can be resumed.
    private func mayHaveIDs(_ stream: ClientStream) -> Bool {
        simulation.profile.options.hasReplay && stream.session != nil && !client.isOld
    }

    private func streamEnded() {
        guard let stream else { return }
        let batch = self.batch
        self.stream = nil
        self.batch = nil
        if let batch, batch.tickets.isEmpty { client.ended(batch) }
        let hasExpired = stream.expiry.map { $0 <= simulation.now } ?? false
        let isCut =
            batch != nil
            && (simulation.ledger.hasEnded(stream.session?.number) || simulation.ledger.isClosing
                || simulation.profile.restarts > 0)
        let isOver = stream.hasAnswer || stream.ticket == nil || hasExpired || isCut
        if !isOver, stream.lastID == nil || client.revision < "2025-11-25" {
            simulation.violate(.loss, "the stream of \(stream.channel) ended without an answer")
        }
        client.left(stream)
        if let batch { client.lostRest(of: batch) }
        if isOpen, isLast { leave(isHeard: true) }
    }

    /// Nothing more will arrive: the open requests are repeated or given up.
    private func ended() {
        isOpen = false
        client.forget(self)
        if let stream { client.left(stream) }
        if let batch { client.lostRest(of: batch) }
        stream = nil
        batch = nil
        for (asks, _) in asked { client.unanswered(asks) }
        asked = []
    }

    /// Something is missing: between nodes, if there are several.
    private func hole(_ text: String) {
        let kind: Violation.Kind = simulation.profile.hasNodes ? .hole : .misconduct
        simulation.violate(kind, "\(link.name): \(text)")
    }

    private func misconduct(_ text: String) {
        simulation.violate(.misconduct, "\(link.name): \(text)")
    }

    private func report(_ violation: Violation?) {
        if let violation { simulation.violate(violation.kind, "\(link.name): \(violation.text)") }
    }
}
