import Engine
import Link
import Session
import Wire

/// A command queued by another thread.
package enum Command {
    case allow(AuthorizationKey, principal: Text, expiresIn: Int64?, tag: UInt64)
    case refuse(AuthorizationKey, Challenge.Cause, scope: Text, description: Text)
    case answer(UInt64, ServerEngine.AnswerStep, lines: Text, body: Text)
    case respond(RequestKey, Text)
    case fail(RequestKey, code: Int32, message: Text, data: Text, isInBand: Bool)
    case progress(RequestKey, Double, total: Double?, message: Text)
    case notify(RequestKey, method: Text, params: Text)
    case notifySession(SessionKey, method: Text, params: Text)
    case broadcast(method: Text, params: Text)
    case publish(Change, uri: Text)
    case setTools(Text)
    case call(
        CallKey, RequestKey, method: Text, params: Text, data: UnsafeMutableRawPointer?)
    case callSession(
        CallKey, SessionKey, method: Text, params: Text, data: UnsafeMutableRawPointer?)
    case hangUp(RequestKey, retry: Int64)
    case hangUpSession(SessionKey, retry: Int64)
    case loaded(LoadKey, [ByteBuffer]?, LoadedState)
    case found(LoadKey, Text)
    /// The store has written everything up to an order.
    case kept(UInt64)
    case report(LogLevel, Text)
    case whenWritable(RequestKey)
    case whenSessionWritable(SessionKey)
    case closeCall(CallKey)
    case closeSession(SessionKey)
    case list(after: SessionKey?, limit: Int, data: UnsafeMutableRawPointer?)
    case adopt(GivenSocket)
    /// The server shares connections with others.
    case join(Endpoints)
    case errand(UInt32, key: UInt64, Text, Text)
    case drainServer(deadline: Int64)
    case closeServer
    case destroyServer
    /// The host has emptied the event queue, or has returned many events.
    case readOn

    /// Executes the command. Its texts are in `batch`.
    func perform(on engine: ServerEngine, in batch: CommandBatch<Command>) throws(CallerFault) {
        switch self {
        case .allow(let key, let name, let expiresIn, let tag):
            guard let principal = Principal(batch.bytes(of: name), tag: tag) else { return }
            try engine.allow(key, principal, expiresIn: expiresIn)
        case .refuse(let key, let cause, let scope, let description):
            guard
                let challenge = Challenge(
                    cause, scope: batch.bytes(of: scope), description: batch.bytes(of: description))
            else { return }
            try engine.refuse(key, challenge)
        case .answer(let key, let step, let lines, let body):
            try engine.answer(key, step, batch.bytes(of: lines), batch.bytes(of: body))
        case .respond(let key, .alone(let result)):
            try engine.respond(key, taking: result)
        case .respond(let key, let result):
            try engine.respond(key, batch.bytes(of: result))
        case .fail(let key, let code, let message, let data, let isInBand):
            try engine.fail(
                key, code: code, message: batch.bytes(of: message), data: batch.bytes(of: data),
                isInBand: isInBand)
        case .progress(let key, let progress, let total, let message):
            try engine.progress(key, progress, total: total, message: batch.bytes(of: message))
        case .notify(let key, let method, let params):
            try engine.notify(key, method: batch.bytes(of: method), params: batch.bytes(of: params))
        case .notifySession(let key, let method, let params):
            try engine.notify(key, method: batch.bytes(of: method), params: batch.bytes(of: params))
        case .call(let call, let key, let method, let params, let data):
            try engine.call(
                call, key, method: batch.bytes(of: method), params: batch.bytes(of: params),
                data: data)
        case .callSession(let call, let key, let method, let params, let data):
            try engine.call(
                call, key, method: batch.bytes(of: method), params: batch.bytes(of: params),
                data: data)
        case .hangUp(let key, let retry):
            try engine.hangUp(key, retry: retry)
        case .hangUpSession(let key, let retry):
            try engine.hangUp(key, retry: retry)
        case .loaded(let load, let messages, let state):
            try engine.loaded(load, messages, state)
        case .found(let load, let record):
            try engine.found(load, batch.bytes(of: record))
        case .kept(let serial):
            engine.kept(upTo: serial)
        case .report(let level, let text):
            engine.report(level, batch.bytes(of: text))
        case .whenWritable(let key):
            try engine.whenWritable(key)
        case .whenSessionWritable(let key):
            try engine.whenWritable(key)
        case .closeCall(let key):
            try engine.close(key)
        case .closeSession(let key):
            try engine.close(key)
        case .list(let key, let limit, let data):
            engine.list(after: key, limit: limit, data: data)
        case .setTools(let tools):
            try engine.setTools(batch.bytes(of: tools))
        case .broadcast, .publish, .adopt, .join, .drainServer, .closeServer, .destroyServer,
            .readOn, .errand:
            break  // Executed by the runtime.
        }
    }

    /// The event for a command that failed: a call ends with a response event, like any call. Nil
    /// if the host need not know.
    func failure(_ fault: CallerFault) -> HostEvent? {
        let event: HostEvent
        switch self {
        case .call(let call, let key, _, _, let data):
            event = HostEvent(.response)
            event.call = call
            event.callData = data
            event.request = key
        case .callSession(let call, let key, _, _, let data):
            event = HostEvent(.response)
            event.call = call
            event.callData = data
            event.sessionKey = key
        case .respond(let key, _), .fail(let key, _, _, _, _), .progress(let key, _, _, _),
            .notify(let key, _, _), .hangUp(let key, _):
            event = HostEvent(.commandFailed)
            event.request = key
        case .answer(let key, .refusal, _, _):
            event = HostEvent(.commandFailed)
            event.authorization = AuthorizationKey(rawValue: key)
        case .answer(let key, _, _, _):
            event = HostEvent(.commandFailed)
            event.exchange = ExchangeKey(rawValue: key)
        case .allow(let key, _, _, _), .refuse(let key, _, _, _):
            event = HostEvent(.commandFailed)
            event.authorization = key
        case .notifySession(let key, _, _), .closeSession(let key), .hangUpSession(let key, _):
            event = HostEvent(.commandFailed)
            event.sessionKey = key
        case .whenWritable(let key):
            event = HostEvent(.writable)
            event.request = key
        case .whenSessionWritable(let key):
            event = HostEvent(.writable)
            event.sessionKey = key
        case .closeCall(let call):
            event = HostEvent(.commandFailed)
            event.call = call
        case .errand(_, let key, _, _):
            event = HostEvent(.commandFailed)
            if key != 0 { event.request = RequestKey(rawValue: key) }
        case .loaded, .found, .kept, .report:
            return nil  // The client has disconnected.
        case .list, .broadcast, .publish, .setTools, .adopt, .join, .drainServer, .closeServer,
            .destroyServer, .readOn:
            event = HostEvent(.commandFailed)
        }
        event.fault = fault
        return event
    }
}
