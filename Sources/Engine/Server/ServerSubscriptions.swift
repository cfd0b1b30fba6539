import Link
import MCP
import Session
import Wire

/// `resources/subscribe` and `resources/unsubscribe` of sessions, if the engine keeps them.
extension ServerEngine {
    /// Answers a request if it is one of these two; false if it is another one.
    func subscriptionArrived(
        _ id: RequestID, _ message: borrowing Message, of session: ServerSession,
        on connection: ServerConnection
    ) -> Bool {
        let method = message.envelope.method
        let isNew = method.equals(Method.subscribe)
        guard isNew || method.equals(Method.unsubscribe) else { return false }
        var fault: Refusal?
        let count = session.subscriptions.count
        if let uri = message.envelope.params?["uri"]?.string, UTF8Text.isValid(uri.bytes) {
            if isNew {
                fault = subscribe(session, to: uri)
            } else if let removed = sessions.unsubscribe(session, from: uri.bytes) {
                unwatch(removed, ofSession: true)
            }
            if session.subscriptions.count != count { kept.noteChange(of: session, at: now) }
        } else {
            fault = .subscriptionParams
        }
        answerAtOnce(of: session, on: connection) { output in
            if let fault {
                output.appendError(
                    id: id, code: fault.code.rawValue, message: fault.message.rawBytes)
            } else {
                output.appendResult(id: id, ("{}" as StaticString).rawBytes)
            }
        }
        return true
    }

    func subscribe(_ session: ServerSession, to uri: ByteBuffer) -> Refusal? {
        guard !session.subscriptions.contains(uri.bytes) else { return nil }
        guard session.subscriptions.count < options.subscriptionsMax else {
            return .tooManySubscriptions
        }
        let uri = Subscriptions.exact(uri)
        guard hasRoom(for: Subscriptions.bytes(of: uri), of: session) else {
            return .tooManySubscriptions
        }
        sessions.subscribe(session, to: watch(uri))
        return nil
    }
}
