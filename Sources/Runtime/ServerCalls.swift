import Engine
import Link
import Session
import Wire

/// The host's commands: checked on the caller's thread, executed on the loop's thread.
extension ServerRuntime {
    package func allow(
        _ key: AuthorizationKey, _ principal: Principal, expiresIn: Int64?
    ) throws(CallerFault) {
        try withExtendedLifetime(principal) { () throws(CallerFault) in
            try command(copying: principal.name) { engine throws(CallerFault) in
                try engine.allow(key, principal, expiresIn: expiresIn)
            } later: { name, _ in
                .allow(key, principal: name, expiresIn: expiresIn, tag: principal.tag)
            }
        }
    }

    /// A step of the answer to a request for another path, or that waits to be authorized.
    package func answer(
        _ key: UInt64, _ step: ServerEngine.AnswerStep, _ lines: UnsafeRawBufferPointer,
        _ body: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try command(copying: lines, body) { engine throws(CallerFault) in
            try engine.answer(key, step, lines, body)
        } later: { lines, body in
            .answer(key, step, lines: lines, body: body)
        }
    }

    package func refuse(_ key: AuthorizationKey, _ challenge: Challenge) throws(CallerFault) {
        try challenge.withTexts { scope, description throws(CallerFault) in
            try command(copying: scope, description) { engine throws(CallerFault) in
                try engine.refuse(key, challenge)
            } later: { scope, description in
                .refuse(key, challenge.cause, scope: scope, description: description)
            }
        }
    }

    @_optimize(speed)
    package func respond(
        _ key: RequestKey, _ result: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.withValue(result) { result throws(CallerFault) in
            try inlinedCommand(copying: result) { engine throws(CallerFault) in
                try engine.respond(key, result)
            } later: { result, _ in
                .respond(key, result)
            }
        }
    }

    package func fail(
        _ key: RequestKey, code: Int32, message: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer, isInBand: Bool = false
    ) throws(CallerFault) {
        try messages.checkText(message)
        try messages.withOptionalValue(data) { data throws(CallerFault) in
            try command(copying: message, data) { engine throws(CallerFault) in
                try engine.fail(
                    key, code: code, message: message, data: data, isInBand: isInBand)
            } later: { message, data in
                .fail(key, code: code, message: message, data: data, isInBand: isInBand)
            }
        }
    }

    @inline(never) @_optimize(speed)
    package func progress(
        _ key: RequestKey, _ progress: Double, total: Double?, message: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkText(message)
        try inlinedCommand(copying: message) { engine throws(CallerFault) in
            try engine.progress(key, progress, total: total, message: message)
        } later: { message, _ in
            .progress(key, progress, total: total, message: message)
        }
    }

    /// Sends a log message on a request's stream.
    package func log(
        _ key: RequestKey, level: UnsafeRawBufferPointer, logger: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.withLogMessage(level: level, logger: logger, data: data) {
            method, params throws(CallerFault) in
            try notify(key, method: method, checkedParams: params)
        }
    }

    package func notify(
        _ key: RequestKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkMethod(method)
        try messages.withParams(params) { params throws(CallerFault) in
            try notify(key, method: method, checkedParams: params)
        }
    }

    private func notify(
        _ key: RequestKey, method: UnsafeRawBufferPointer,
        checkedParams params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try messages.checkMode(.related)
        try command(copying: method, params) { engine throws(CallerFault) in
            try engine.notify(key, method: method, params: params)
        } later: { method, params in
            .notify(key, method: method, params: params)
        }
    }

    package func notify(
        _ key: SessionKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try unrelated(method, params) { params throws(CallerFault) in
            try command(copying: method, params) { engine throws(CallerFault) in
                try engine.notify(key, method: method, params: params)
            } later: { method, params in
                .notifySession(key, method: method, params: params)
            }
        }
    }

    package func broadcast(
        _ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try unrelated(method, params) { params throws(CallerFault) in
            try command(copying: method, params) { _ throws(CallerFault) in
                broadcastNow(method, params)
            } later: { method, params in
                .broadcast(method: method, params: params)
            }
        }
    }

    func broadcastNow(_ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer) {
        engine.announce(method: method, params: params)
        tellClients(method, params)
    }

    /// Sends a broadcast to the clients of this server.
    private func tellClients(
        _ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer
    ) {
        var broadcast = engine.broadcast(method: method, params: params)
        while engine.proceed(&broadcast) { pump.writeAll(for: self) }
    }

    /// Tells everybody who wants to know of a change.
    package func publish(_ change: Change, _ uri: UnsafeRawBufferPointer) throws(CallerFault) {
        try messages.checkText(uri)
        try command(copying: uri) { _ throws(CallerFault) in
            publishNow(change, uri)
        } later: { uri, _ in
            .publish(change, uri: uri)
        }
    }

    func publishNow(_ change: Change, _ uri: UnsafeRawBufferPointer) {
        engine.announce(change, uri)
        tellClients(change, uri)
    }

    /// Tells the clients of this server of a change.
    private func tellClients(_ change: Change, _ uri: UnsafeRawBufferPointer) {
        var covering: [ByteBuffer] = []
        if let onCovers, change == .resource {
            // The host is asked now, while the engine does not run: it may call any function.
            covering = engine.watchedResources.filter { subscribed in
                !subscribed.bytes.equals(uri) && onCovers(subscribed, uri)
            }
            guard !isOver else { return }
        }
        var publication = engine.publish(change, uri, covering: covering)
        while engine.proceed(&publication) { pump.writeAll(for: self) }
    }

    /// Says which parameters of tools are repeated in headers.
    package func setTools(_ tools: UnsafeRawBufferPointer) throws(CallerFault) {
        try messages.withValue(tools) { tools throws(CallerFault) in
            try messages.checkTools(tools)
            try command(copying: tools) { engine throws(CallerFault) in
                try engine.setTools(tools)
            } later: { tools, _ in
                .setTools(tools)
            }
        }
    }

    /// Makes a request to the client on a request's stream.
    package func call(
        _ key: RequestKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer,
        data: UnsafeMutableRawPointer?
    ) throws(CallerFault) -> CallKey {
        try messages.checkMode(.relatedCall)
        try messages.checkMethod(method)
        let call = mintCall()
        try messages.withParams(params) { params throws(CallerFault) in
            try command(copying: method, params) { engine throws(CallerFault) in
                try engine.call(call, key, method: method, params: params, data: data)
            } later: { method, params in
                .call(call, key, method: method, params: params, data: data)
            }
        }
        return call
    }

    /// Makes a request to the client on its session's primary stream.
    package func call(
        _ key: SessionKey, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer,
        data: UnsafeMutableRawPointer?
    ) throws(CallerFault) -> CallKey {
        let call = mintCall()
        try unrelated(method, params) { params throws(CallerFault) in
            try command(copying: method, params) { engine throws(CallerFault) in
                try engine.call(call, key, method: method, params: params, data: data)
            } later: { method, params in
                .callSession(call, key, method: method, params: params, data: data)
            }
        }
        return call
    }

    /// Closes the connection of a request's stream and keeps the stream.
    package func hangUp(_ key: RequestKey, retry: Int64) throws(CallerFault) {
        try messages.checkMode(.hangUp)
        try messages.checkReplay()
        try command { engine throws(CallerFault) in
            try engine.hangUp(key, retry: retry)
        } later: { _, _ in
            .hangUp(key, retry: retry)
        }
    }

    /// The same for a session's primary stream.
    package func hangUp(_ key: SessionKey, retry: Int64) throws(CallerFault) {
        try messages.checkMode(.unrelated)
        try messages.checkReplay()
        try command { engine throws(CallerFault) in
            try engine.hangUp(key, retry: retry)
        } later: { _, _ in
            .hangUpSession(key, retry: retry)
        }
    }

    /// Asks for the event `writable`. The queue's limit does not apply: its end is waited for.
    package func whenWritable(_ key: RequestKey) throws(CallerFault) {
        try promptly(.whenWritable(key)) { engine throws(CallerFault) in
            try engine.whenWritable(key)
        }
    }

    package func whenWritable(_ key: SessionKey) throws(CallerFault) {
        try promptly(.whenSessionWritable(key)) { engine throws(CallerFault) in
            try engine.whenWritable(key)
        }
    }

    /// The messages that the host's store has found; nil if one is missing. Takes ownership of
    /// `messages`.
    package func loaded(
        _ load: LoadKey, _ messages: inout [ByteBuffer]?, _ state: LoadedState
    ) throws(CallerFault) {
        var weight = 0
        for index in 0..<(messages?.count ?? 0) {
            guard let message = messages?[index] else { continue }
            weight += message.capacity
            messages?[index] = try self.messages.take(message)
        }
        var found: [ByteBuffer]?
        swap(&found, &messages)
        try command(extraWeight: weight) { engine throws(CallerFault) in
            try engine.loaded(load, found, state)
        } later: { _, _ in
            let moved = found
            found = nil
            return .loaded(load, moved, state)
        }
    }

    /// What the host's store has found of a session: its record, or nothing.
    package func found(_ load: LoadKey, _ record: UnsafeRawBufferPointer) throws(CallerFault) {
        try command(copying: record) { engine throws(CallerFault) in
            try engine.found(load, record)
        } later: { record, _ in
            .found(load, record)
        }
    }

    /// The store has written everything up to an order. Any thread.
    package func kept(_ serial: UInt64) {
        try? promptly(.kept(serial)) { $0.kept(upTo: serial) }
    }

    // MARK: A store of several nodes, on the loop's thread

    package func found(_ load: LoadKey, at node: NodeID) throws(CallerFault) {
        guard let engine = atRest else { throw .closed }
        try engine.found(load, at: node)
    }

    package func received(_ message: UnsafeRawBufferPointer, from node: NodeID) {
        switch atRest?.received(message, from: node) {
        case .publish(let change, let uri): tellClients(change, uri)
        case .broadcast(let method, let params): tellClients(method, params)
        case nil: break
        }
    }

    package func gone(_ node: NodeID?) { atRest?.gone(node) }

    package func lost(_ session: SessionID) { atRest?.lost(session) }

    package func storeReached(_ isReached: Bool) { atRest?.storeReached(isReached) }

    /// The engine, for an input of a store's.
    private var atRest: ServerEngine? {
        guard !loop.isInherited, loop.isOnItsThread else { return nil }
        pump.advance()
        return engine
    }

    /// Logs what a store says. Any thread.
    package func report(_ level: LogLevel, _ text: UnsafeRawBufferPointer) {
        try? command(copying: text) { engine in
            engine.report(level, text)
        } later: { text, _ in
            .report(level, text)
        }
    }

    package func close(_ key: CallKey) throws(CallerFault) {
        try command { engine throws(CallerFault) in
            try engine.close(key)
        } later: { _, _ in
            .closeCall(key)
        }
    }

    package func close(_ key: SessionKey) throws(CallerFault) {
        try command { engine throws(CallerFault) in
            try engine.close(key)
        } later: { _, _ in
            .closeSession(key)
        }
    }

    /// Lists sessions and open requests: the event `sessions` has one page and `data`. See
    /// `ServerEngine.listing`.
    package func sessions(
        after key: SessionKey?, limit: Int, data: UnsafeMutableRawPointer?
    ) throws(CallerFault) {
        // Always queued: a host that asks for the next page in its callback must not keep the loop.
        try queue(.list(after: key, limit: limit, data: data))
    }

    /// Checks a message that belongs to no request, and passes its params to `use`.
    private func unrelated(
        _ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer,
        _ use: (UnsafeRawBufferPointer) throws(CallerFault) -> Void
    ) throws(CallerFault) {
        try messages.checkMode(.unrelated)
        try messages.checkMethod(method)
        try messages.withParams(params, use)
    }
}
