import Engine
import Session
import Wire

/// The host's commands: checked on the caller's thread, carried out on the loop's.
extension ServerRuntime {
    package func allow(
        _ key: AuthorizationKey, _ principal: Principal, expiresIn: Int64?
    ) throws(CallerFault) {
        try command { engine throws(CallerFault) in
            try engine.allow(key, principal, expiresIn: expiresIn)
        } later: {
            .allow(key, principal, expiresIn: expiresIn)
        }
    }

    package func refuse(_ key: AuthorizationKey, _ challenge: Challenge) throws(CallerFault) {
        try command { engine throws(CallerFault) in
            try engine.refuse(key, challenge)
        } later: {
            .refuse(key, challenge)
        }
    }

    package func respond(
        _ key: RequestKey, _ result: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkValue(result)
        try command { engine throws(CallerFault) in
            try engine.respond(key, result)
        } later: {
            .respond(key, ByteBuffer(copying: result, room: ServerEngine.envelopeBytes))
        }
    }

    package func fail(
        _ key: RequestKey, code: Int32, message: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkText(message)
        try messages.checkOptionalValue(data)
        try command { engine throws(CallerFault) in
            try engine.fail(key, code: code, message: message, data: data)
        } later: {
            .fail(
                key, code: code, message: ByteBuffer(copying: message),
                data: ByteBuffer(copying: data))
        }
    }

    package func progress(
        _ key: RequestKey, _ progress: Double, total: Double?, message: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkMode(.progress)
        try messages.checkText(message)
        try command { engine throws(CallerFault) in
            try engine.progress(key, progress, total: total, message: message)
        } later: {
            .progress(key, progress, total: total, message: ByteBuffer(copying: message))
        }
    }

    /// Sends `notifications/message` on a request's stream.
    package func log(
        _ key: RequestKey, level: UnsafeRawBufferPointer, logger: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkLevel(level)
        try messages.checkText(logger)
        try messages.checkValue(data)
        let params = HostMessage.logParams(level: level, logger: logger, data: data)
        let method: StaticString = "notifications/message"
        try notify(key, method: method.rawBytes, checkedParams: params.bytes)
    }

    package func notify(
        _ key: RequestKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkMethod(method)
        try messages.checkParams(params)
        try notify(key, method: method, checkedParams: params)
    }

    private func notify(
        _ key: RequestKey, method: UnsafeRawBufferPointer,
        checkedParams params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkMode(.related)
        try command { engine throws(CallerFault) in
            try engine.notify(key, method: method, params: params)
        } later: {
            .notify(key, method: ByteBuffer(copying: method), params: ByteBuffer(copying: params))
        }
    }

    package func notify(
        _ key: SessionKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try checkUnrelated(method, params)
        try command { engine throws(CallerFault) in
            try engine.notify(key, method: method, params: params)
        } later: {
            .notifySession(
                key, method: ByteBuffer(copying: method), params: ByteBuffer(copying: params))
        }
    }

    package func broadcast(
        _ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try checkUnrelated(method, params)
        try command { engine throws(CallerFault) in
            engine.broadcast(method: method, params: params)
        } later: {
            .broadcast(method: ByteBuffer(copying: method), params: ByteBuffer(copying: params))
        }
    }

    /// Asks the client on a request's stream.
    package func call(
        _ key: RequestKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer,
        data: UnsafeMutableRawPointer?
    ) throws(CallerFault) -> CallKey {
        try messages.checkMode(.relatedCall)
        try messages.checkMethod(method)
        try messages.checkParams(params)
        let call = mintCall()
        try command { engine throws(CallerFault) in
            try engine.call(call, key, method: method, params: params, data: data)
        } later: {
            .call(
                call, key, method: ByteBuffer(copying: method), params: ByteBuffer(copying: params),
                data: data)
        }
        return call
    }

    /// Asks the client on its session's primary stream.
    package func call(
        _ key: SessionKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer,
        data: UnsafeMutableRawPointer?
    ) throws(CallerFault) -> CallKey {
        try checkUnrelated(method, params)
        let call = mintCall()
        try command { engine throws(CallerFault) in
            try engine.call(call, key, method: method, params: params, data: data)
        } later: {
            .callSession(
                call, key, method: ByteBuffer(copying: method), params: ByteBuffer(copying: params),
                data: data)
        }
        return call
    }

    /// Ends the connection of a request's stream and keeps the stream.
    package func hangUp(_ key: RequestKey, retry: Int64) throws(CallerFault) {
        try messages.checkMode(.relatedCall)
        try messages.checkReplay()
        try command { engine throws(CallerFault) in
            try engine.hangUp(key, retry: retry)
        } later: {
            .hangUp(key, retry: retry)
        }
    }

    /// The same for a session's primary stream.
    package func hangUp(_ key: SessionKey, retry: Int64) throws(CallerFault) {
        try messages.checkMode(.unrelated)
        try messages.checkReplay()
        try command { engine throws(CallerFault) in
            try engine.hangUp(key, retry: retry)
        } later: {
            .hangUpSession(key, retry: retry)
        }
    }

    /// What the host's store has found; nil if it has not kept everything.
    package func loaded(
        _ load: LoadKey, _ messages: [ByteBuffer]?, hasEnded: Bool
    ) throws(CallerFault) {
        for message in messages ?? [] { try self.messages.checkValue(message.bytes) }
        try command { engine throws(CallerFault) in
            try engine.loaded(load, messages, hasEnded: hasEnded)
        } later: {
            .loaded(load, messages, hasEnded: hasEnded)
        }
    }

    package func close(_ key: CallKey) throws(CallerFault) {
        try command { engine throws(CallerFault) in
            try engine.close(key)
        } later: {
            .closeCall(key)
        }
    }

    package func close(_ key: SessionKey) throws(CallerFault) {
        try command { engine throws(CallerFault) in
            try engine.close(key)
        } later: {
            .closeSession(key)
        }
    }

    private func checkUnrelated(
        _ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkMode(.unrelated)
        try messages.checkMethod(method)
        try messages.checkParams(params)
    }
}
