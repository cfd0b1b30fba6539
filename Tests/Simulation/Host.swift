import Engine
import Link
import Session
import Wire

/// A host that answers at once or later, and sends messages meanwhile.
final class Host {
    /// A request that it has received.
    private struct Given {
        let ticket: Int
        let session: Int?
        let isInitialize: Bool
        let revision: String
        /// How many messages it sends before it answers.
        var steps: Int
    }

    private unowned let simulation: Simulation
    unowned let node: Node
    let authorizer: Authorizer
    private(set) var modern: ModernHost!
    private var given: [RequestKey: Given] = [:]
    private var keys: [(session: Int, key: SessionKey)] = []
    private var openCalls: [(key: CallKey, session: Int, owner: Ledger.Owner)] = []
    /// The sessions that some process has found in the store.
    private var resumed: Set<Int> = []
    /// The requests and sessions whose streams it waits for room on.
    private var asksOfRequests: Set<RequestKey> = []
    private var asksOfSessions: Set<SessionKey> = []

    init(_ simulation: Simulation, _ node: Node) {
        self.simulation = simulation
        self.node = node
        authorizer = Authorizer(simulation, node)
        modern = ModernHost(simulation, node, self)
    }

    private var engine: ServerEngine { node.engine }
    var ledger: Ledger { simulation.ledger }
    private func number(_ bound: Int) -> Int { simulation.random.number(bound) }
    private func chance(_ percent: Int) -> Bool { simulation.random.chance(percent) }

    /// Whether it still has to answer a request, or waits for a call.
    var isWaiting: Bool { !given.isEmpty || !openCalls.isEmpty || modern.isWaiting }

    /// Whether it waits for room of nobody but sessions that are open.
    var waitsForNoRoom: Bool {
        asksOfRequests.isEmpty
            && asksOfSessions.allSatisfy { asked in keys.contains { $0.key == asked } }
    }

    /// Whether it waits for the answer to a call on a session's primary stream.
    func waits(for call: CallKey) -> Bool {
        openCalls.contains { $0.key == call && $0.owner == .primary($0.session) }
    }

    func isResumed(_ session: Int) -> Bool { resumed.contains(session) }

    /// The process has ended, and with it all that the host knew.
    func processEnded() {
        given = [:]
        keys = []
        openCalls = []
        asksOfRequests = []
        asksOfSessions = []
        authorizer.processEnded()
        modern.processEnded()
    }

    // MARK: Events

    func heard(_ event: HostEvent) {
        let session = event.session.flatMap { known($0) }
        simulation.note("host  ← \(event.kind)\(session.map { " \(name($0))" } ?? "")")
        authorizer.check(event)
        if modern.heard(event) { return }
        switch event.kind {
        case .request, .initialize: heardRequest(event, session)
        case .notification: heardNotification(event, session)
        case .cancelled:
            guard let request = given.removeValue(forKey: event.request!) else {
                return simulation.violate(.misconduct, "a request was cancelled that is not open")
            }
            ledger.wasCancelled(request.ticket, because: event.fault, at: node)
        case .response:
            guard let index = openCalls.firstIndex(where: { $0.key == event.call }) else {
                return simulation.violate(.duplication, "a call was answered that is not open")
            }
            let call = openCalls.remove(at: index)
            if call.session != session {
                simulation.violate(.leak, "a call was answered from another session")
            }
            if (event.message == nil) == (event.fault == nil) {
                simulation.violate(.misconduct, "a call has neither an answer nor a fault, or both")
            }
        case .sessionOpened:
            keys.append((session!, event.sessionKey!))
            let isResumed = event.session!.isResumed
            if isResumed { resumed.insert(session!) }
            ledger.isOpen(
                session!, isResumed: isResumed, for: Host.name(event.principal), at: node)
        case .sessionClosed:
            keys.removeAll { $0.session == session }
            ledger.closed(session!, at: node)
        case .authorize: authorizer.heard(event)
        case .access: simulation.watcher.heard(event)
        case .resourceSubscribed, .resourceUnsubscribed, .primaryOpened, .primaryClosed,
            .primaryGap, .commandFailed, .log, .sessions, .closed, .httpRequest, .httpClosed,
            .httpWritable, .toolCall:
            break
        case .writable: heardOfRoom(event)
        case .tagReleased: authorizer.released(event)
        }
    }

    private func heardOfRoom(_ event: HostEvent) {
        let asked =
            event.request.map { asksOfRequests.remove($0) != nil }
            ?? event.sessionKey.map { asksOfSessions.remove($0) != nil }
        if asked != true {
            simulation.violate(.duplication, "the host heard of room that it had not asked for")
        }
    }

    private func askForRoom(of key: RequestKey) {
        guard !asksOfRequests.contains(key) else { return }
        if (try? engine.whenWritable(key)) != nil { asksOfRequests.insert(key) }
    }

    private func askForRoom(of key: SessionKey) {
        guard !asksOfSessions.contains(key) else { return }
        if (try? engine.whenWritable(key)) != nil { asksOfSessions.insert(key) }
    }

    /// The number of a session, which its first event announces. A session whose `initialize` the
    /// host has not answered yet has none.
    private func known(_ session: ServerSession) -> Int? {
        guard session.state.revision != nil || session.state.hasEnded else { return nil }
        let id = session.wireID
        let text = withExtendedLifetime(id) { String(decoding: id.bytes, as: UTF8.self) }
        return ledger.number(of: text) ?? (session.state.hasEnded ? nil : ledger.opened(text))
    }

    private func heardRequest(_ event: HostEvent, _ session: Int?) {
        let params = JSONValue(event.params, depthMax: 16)
        guard let key = event.request, let ticket = params?["t"]?.integer else {
            event.request.map { deny($0) }
            return simulation.violate(.misconduct, "a request without its message")
        }
        guard ledger.tickets.indices.contains(Int(ticket)) else {
            deny(key)
            let isResumed = session.map { resumed.contains($0) } ?? false
            return simulation.violate(
                isResumed ? .impostor : .leak, "the host was given a request that nobody made")
        }
        ledger.given(Int(ticket), of: session, by: Host.name(event.principal), at: node)
        simulation.watcher.given(Int(ticket), event)
        let isInitialize = event.method.equals("initialize")
        let version = params?["protocolVersion"]?.string
        let request = Given(
            ticket: Int(ticket), session: session, isInitialize: isInitialize,
            revision: version.map { String(decoding: $0.bytes, as: UTF8.self) } ?? "",
            steps: isInitialize ? 0 : [0, 0, 1, 3, 6][number(5)])
        if given.updateValue(request, forKey: key) != nil {
            simulation.violate(.duplication, "a request's key was given twice")
        }
        if chance(40) { serve(key) } else { serveLater(key) }
    }

    /// Answers a request that is no client's own: a store that lies lets it through.
    private func deny(_ key: RequestKey) {
        node.after(0) { [self] in
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            try? engine.fail(key, code: 1, message: none, data: none)
            node.driver.pump()
        }
    }

    private func heardNotification(_ event: HostEvent, _ session: Int?) {
        if event.method.equals("notifications/cancelled") {
            return ledger.heardLateCancel(in: session, by: Host.name(event.principal))
        }
        guard let note = JSONValue(event.params, depthMax: 16)?["n"]?.integer else {
            return simulation.violate(.misconduct, "a notification without its message")
        }
        ledger.heard(Int(note), in: session, by: Host.name(event.principal))
    }

    /// The name of a session in transcripts.
    private func name(_ session: Int) -> String {
        simulation.names.session(ledger.sessions[session].wireID)
    }

    static func name(_ principal: Principal?) -> String? {
        principal.map { String(decoding: $0.name, as: UTF8.self) }
    }

    // MARK: Serving

    private func serveLater(_ key: RequestKey) {
        let pause = simulation.isBusy ? [0, 1, 20, 300, 2_000, 20_000][number(6)] : number(20)
        node.after(Int64(pause)) { [self] in serve(key) }
    }

    /// Sends one message, or answers.
    private func serve(_ key: RequestKey) {
        guard var request = given[key] else { return }
        guard request.steps > 0, simulation.isBusy else { return answer(key, request) }
        request.steps -= 1
        given[key] = request
        for _ in 0..<chattiness { speak(key, request) }
        if chance(10) { askForRoom(of: key) }
        node.driver.pump()
        if chance(40) { serve(key) } else { serveLater(key) }
    }

    /// How many messages it sends at once: many, if the limits of unread output are tight.
    var chattiness: Int {
        simulation.profile.isTight && chance(40) ? 6 + number(20) : 1
    }

    private func speak(_ key: RequestKey, _ request: Given) {
        let ticket = request.ticket
        switch number(9) {
        case 0...2:
            let progress = Double(ledger.nextNumber)
            say("progress #\(ticket)", to: .progress(ticket, session: request.session)) {
                (_, _) throws(CallerFault) in
                try engine.progress(
                    key, progress, total: nil, message: .init(start: nil, count: 0))
            }
        case 3...5:
            say("notify #\(ticket)", to: .request(ticket), method: anyNotification) {
                (method, params) throws(CallerFault) in
                try engine.notify(key, method: method, params: params)
            }
        case 6:
            simulation.note("host  → hangup #\(ticket)")
            try? engine.hangUp(key, retry: Int64(number(1_000)))
        default:
            call("#\(ticket)", request.session, .request(ticket)) {
                (call, method, params) throws(CallerFault) in
                try engine.call(call, key, method: method, params: params, data: nil)
            }
        }
    }

    /// Answers a request, once.
    private func answer(_ key: RequestKey, _ request: Given) {
        given[key] = nil
        let isError = chance(request.isInitialize ? 15 : 10)
        let members =
            request.isInitialize
            ? "\"protocolVersion\":\"\(request.revision)\"" : "\"t\":\(request.ticket)"
        simulation.note("host  → \(isError ? "fail" : "respond") #\(request.ticket)")
        Host.withBytes("{\(members)\(padding)}") { bytes in
            do throws(CallerFault) {
                if isError {
                    try engine.fail(
                        key, code: 1, message: ("no" as StaticString).rawBytes, data: bytes)
                } else {
                    try engine.respond(key, bytes)
                }
            } catch {
                if error == .notFound {
                    given[key] = request  // Cancelled by what came with it: the next event says so.
                    return
                }
                if error != .disconnected {
                    simulation.violate(.misconduct, "an open request was not answered: \(error)")
                }
            }
            ledger.hostAnswered(request.ticket, isError ? .error : .result)
            if (try? engine.respond(key, bytes)) != nil {
                simulation.violate(.duplication, "a request was answered twice")
            }
        }
        node.driver.pump()
    }

    // MARK: Messages

    func think() {
        guard simulation.isBusy else { return }
        if let (session, key) = simulation.random.pick(keys) { talk(session, key) }
        if chance(15), !node.isDown || !simulation.profile.hasNodes {
            modern.publish()
            node.driver.pump()
        }
        let pause = [0, 10, 100, 1_000][number(4)]
        node.after(Int64(pause)) { [self] in think() }
    }

    private func talk(_ session: Int, _ key: SessionKey) {
        switch number(20) {
        case 0...9:
            for _ in 0..<chattiness { notify(session, key) }
        case 10...12:
            call(name(session), session, .primary(session)) {
                (call, method, params) throws(CallerFault) in
                try engine.call(call, key, method: method, params: params, data: nil)
            }
        case 13, 14: broadcast()
        case 15: giveUp()
        case 16:
            simulation.note("host  → hangup \(name(session))")
            try? engine.hangUp(key, retry: Int64(number(1_000)))
        case 17:
            if chance(10) {
                simulation.note("host  → close \(name(session))")
                try? engine.close(key)
            }
        case 18: askForRoom(of: key)
        default: break
        }
        node.driver.pump()
    }

    private func notify(_ session: Int, _ key: SessionKey) {
        say("notify \(name(session))", to: .primary(session), method: anyNotification) {
            (method, params) throws(CallerFault) in
            try engine.notify(key, method: method, params: params)
        }
    }

    private func broadcast() {
        simulation.note("host  → broadcast n=\(ledger.nextNumber)")
        let drops = engine.statistics.mailboxDrops
        let method = anyNotification
        Host.withBytes("{\"n\":\(ledger.nextNumber)}") { params in
            engine.announce(method: method.rawBytes, params: params)
            var broadcast = engine.broadcast(method: method.rawBytes, params: params)
            while engine.proceed(&broadcast) {}
        }
        let isDue = engine.statistics.mailboxDrops == drops && !Host.isLog(method)
        ledger.broadcast(isDue: isDue, at: node)
    }

    /// Cancels the oldest call. The notification for the client may find the mailbox full.
    private func giveUp() {
        guard !openCalls.isEmpty else { return }
        let call = openCalls.removeFirst()
        simulation.note("host  → close k\(call.key.rawValue)")
        let drops = engine.statistics.mailboxDrops
        do throws(CallerFault) {
            try engine.close(call.key)
        } catch {
            simulation.violate(.misconduct, "an open call was not closed: \(error)")
        }
        ledger.gaveUp(
            Int(call.key.rawValue), to: call.owner,
            isDue: engine.statistics.mailboxDrops == drops && ledger.isDue(call.owner, from: node),
            at: node)
    }

    private func call(
        _ target: @autoclosure () -> String, _ session: Int?, _ owner: Ledger.Owner,
        _ make: (CallKey, UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(CallerFault) ->
            Void
    ) {
        let key = ledger.nextCall()
        openCalls.append((key, session ?? -1, owner))
        let method: StaticString = chance(50) ? "ping" : "m"
        let isTaken = say("call k\(key.rawValue) \(target())", to: owner, method: method) {
            (method, params) throws(CallerFault) in
            try make(key, method, params)
        }
        if !isTaken { openCalls.removeAll { $0.key == key } }
    }

    /// Sends a message that contains the next number, and enters it in the ledger.
    @discardableResult
    private func say(
        _ what: @autoclosure () -> String, to owner: Ledger.Owner, method: StaticString = "m",
        _ command: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(CallerFault) -> Void
    ) -> Bool {
        let number = ledger.nextNumber
        var fault: CallerFault?
        Host.withBytes("{\"n\":\(number)\(padding)}") { params in
            do throws(CallerFault) {
                try command(method.rawBytes, params)
            } catch {
                fault = error
            }
        }
        simulation.note("host  → \(what()) n=\(number)\(fault.map { " fault=\($0)" } ?? "")")
        ledger.promised(
            to: owner, isDue: fault == nil && ledger.isDue(owner, from: node),
            isLog: Host.isLog(method), at: node)
        return fault == nil
    }

    /// The method of a notification: that of log lines, which may be dropped, or another one.
    private var anyNotification: StaticString { chance(40) ? "notifications/message" : "m" }

    private static func isLog(_ method: StaticString) -> Bool {
        method.rawBytes.equals("notifications/message")
    }

    /// A member that makes a message longer, sometimes much longer.
    var padding: String { Host.paddings[number(6)] }

    private static let paddings = [0, 0, 0, 0, 50, 1_500].map { length in
        length == 0 ? "" : ",\"pad\":\"\(String(repeating: "x", count: length))\""
    }

    static func withBytes(_ text: String, _ use: (UnsafeRawBufferPointer) -> Void) {
        Array(text.utf8).withUnsafeBytes { use($0) }
    }
}
