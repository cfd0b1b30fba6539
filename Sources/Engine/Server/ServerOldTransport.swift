import Link
import MCP
import Session
import Wire

/// The transport of the first revision, for clients that know nothing else: a stream that says
/// where to post messages, and carries all answers (PROTOCOL 1.1).
///
/// Its session lives as long as its stream: nothing can be resumed.
extension ServerEngine {
    /// A GET: opens a session, and tells the client its endpoint.
    func oldStreamArrived(_ head: RequestHead, on connection: ServerConnection) {
        if isDraining { return refuseWhileDraining(connection) }
        switch addSession(InitializeParams(), isOld: true, on: connection) {
        case .refused(let refusal): refuse(refusal, connection)
        case .added(let session):
            connection.access?.note(session)
            let path = gate.path(of: head)
            attachPrimary(of: session, to: connection)
            writeStreamHead(to: connection)
            write(to: connection) { output in
                output.appendPart(connection.exchange.framing) { part in
                    part.append("event: endpoint\ndata: ")
                    part.append(path)
                    part.append("?session=")
                    session.id.append(to: part)
                    part.append("\n\n")
                }
            }
        }
    }

    /// A POST: one message for a session, which its target names.
    func oldMessageArrived(
        _ message: borrowing Message, _ head: RequestHead, on connection: ServerConnection
    ) {
        let id: RequestID? = if case .request(let id) = message.envelope.kind { id } else { nil }
        let method = message.envelope.method
        guard let text = gate.oldSession(of: head),
            let session = sessions.find(text, of: connection.exchange.principal, isOld: true)
        else { return refuse(.sessionUnknown, connection, id: id, method) }
        connection.access?.note(session)
        guard let id else {
            // The host does not know a session before it has accepted it.
            guard session.state.isLive else {
                return refuse(.sessionUnknown, connection, id: nil, method)
            }
            accept(connection)
            dispatch(message, head, of: session, on: connection)
            return noteActivity(of: session)
        }
        if isDraining { return refuseWhileDraining(connection, id: id) }
        if method.equals(Method.initialize) {
            guard session.state.mayInitialize, session.ledger.entries.openRequests == 0 else {
                return refuse(.sessionInitialized, connection, id: id, method)
            }
            let params = InitializeParams(message.envelope.params)
            guard describe(session, params) else {
                return refuse(.clientInfoTooLong, connection, id: id, method)
            }
            initialize(session, id, message, params, head, oldPolicy, on: connection)
        } else {
            guard session.state.isLive else {
                return refuse(.sessionUnknown, connection, id: id, method)
            }
            requestArrived(id, message, head, of: session, on: connection)
        }
        noteActivity(of: session)
    }

    /// Answers a request on its session's stream.
    func writeOnPrimary(answerOf request: OpenRequest, _ compose: (ByteBuffer) -> Void) {
        guard let session = request.session, let primary = primaryConnection(of: session) else {
            core.counters.resultDrops += 1
            return
        }
        let message = ByteBuffer()
        compose(message)
        writePrimaryEvent(.essential, session, to: primary, message)
    }
}
