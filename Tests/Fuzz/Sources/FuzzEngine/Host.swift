import Engine
import Fuzzing
import Link
import Session
import Wire

/// An event's parts, which stay what they were as long as the host keeps the event.
struct Keepsake {
    private let event: HostEvent
    private let method: [UInt8]
    private let lines: [UInt8]

    init(_ event: HostEvent) {
        self.event = event
        method = Array(event.method)
        lines = event.head.map { Array($0.lines) } ?? []
    }

    func check() {
        require(Array(event.method) == method, "a method has changed")
        require((event.head.map { Array($0.lines) } ?? []) == lines, "a head has changed")
    }
}

extension World {
    // MARK: What the host hears

    func hear(_ event: HostEvent) {
        heed(event)
        if program.recyclesEvents {
            engine.recycle(event)
        } else {
            keepsakes.append(Keepsake(event))
        }
    }

    private func heed(_ event: HostEvent) {
        switch event.kind {
        case .request, .initialize:
            guard let key = event.request else { fatalError("a request without a key") }
            require(!requests.contains(key), "delivered twice")
            requests.append(key)
            require(JSONValue(event.id, depthMax: 0) != nil, "an id that is no JSON")
            let lines = try? engine.headers(of: key)
            require(lines?.count == event.head?.lines.count, "other headers")
            if program.answersAtOnce { answer(key, "{}", code: nil) }
        case .authorize:
            guard let key = event.authorization else { fatalError("nothing to allow") }
            authorizations.append(key)
        case .cancelled:
            let place = requests.firstIndex { $0 == event.request }
            require(place != nil, "cancelled what is not open")
            if let place { requests.remove(at: place) }
        case .response:
            let place = calls.firstIndex { $0 == event.call }
            require(place != nil, "answered what was not asked")
            require((event.message == nil) != (event.fault == nil), "neither answer nor fault")
            if let place { calls.remove(at: place) }
        case .sessionOpened:
            guard let key = event.sessionKey, let session = event.session else {
                fatalError("a session without a key")
            }
            require(!sessions.contains(key), "opened twice")
            sessions.append(key)
            let isKnown = names.sessions.contains { $0.bytes.equals(session.wireID.bytes) }
            require(isKnown || !session.isResumed || options.hasSessionStore, "resumed of nothing")
            if !isKnown { names.sessions.append(session.wireID) }
        case .sessionClosed:
            let place = sessions.firstIndex { $0 == event.sessionKey }
            require(place != nil, "closed what is not open")
            if let place { sessions.remove(at: place) }
        case .primaryOpened, .primaryClosed, .primaryGap:
            require(event.session != nil, "a primary without a session")
        case .notification:
            require(event.method.count > 0, "a notification without a method")
        case .resourceSubscribed, .resourceUnsubscribed:
            guard let uri = event.uri else { fatalError("a resource without a URI") }
            let text = withExtendedLifetime(uri) { Array(uri.bytes) }
            let isNews =
                event.kind == .resourceSubscribed
                ? watched.insert(text).inserted : watched.remove(text) != nil
            require(isNews, "watched what is watched, or the reverse")
        case .access:
            require(options.reportsExchanges, "a record that nobody wants")
            require(event.access != nil, "a record of nothing")
        case .writable:
            require(event.request != nil || event.session != nil, "room for nobody")
        case .commandFailed, .log, .sessions, .closed, .httpRequest, .httpClosed, .httpWritable,
            .tagReleased, .toolCall:
            fatalError("an event of the runtime, of a catalog, or of an option that is off")
        }
    }

    /// Allows a request for so many seconds, or refuses it; it may be gone.
    private func authorize(_ key: AuthorizationKey, _ line: Line, _ text: ByteBuffer) {
        let principal = Principal(text.bytes)
        require(
            (principal == nil) == (text.isEmpty || text.count > Principal.bytesMax),
            "no principal, or everybody's")
        guard let principal, !line.says("n") else {
            let challenge = Challenge(
                .insufficientScope, scope: text.bytes, description: text.bytes)
            try? engine.refuse(key, challenge ?? Challenge(.invalidToken))
            return
        }
        try? engine.allow(
            key, principal, expiresIn: line.second == 0 ? nil : Int64(line.second) * 1_000)
    }

    // MARK: What the host says

    /// Does what a line says. A number names the oldest but so many of what is open.
    func command(_ line: Line, _ text: ByteBuffer) {
        let request = line.first < requests.count ? requests[line.first] : nil
        let session = line.first < sessions.count ? sessions[line.first] : nil
        longestMessage = max(longestMessage, 6 * text.count + 700)
        switch line.verb {
        case verb("a"): if let request { answer(request, line, text) }
        case verb("f"): if let request { answer(request, text, code: Int32(line.second) - 4) }
        case verb("q"): if let request { progress(request, line, text) }
        case verb("n"):
            if line.says("r"), let request { try? engine.whenWritable(request) }
            say(text) { if let request { try engine.notify(request, method: $0, params: $1) } }
        case verb("m"):
            if line.says("r"), let session { try? engine.whenWritable(session) }
            say(text) { if let session { try engine.notify(session, method: $0, params: $1) } }
        case verb("b"):
            say(text) { method, params in
                var broadcast = engine.broadcast(method: method, params: params)
                while engine.proceed(&broadcast) {}
            }
        case verb("_"): publish(line, text)
        case verb("["): withExtendedLifetime(text) { try? engine.setTools(text.bytes) }
        case verb("c"):
            guard let request else { return }
            call(text) { try engine.call($0, request, method: $1, params: $2, data: nil) }
        case verb("k"):
            guard let session else { return }
            call(text) { try engine.call($0, session, method: $1, params: $2, data: nil) }
        case verb("w"):
            guard line.first < calls.count else { return }
            let call = calls.remove(at: line.first)
            require((try? engine.close(call)) != nil, "an open call is not found")
        case verb("h"): if let request { try? engine.hangUp(request, retry: Int64(line.second)) }
        case verb("i"): if let session { try? engine.hangUp(session, retry: Int64(line.second)) }
        case verb("e"): if let session { try? engine.close(session) }
        case verb("u"):
            engine.drain(until: Instant(milliseconds: now + Int64(line.first) * 1_000))
        case verb("v"): find(line, text)
        case verb("]"): restart(losing: line.first)
        case verb("z"):
            guard line.first < authorizations.count else { return }
            authorize(authorizations.remove(at: line.first), line, text)
        case verb("x"): engine.close()
        case verb("y"): engine.abandon()
        default: break
        }
    }

    /// Answers from the store: with what there is, or with anything.
    private func find(_ line: Line, _ text: ByteBuffer) {
        guard line.first < books.searches.count else { return }
        let search = books.searches[line.first]
        guard search.cursor != nil else { return findSession(line, text) }
        var found: [ByteBuffer]? = []
        var state = line.says("e") ? LoadedState.ended : .open(record: nil)
        if line.says("o") {
            books.lie()
            state = .open(record: ByteBuffer(copying: ("{\"id\":1}" as StaticString).rawBytes))
        }
        if line.says("x") {
            let truth = books.find(search)
            found = truth?.messages
            state = truth?.state ?? .ended
        } else if !text.isEmpty, UTF8Text.isValid(text.bytes) {
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            let lie = ByteBuffer()
            lie.appendNotification(method: text.bytes, params: none)
            found = [ByteBuffer](repeating: lie, count: line.second)
        }
        if line.says("g") { found = nil }
        foundBytes += (found ?? []).reduce(0) { $0 + $1.count }
        try? engine.loaded(search.load, found, state)
        if line.says("d") {
            require(
                (try? engine.loaded(search.load, found, state)) == nil,
                "found what is not looked for")
        }
        books.searches.remove(at: line.first)
    }

    /// Answers from the session store: with what there is, with a text, or that it cannot say.
    private func findSession(_ line: Line, _ text: ByteBuffer) {
        let search = books.searches.remove(at: line.first)
        var record = text
        if line.says("x") {
            record = books.record(search) ?? ByteBuffer()
        } else {
            books.lie()
        }
        withExtendedLifetime(record) {
            if line.says("g") {
                try? engine.loaded(search.load, nil, .ended)
            } else {
                try? engine.found(search.load, record.bytes)
            }
            if line.says("d") {
                require(
                    (try? engine.found(search.load, record.bytes)) == nil,
                    "found what is not looked for")
            }
        }
    }

    /// Answers a request with a result, which may be so long that it is not copied.
    private func answer(_ key: RequestKey, _ line: Line, _ text: ByteBuffer) {
        guard line.says("l") else { return answer(key, text, code: nil) }
        let long = ByteBuffer()
        long.append("{\"long\":\"")
        for _ in 0..<ServerEngine.longBytes { long.append(UInt8(ascii: "x")) }
        long.append("\",\"text\":")
        long.append(text)
        long.append("}")
        longestMessage = max(longestMessage, long.count + 700)
        answer(key, long, code: nil, isGiven: line.says("t"))
    }

    func answer(_ key: RequestKey, _ result: StaticString, code: Int32?) {
        answer(key, ByteBuffer(copying: result.rawBytes), code: code)
    }

    /// Answers a request, which is then at its end.
    private func answer(
        _ key: RequestKey, _ text: ByteBuffer, code: Int32?, isGiven: Bool = false
    ) {
        lastAnswer = now
        let messages = HostMessage(options)
        do {
            if let code {
                try messages.checkText(text.bytes)
                try engine.fail(
                    key, code: code, message: text.bytes, data: .init(start: nil, count: 0))
            } else if isGiven {
                try engine.respond(key, taking: try messages.take(text))
            } else {
                try messages.withValue(text.bytes) { result throws(CallerFault) in
                    try engine.respond(key, result)
                }
            }
        } catch {
            require(error == .invalidMessage || error == .disconnected, "not answered: \(error)")
            // An `initialize` ends with an answer that is none.
            if (try? engine.headers(of: key)) != nil { return }
        }
        withExtendedLifetime(text) {}
        requests.removeAll { $0 == key }
        require((try? engine.headers(of: key)) == nil, "answered, and still open")
    }

    private func progress(_ request: RequestKey, _ line: Line, _ text: ByteBuffer) {
        guard (try? HostMessage(options).checkText(text.bytes)) != nil else { return }
        let progress = Double(line.second)
        let total = line.says("o") ? 8.5 : nil
        try? engine.progress(request, progress, total: total, message: text.bytes)
        withExtendedLifetime(text) {}
    }

    /// Publishes a change, which may be one of a part of the resource `u`.
    private func publish(_ line: Line, _ text: ByteBuffer) {
        let change: Change = [.tools, .prompts, .resources, .resource][line.first % 4]
        guard (try? HostMessage(options).checkText(text.bytes)) != nil else { return }
        let whole = ByteBuffer(copying: ("u" as StaticString).rawBytes)
        var publication = engine.publish(
            change, text.bytes, covering: line.says("c") ? [whole] : [])
        while engine.proceed(&publication) {}
        withExtendedLifetime(text) {}
    }

    /// Cuts a text into a method and params, and hands them on if they are what they must be.
    private func say(
        _ text: ByteBuffer,
        _ send: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) {
        let (method, params) = text.bytes.cut(at: UInt8(ascii: " "))
        let messages = HostMessage(options)
        do {
            try messages.checkMethod(method)
            let line = ByteBuffer()
            try messages.withParams(params ?? text.bytes.dropBytes(text.count)) { line.append($0) }
            try send(method, line.bytes)
            withExtendedLifetime(line) {}
        } catch CallerFault.notFound {
            fatalError("what is open is not found")
        } catch {}
        withExtendedLifetime(text) {}
    }

    private func call(
        _ text: ByteBuffer,
        _ make: (CallKey, UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) {
        say(text) { method, params in
            lastCall += 1
            let key = CallKey(rawValue: lastCall)
            try make(key, method, params)
            calls.append(key)
        }
    }
}
