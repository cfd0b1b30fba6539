import Link
import MCP
import Session
import Wire

/// The primary streams of sessions.
extension ServerEngine {
    /// Opens a session's primary stream for a first GET, or one without a usable Last-Event-ID.
    func openPrimary(
        of session: ServerSession, on connection: ServerConnection, hasGap: Bool = false
    ) {
        attachPrimary(of: session, to: connection)
        beginPrimary(of: session, on: connection, from: session.primary.position, hasGap: hasGap)
        sendMailbox(of: session, on: connection)
    }

    /// Begins a primary stream on its connection, for a client without a usable cursor.
    func beginPrimary(
        of session: ServerSession, on connection: ServerConnection, from position: EventID,
        hasGap: Bool
    ) {
        if hasGap {
            core.counters.primaryGaps += 1
            log(
                .notice, "A client came back for events that are not kept any more", on: connection)
            let event = HostEvent(.primaryGap, of: session)
            event.peer = connection.peer
            core.perform(.deliver(event))
        }
        writePrimaryHead(to: connection, hasGap: hasGap)
        // A client that resumes has a cursor; any other gets its start position (M-025).
        if sessions.hasStore, session.state.revision?.hasPriming == true {
            prime(position, on: connection)
        }
    }

    /// Attaches a session's primary stream to a connection. The newest wins (S-231).
    func attachPrimary(of session: ServerSession, to connection: ServerConnection) {
        if kept.hasStore, !session.past.hasBegunPrimary {
            sessions.beginLog(ofPrimaryOf: session)
            kept.beginPrimary(of: session, at: now)
        }
        let superseded = sessions.attachPrimary(of: session, to: connection)
            .flatMap { connections[$0] }
        if let superseded { endStream(on: superseded) }
        let head = connection.head
        connection.reader.endMessage(of: connection.id, &core.spare)
        move(connection, to: .primary(session))
        // The host does not know a session before it has accepted it.
        if session.state.isLive { notePrimary(of: session, head) }
    }

    /// Tells the host of a session's primary stream.
    func notePrimary(of session: ServerSession, _ head: RequestHead?) {
        let event = HostEvent(.primaryOpened, of: session)
        event.head = head
        event.peer = primaryConnection(of: session)?.peer
        core.perform(.deliver(event))
    }

    /// Writes the head of a primary stream, and a comment, which reports lost events if there are
    /// any.
    func writePrimaryHead(to connection: ServerConnection, hasGap: Bool = false) {
        writeStreamHead(to: connection)
        let comment = hasGap ? SSEFrame.gap : SSEFrame.opening
        writeHead(to: connection) { output in
            output.appendPart(connection.exchange.framing) { $0.append(comment) }
        }
    }

    /// Sends the messages in the mailbox.
    func sendMailbox(of session: ServerSession, on connection: ServerConnection) {
        for message in sessions.takeMailbox(of: session) {
            if !sessions.hasStore, connection.isClosed {
                _ = sessions.keep(message, inMailboxOf: session, isBounded: false)
            } else {
                writePrimaryEvent(.essential, session, to: connection, message)
            }
        }
    }

    func primaryLost(_ session: ServerSession, _ connection: ServerConnection) {
        guard sessions.primaryLost(session, connection) else { return }
        if session.isOld { return end(session, because: "The stream has ended") }
        noteActivity(of: session)
        core.perform(.deliver(HostEvent(.primaryClosed, of: session)))
        noteRoom(of: session)
    }

    /// The connection that carries a session's primary stream.
    func primaryConnection(of session: ServerSession?) -> ServerConnection? {
        session?.primary.connection.flatMap { connections[$0] }
    }
}
