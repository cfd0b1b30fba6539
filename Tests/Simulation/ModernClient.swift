/// A client of revision 2026-07-28 that acts at random. It has no session: each of its requests
/// stands for itself, and ends with its connection.
final class ModernClient {
    unowned let simulation: Simulation
    /// The principal in whose name it sends requests; nil without authorization.
    let principal: String?
    private(set) var ends: [ModernEnd] = []

    init(_ simulation: Simulation) {
        self.simulation = simulation
        principal =
            simulation.profile.authorizes ? simulation.random.pick(["alice", "bob", "carol"]) : nil
    }

    private var book: ModernBook { simulation.modern }
    private func number(_ bound: Int) -> Int { simulation.random.number(bound) }
    private func chance(_ percent: Int) -> Bool { simulation.random.chance(percent) }
    private func later(_ pauses: [Int], _ act: @escaping () -> Void) {
        simulation.after(Int64(pauses[number(pauses.count)]), act)
    }

    // MARK: Acting

    func think() {
        guard simulation.isBusy else { return }
        act()
        later([0, 0, 5, 50, 300, 1_000, 3_000]) { [self] in think() }
    }

    private func act() {
        switch number(20) {
        case 0...8: call()
        case 9: notify()
        case 10...12: if listeners.count < 4 { listen() }
        case 13: if chance(30) { simulation.random.pick(listeners)?.leave(isHeard: chance(70)) }
        case 14...16: if simulation.isRough { disturb() }
        case 17, 18: misbehave()
        default: discover()
        }
    }

    private var listeners: [ModernEnd] { ends.filter { $0.listen != nil } }

    /// Others use the same ids at the same time.
    private var anyID: String { ["1", "2", "\"1\"", "\"a\"", "-7"][number(5)] }

    private func call() {
        let names = ["elicitation", "sampling", "roots"]
        let offers = chance(70) ? Set(names.filter { _ in chance(70) }) : []
        let method =
            ["tools/call", "tools/call", "prompts/get", "resources/read", "tools/list"][number(5)]
        let call = book.wanted(
            .init(principal: principal, method: method, offers: offers))
        send(ModernRequest(call, method, offers), as: .host)
    }

    private func discover() {
        let isEngines = simulation.profile.options.greeting != nil
        let call = book.wanted(
            .init(principal: principal, method: "server/discover", offers: []))
        send(ModernRequest(call, "server/discover", []), as: isEngines ? .engine : .host)
    }

    private func send(
        _ request: ModernRequest, as expectation: ModernBook.Expectation, answers: Set<Int> = [],
        apart: Bool = false
    ) {
        var request = request
        request.logLevel = chance(50) ? ModernBook.levels[number(8)] : nil
        request.hasToken = chance(70)
        let id = anyID
        let exchange = book.asked(
            .init(
                call: request.call, id: id, expectation: expectation, hasToken: request.hasToken,
                logLevel: request.logLevel, answers: answers, time: simulation.now))
        request.token = exchange
        var http = request.http(id, &simulation.random)
        http.isChunked = chance(10)
        http.isHTTP10 = !http.isChunked && chance(4)
        http.closes = chance(4)
        http.expectsContinue = chance(3)
        send(http, .exchange(exchange), apart: apart)
    }

    private func notify() {
        if chance(20) {
            // It cancels nothing: anybody may use the id.
            let params = "{\"requestId\":\(anyID),\"_meta\":{\(ModernRequest.claim)}}"
            return send(notification("notifications/cancelled", params), .other)
        }
        let note = simulation.ledger.notified(in: nil, by: principal)
        let params = "{\"n\":\(note),\"_meta\":{\(ModernRequest.claim)}}"
        send(notification("notifications/note", params), .note(note))
    }

    private func notification(_ method: String, _ params: String) -> Request {
        var request = Request()
        request.fields = [
            ("MCP-Protocol-Version", ModernRequest.version), ("Mcp-Method", method),
        ]
        request.members = "\"method\":\"\(method)\",\"params\":\(params)"
        return request
    }

    private func listen() {
        var wanted = Filter()
        for (change, _) in Filter.Change.lists where chance(40) { wanted.changes.insert(change) }
        for uri in Filter.resources where chance(35) { wanted.changes.insert(.resource(uri)) }
        let id = anyID
        let listen = Listen(book.listens.count, id, wanted, simulation)
        book.listens.append(listen)
        var request = notification(
            "subscriptions/listen",
            "{\"notifications\":\(wanted.text),\"_meta\":{\(ModernRequest.claim),"
                + "\"io.modelcontextprotocol/clientCapabilities\":{}}}")
        request.members = "\"id\":\(id),\(request.members ?? "")"
        send(request, .listen(listen))
    }

    // MARK: Coming back

    /// An exchange has its answer: perhaps one that asks for something.
    func answered(_ exchange: Int, _ message: Message) {
        guard message.resultType == "input_required", let state = message.requestState else {
            return
        }
        let call = book.exchanges[exchange].call
        let wait = Int(simulation.profile.options.parked ?? 0)
        let isLate = chance(8)
        if simulation.isBusy, chance(7) { return }
        let pauses = isLate ? [wait + 10, wait + 1_000] : [0, 0, 5, 100, wait / 4]
        later(pauses) { [self] in comeBack(call, state, message.questions) }
    }

    /// Comes back for a call with answers: perhaps not to all questions, perhaps twice.
    private func comeBack(_ call: Int, _ state: String, _ questions: [String]) {
        guard !simulation.isLeaving, !simulation.ledger.isClosing else { return }
        var request = request(for: call)
        request.state = state
        let given =
            simulation.isBusy && chance(20) ? questions.filter { _ in chance(50) } : questions
        request.answers = given.map { ($0, "{\"action\":\"accept\",\"q\":\(Int($0) ?? 0)}") }
        if chance(5) { request.answers.append(("4000000", "{}")) }
        if state.hasPrefix("own-") { return send(request, as: .host) }
        if simulation.isBusy, chance(20) { spoil(request, state) }
        let answers = Set(given.compactMap { Int($0) })
        send(request, as: .comeback(state), answers: answers)
        // The other one may be faster.
        if simulation.isBusy, chance(12) {
            let again = { [self] in
                send(request, as: .comeback(state), answers: answers, apart: true)
            }
            if chance(50) { again() } else { later([0, 20, 500], again) }
        }
    }

    private func request(for call: Int) -> ModernRequest {
        ModernRequest(call, book.calls[call].method, book.calls[call].offers)
    }

    /// Makes a mistake before it comes back as it should: nothing may be lost by that.
    private func spoil(_ request: ModernRequest, _ state: String) {
        var wrong = request
        switch number(4) {
        case 0: wrong.state = "shttp-" + String(state.dropFirst(6).reversed())
        case 1: wrong.isChanged = true
        case 2: wrong.isMalformed = true
        default:
            guard let other = simulation.modernClientOfAnother(than: principal) else { return }
            return other.send(wrong, as: .refusal)
        }
        send(wrong, as: .refusal)
    }

    func lost(_ exchange: Int) {
        guard case .comeback(let state) = book.exchanges[exchange].expectation, simulation.isBusy,
            chance(50)
        else { return }
        let call = book.exchanges[exchange].call
        later([0, 100, 2_000]) { [self] in comeBack(call, state, []) }
    }

    // MARK: Trouble

    private func disturb() {
        guard let end = simulation.random.pick(ends) else { return }
        switch number(6) {
        case 0, 1: end.leave(isHeard: chance(60))
        case 2: end.halfClose()
        case 3, 4:
            let pause = [100, 2_000, 20_000, 60_000][number(4)]
            simulation.note("\(end.link.name)    stalls for \(pause) ms")
            end.link.down.stall(until: simulation.now + Int64(pause))
        default: for _ in 0..<8 { notify() }
        }
    }

    private func misbehave() {
        var request = ModernRequest(
            book.wanted(.init(principal: principal, method: "tools/call", offers: [])),
            "tools/call", [])
        request.mistake =
            ModernRequest.Mistake.allCases[number(ModernRequest.Mistake.allCases.count)]
        if request.mistake == .param, !simulation.profile.hasTools { return }
        send(request, as: .refusal)
    }

    // MARK: Connections

    private func send(_ request: Request, _ asked: ModernEnd.Asked, apart: Bool = false) {
        var request = request
        request.grant = simulation.ledger.grant(to: principal)
        var end: ModernEnd?
        if !apart, simulation.isRough, chance(8) { end = ends.first { $0.takesMore } }
        if end == nil, !apart, chance(60) { end = ends.first { $0.isIdle } }
        let carrier = end ?? connect()
        if case .exchange(let number) = asked, book.exchanges[number].expectation == .host {
            simulation.watcher.asked(-1 - book.exchanges[number].call, on: carrier.link)
        }
        carrier.send(request, asked)
    }

    private func connect() -> ModernEnd {
        let end = ModernEnd(simulation.newLink(), self, simulation)
        ends.append(end)
        return end
    }

    func forget(_ end: ModernEnd) { ends.removeAll { $0 === end } }

    // MARK: The end

    /// Starts nothing new, and reads what is left to be read.
    func settle() {
        for end in ends where end.isIdle { end.leave(isHeard: true) }
    }

    func leave() {
        for end in ends { end.leave(isHeard: chance(50)) }
    }
}
