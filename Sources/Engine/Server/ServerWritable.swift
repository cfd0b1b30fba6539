import Link
import Session

/// Tells the host, when it has asked, that what it sends need not wait for long.
extension ServerEngine {
    /// Asks for the event `writable`, which comes once: now, if the stream of the request has room.
    package func whenWritable(_ key: RequestKey) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            let request = try findForMessages(key)
            if !request.awaitsRoom { roomWaits += 1 }
            request.awaitsRoom = true
            noteRoom(of: request)
        }
    }

    /// The same for a session's primary stream or, while there is none, its mailbox.
    package func whenWritable(_ key: SessionKey) throws(CallerFault) {
        try enter { () throws(CallerFault) in
            let session = try session(key)
            if !session.awaitsRoom { roomWaits += 1 }
            session.awaitsRoom = true
            noteRoom(of: session)
        }
    }

    /// A client has read all that was sent on a connection.
    @inline(never)
    func noteRoom(on connection: ServerConnection) {
        switch connection.exchange.state {
        case .request(let request):
            noteRoom(of: request)
        case .primary(let session):
            noteRoom(of: session)
            guard session.isOld else { return }
            for key in session.ledger.entries.requestKeys {
                if let request = requests[key] { noteRoom(of: request) }
            }
        default: break
        }
    }

    /// Tells the host if it waits and there is room.
    func noteRoom(of request: OpenRequest) {
        guard request.awaitsRoom, !request.isParked else { return }
        let carrier =
            request.policy.answersOnPrimary
            ? primaryConnection(of: request.session) : request.connection
        // What a client that has gone gets later is kept within the limits of replay.
        if carrier.map({ hasRoom($0) }) ?? true { tellOfRoom(request) }
    }

    func noteRoom(of session: ServerSession) {
        guard session.awaitsRoom else { return }
        let isWritable =
            primaryConnection(of: session).map { hasRoom($0) }
            ?? (sessions.hasRoom(inMailboxOf: session)
                && hasRoom(for: ServerEngine.longBytes, of: session))
        if isWritable { tellOfRoom(session) }
    }

    private func hasRoom(_ connection: ServerConnection) -> Bool {
        connection.unsentBytes <= options.unsentBytesMax / 4
    }

    /// `fault`: the request has ended, or will not be able to tell.
    @inline(never)
    func tellOfRoom(_ request: OpenRequest, _ fault: CallerFault? = nil) {
        request.awaitsRoom = false
        tellOfRoom(request.session, request.key, fault)
    }

    func tellOfRoom(_ session: ServerSession, _ fault: CallerFault? = nil) {
        guard session.awaitsRoom else { return }
        session.awaitsRoom = false
        tellOfRoom(session, nil, fault)
    }

    private func tellOfRoom(
        _ session: ServerSession?, _ request: RequestKey?, _ fault: CallerFault?
    ) {
        roomWaits -= 1
        let event = HostEvent(.writable, of: session)
        event.request = request
        event.fault = fault
        core.perform(.deliver(event))
    }
}
