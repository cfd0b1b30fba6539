/// A modern client's end of one connection: what it has sent, in order, and the stream it reads.
final class ModernEnd: LinkEnd {
    /// The purpose of a request, in the order of the responses.
    enum Asked {
        /// By the number of the exchange.
        case exchange(Int)
        case listen(Listen)
        /// A notification that the host must receive.
        case note(Int)
        /// Any request that is accepted or refused, without further effect.
        case other
    }

    let link: Link
    unowned let client: ModernClient
    private unowned let simulation: Simulation
    private var reader = ResponseReader()
    private(set) var asked: [(asks: Asked, grant: Int?)] = []
    private var stream: Asked?
    private var hasAnswer = false
    private var expiry: Int64?
    private(set) var isOpen = true
    /// Whether no further request may be sent.
    private(set) var isLast = false

    init(_ link: Link, _ client: ModernClient, _ simulation: Simulation) {
        self.link = link
        self.client = client
        self.simulation = simulation
        link.end = self
        link.up.send(.opening)
    }

    private var book: ModernBook { simulation.modern }

    var isIdle: Bool { isOpen && !isLast && asked.isEmpty && stream == nil }

    /// Whether a request may be pipelined after those that wait.
    var takesMore: Bool {
        guard isOpen, !isLast else { return false }
        return (asked.map(\.asks) + [stream].compactMap { $0 }).allSatisfy {
            if case .listen = $0 { false } else { true }
        }
    }

    /// The listener whose stream it reads, once that is acknowledged.
    var listen: Listen? {
        if case .listen(let listen) = stream, listen.acknowledged != nil { listen } else { nil }
    }

    // MARK: Sending

    func send(_ request: Request, _ asks: Asked) {
        simulation.note("\(link.name)  → \(request.line(simulation.names))")
        asked.append((asks, request.grant))
        if request.closes || request.isHTTP10 { isLast = true }
        link.up.send(request.bytes[...])
    }

    /// Closes the sending direction, and continues to read.
    func halfClose() {
        simulation.note("\(link.name)  → half-closed")
        isLast = true
        letGo()
        link.up.send(.end)
    }

    /// Leaves the connection, which cancels everything on it.
    func leave(isHeard: Bool) {
        guard isOpen else { return }
        simulation.note("\(link.name)  → gone\(isHeard ? "" : ", unheard")")
        letGo()
        link.clientLeft(isHeard: isHeard)
        ended()
    }

    /// Whatever is under way may be lost from now on.
    func letGo() {
        for asks in asked.map(\.asks) + [stream].compactMap({ $0 }) {
            switch asks {
            case .exchange(let number): book.left(number)
            case .listen(let listen): listen.isLeft = true
            case .note, .other: break
            }
        }
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
        case .end, .failure:
            simulation.note("\(link.name) ←  closed")
            link.clientLeft(isHeard: true)
            ended()
        }
    }

    func take(_ item: ResponseReader.Item, _ handed: Int) {
        switch item {
        case .response(let head, let body): take(head, body)
        case .stream(let head): begin(head)
        case .event(let id, let data):
            if id != nil { return misconduct("an event has an id") }
            take(data, handed)
        case .priming, .endpoint, .retry: misconduct("a stream that could be resumed")
        case .interim, .comment: break
        case .end: streamEnded()
        case .opened, .part: misconduct("a body in parts that is no stream")
        case .malformed(let what): misconduct(what)
        }
    }

    private func take(_ head: ResponseReader.Head, _ body: [UInt8]) {
        guard !asked.isEmpty else { return misconduct("a response to nothing") }
        let (asks, grant) = asked.removeFirst()
        if head.closes { isLast = true }
        let isDenied = simulation.ledger.isDenied(grant, head.status)
        let message = Message(body)
        switch asks {
        case .exchange(let number) where isDenied:
            book.denied(number)
        case .exchange(let number):
            book.responded(number, head.status, message)
            if let message { client.answered(number, message) }
        case .listen(let listen): listen.ended(head.status, code: message?.errorCode)
        case .note(let note) where isDenied: simulation.ledger.denied(note: note)
        case .note(let note):
            if head.status == 202 { simulation.ledger.accepted(note) }
            if head.status != 202, head.status != 408 { misconduct("a note got \(head.status)") }
        case .other: break
        }
        if isOpen, head.closes { leave(isHeard: true) }
    }

    private func begin(_ head: ResponseReader.Head) {
        guard !asked.isEmpty, head.status == 200 else { return misconduct("a stream for nothing") }
        let (asks, grant) = asked.removeFirst()
        if head.closes { isLast = true }
        if simulation.ledger.isDenied(grant, head.status) { return misconduct("a stream denied") }
        hasAnswer = false
        expiry = simulation.ledger.expiry(of: grant)
        stream = asks
        switch asks {
        case .listen(let listen): listen.expiry = expiry
        case .exchange(let number):
            if simulation.profile.options.responseMode == .json { misconduct("a stream, not JSON") }
            if book.exchanges[number].expectation == .refusal { misconduct("not refused") }
        case .note, .other: misconduct("a stream")
        }
    }

    private func take(_ data: [UInt8], _ handed: Int) {
        guard let stream, let message = Message(data) else { return misconduct("an event") }
        if hasAnswer { return misconduct("an event behind the answer") }
        hasAnswer = message.isAnswer
        switch stream {
        case .listen(let listen): listen.received(message, handed: handed)
        case .exchange(let number):
            guard message.isAnswer else {
                if message.isCall { return misconduct("a request on a modern stream") }
                return book.received(message, on: number)
            }
            book.answered(number, message, isStream: true)
            client.answered(number, message)
        case .note, .other: break
        }
    }

    private func streamEnded() {
        guard let stream else { return }
        self.stream = nil
        if !hasAnswer {
            let hasExpired = expiry.map { $0 <= simulation.now } ?? false
            if !hasExpired { simulation.violate(.loss, "a stream ended without an answer") }
            lose(stream)
        }
        if isOpen, isLast { leave(isHeard: true) }
    }

    private func lose(_ asks: Asked) {
        switch asks {
        case .exchange(let number):
            book.lost(number)
            client.lost(number)
        case .listen(let listen): listen.ended()
        case .note, .other: break
        }
    }

    /// Nothing more will arrive.
    private func ended() {
        isOpen = false
        client.forget(self)
        if let stream, !hasAnswer { lose(stream) }
        stream = nil
        for (asks, _) in asked { lose(asks) }
        asked = []
    }

    private func misconduct(_ text: String) {
        simulation.violate(.misconduct, "\(link.name): \(text)")
    }
}
