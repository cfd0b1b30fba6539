/// What a client of 2024-11-05 knows of its stream, which carries everything that it gets (S-270).
struct OldStream {
    static let path: StaticString = "/sse"
    private static let target = "\(path)?session="

    var stream: ClientStream?
    private(set) var endpoint: String?

    /// The server has told where to post; false if that is wrong, or not the first time.
    mutating func begins(_ stream: ClientStream, at url: String) -> Bool {
        guard stream === self.stream, endpoint == nil, url.hasPrefix(OldStream.target) else {
            return false
        }
        endpoint = url
        return wireID.utf8.count == 32 && wireID.allSatisfy(\.isHexDigit)
    }

    var wireID: String { String(endpoint?.dropFirst(OldStream.target.count) ?? "") }

    /// Where to post a message: to the client's own session, or to another one.
    func path(of session: String?) -> String {
        session.map { OldStream.target + $0 } ?? endpoint ?? "\(OldStream.path)"
    }

    /// The session, which the host knows once it has accepted `initialize`.
    func session(in ledger: Ledger) -> ClientSession? {
        ledger.number(of: wireID).map { ClientSession(wireID, $0) }
    }
}

/// How a client of 2024-11-05 differs from others. Its session lives as long as its stream.
extension Client {
    /// Opens the stream, and then the session.
    func beginOld() {
        if old.stream == nil {
            let stream = ClientStream(.primary(-1), nil)
            old.stream = stream
            var request = Request()
            request.method = "GET"
            request.path = "\(OldStream.path)"
            send(request, .oldStream(stream))
        } else if old.endpoint != nil, !isInitializing {
            isInitializing = true
            ask("initialize")
        }
    }

    /// The answer to `initialize` came. If it is an error, the stream ends.
    func initializedOld() {
        guard let session else { return isInitializing = true }
        old.stream?.belongs(to: session)
        session.primary = old.stream
        ledger.follows(session.number)
    }

    /// An answer came on the stream.
    func answeredOnStream(_ message: Message, _ handed: Int) {
        guard let ticket = ledger.tickets.firstIndex(where: { $0.id == message.id }),
            ledger.tickets[ticket].session == session?.number
        else { return simulation.violate(.leak, "an answer to nothing that was asked") }
        ledger.answered(ticket, with: message, handed: handed)
        initialized(ticket, message)
    }

    // MARK: Responses to what was posted

    /// False if it is as for other clients.
    func respondedOld(_ status: Int, to asked: ClientEnd.Asked) -> Bool {
        switch asked {
        case .ticket(let ticket):
            if status == 202 || ledger.tickets[ticket].outcome != nil { return true }
            guard ledger.tickets[ticket].isInitialize else { return false }
            ledger.lost(ticket)
            leaveOld()
        case .oldStream(let stream):
            if status != 408, status != 503 || !simulation.profile.mayBeAway && !ledger.isDraining {
                simulation.violate(.misconduct, "\(status) in response to \(asked)")
            }
            lostOld(stream)
        default: return false
        }
        return true
    }

    /// False if it is as for other clients.
    func deniedOld(_ asked: ClientEnd.Asked) -> Bool {
        guard case .ticket(let ticket) = asked else { return false }
        if ledger.tickets[ticket].outcome == .lost { return true }
        guard ledger.tickets[ticket].isInitialize else { return false }
        ledger.denied(ticket)
        leaveOld()
        return true
    }

    /// False if it is as for other clients. Its message may have arrived nevertheless.
    func unansweredOld(_ asked: ClientEnd.Asked) -> Bool {
        guard case .ticket(let ticket) = asked else { return false }
        if ledger.tickets[ticket].outcome != nil { return true }
        ledger.tickets[ticket].isUncertain = true
        guard ledger.tickets[ticket].isInitialize else { return false }
        ledger.lost(ticket)
        leaveOld()
        return true
    }

    // MARK: The end

    /// Leaves the stream, and so its session.
    func leaveOld() {
        guard let stream = old.stream else { return }
        for end in ends where end.carries(stream) {
            end.leave(isHeard: simulation.random.chance(70))
        }
        lostOld(stream)
    }

    /// The stream is gone, and everything with it.
    func lostOld(_ stream: ClientStream) {
        guard stream === old.stream else { return }
        old = OldStream()
        isInitializing = false
        pending = nil
        for ticket in openTickets { ledger.lost(ticket) }
        openTickets = []
        guard let session else { return }
        ledger.mayMiss(session.number)
        session.primary = nil
        self.session = nil
    }
}

extension Ledger {
    /// The stream for the messages of a request.
    func home(of ticket: Int) -> ClientStream.Channel {
        guard let session = tickets[ticket].session, sessions[session].isOld else {
            return .request(ticket)
        }
        return .primary(session)
    }
}
