import Engine
import Session
import Wire

/// A command on its way from another thread, with copies of its bytes.
package enum Command {
    case allow(AuthorizationKey, Principal, expiresIn: Int64?)
    case refuse(AuthorizationKey, Challenge)
    case respond(RequestKey, ByteBuffer)
    case fail(RequestKey, code: Int32, message: ByteBuffer, data: ByteBuffer)
    case progress(RequestKey, Double, total: Double?, message: ByteBuffer)
    case notify(RequestKey, method: ByteBuffer, params: ByteBuffer)
    case notifySession(SessionKey, method: ByteBuffer, params: ByteBuffer)
    case broadcast(method: ByteBuffer, params: ByteBuffer)
    case call(
        CallKey, RequestKey, method: ByteBuffer, params: ByteBuffer, data: UnsafeMutableRawPointer?)
    case callSession(
        CallKey, SessionKey, method: ByteBuffer, params: ByteBuffer, data: UnsafeMutableRawPointer?)
    case hangUp(RequestKey, retry: Int64)
    case hangUpSession(SessionKey, retry: Int64)
    case loaded(LoadKey, [ByteBuffer]?, hasEnded: Bool)
    case closeCall(CallKey)
    case closeSession(SessionKey)
    case drainServer(deadline: Int64)
    case closeServer
    case destroyServer
    /// The host has caught up with the event queue.
    case readOn

    func perform(on engine: ServerEngine) throws(CallerFault) {
        switch self {
        case .allow(let key, let principal, let expiresIn):
            try engine.allow(key, principal, expiresIn: expiresIn)
        case .refuse(let key, let challenge):
            try engine.refuse(key, challenge)
        case .respond(let key, let result):
            try engine.respond(key, taking: result)
        case .fail(let key, let code, let message, let data):
            try engine.fail(key, code: code, message: message.bytes, data: data.bytes)
        case .progress(let key, let progress, let total, let message):
            try engine.progress(key, progress, total: total, message: message.bytes)
        case .notify(let key, let method, let params):
            try engine.notify(key, method: method.bytes, params: params.bytes)
        case .notifySession(let key, let method, let params):
            try engine.notify(key, method: method.bytes, params: params.bytes)
        case .broadcast(let method, let params):
            engine.broadcast(method: method.bytes, params: params.bytes)
        case .call(let call, let key, let method, let params, let data):
            try engine.call(call, key, method: method.bytes, params: params.bytes, data: data)
        case .callSession(let call, let key, let method, let params, let data):
            try engine.call(call, key, method: method.bytes, params: params.bytes, data: data)
        case .hangUp(let key, let retry):
            try engine.hangUp(key, retry: retry)
        case .hangUpSession(let key, let retry):
            try engine.hangUp(key, retry: retry)
        case .loaded(let load, let messages, let hasEnded):
            try engine.loaded(load, messages, hasEnded: hasEnded)
        case .closeCall(let key):
            try engine.close(key)
        case .closeSession(let key):
            try engine.close(key)
        case .drainServer, .closeServer, .destroyServer, .readOn:
            break  // The runtime's own.
        }
    }

    /// What the host hears when the command could not be carried out: a call fails like any call.
    /// Nil if there is nothing that it could do about it.
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
        case .respond(let key, _), .fail(let key, _, _, _), .progress(let key, _, _, _),
            .notify(let key, _, _), .hangUp(let key, _):
            event = HostEvent(.commandFailed)
            event.request = key
        case .allow(let key, _, _), .refuse(let key, _):
            event = HostEvent(.commandFailed)
            event.authorization = key
        case .notifySession(let key, _, _), .closeSession(let key), .hangUpSession(let key, _):
            event = HostEvent(.commandFailed)
            event.sessionKey = key
        case .closeCall(let call):
            event = HostEvent(.commandFailed)
            event.call = call
        case .loaded:
            return nil  // The client has gone.
        case .broadcast, .drainServer, .closeServer, .destroyServer, .readOn:
            event = HostEvent(.commandFailed)
        }
        event.fault = fault
        return event
    }

    /// The bytes that the command keeps.
    var weight: Int {
        let own = 128
        switch self {
        case .allow(_, let principal, _): return own + principal.name.capacity
        case .refuse(_, let challenge): return own + challenge.weight
        case .respond(_, let result): return own + result.capacity
        case .fail(_, _, let message, let data): return own + message.capacity + data.capacity
        case .progress(_, _, _, let message): return own + message.capacity
        case .notify(_, let method, let params), .notifySession(_, let method, let params),
            .broadcast(let method, let params), .call(_, _, let method, let params, _),
            .callSession(_, _, let method, let params, _):
            return own + method.capacity + params.capacity
        case .loaded(_, let messages, _):
            return own + (messages ?? []).reduce(0) { $0 + $1.capacity }
        case .closeCall, .closeSession, .hangUp, .hangUpSession: return own
        case .drainServer, .closeServer, .destroyServer, .readOn: return 0
        }
    }
}
