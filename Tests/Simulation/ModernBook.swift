import Engine

/// The modern part of the ledger: what clients of revision 2026-07-28 asked for, and what came.
final class ModernBook {
    /// Something that a client wants done: one request, and those with which it comes back.
    struct Call {
        let principal: String?
        let method: String
        /// The capabilities that its client declares.
        let offers: Set<String>
        /// How often the host may be given it: once more for each time that it asks by itself.
        var gives = 1
        var isGiven = 0
        var isCancelled = false
        /// Whether its client, or the network, has let a request of it down.
        var isLost = false
        /// Whether it was answered by questions.
        var hasTrips = false
        var hostAnswer: Ledger.Outcome?
        /// Whether that is an error of another server's, whose code says nothing to HTTP.
        var isInBand = false
        /// The questions that the host has asked, and those that the engine has answered to it.
        var questions: Set<Int> = []
        var heard: Set<Int> = []
        /// The bytes of all questions.
        var questionBytes = 0
        /// When its last request was sent that was answered by questions.
        var asked: Int64 = 0
        /// The numbers of the messages for its client.
        var promised: [Int] = []
        var newestProgress = -1
        var isOver = false
    }

    /// What a request must lead to.
    enum Expectation: Equatable {
        /// Whatever the host does.
        case host
        /// As well, if the state is still good.
        case comeback(String)
        /// A refusal: the client does something wrong.
        case refusal
        /// The engine's own answer.
        case engine
    }

    /// One HTTP exchange of a client.
    struct Exchange {
        let call: Int
        /// The JSON-RPC id as JSON text: others may use the same.
        let id: String
        let expectation: Expectation
        let hasToken: Bool
        let logLevel: String?
        /// The questions that it answers.
        var answers: Set<Int> = []
        let time: Int64
        /// Whether its client has left it, or does not read.
        var isLeft = false
        var outcome: Ledger.Outcome?
        /// The last numbers that came on its stream.
        var lastNumber = -1
        var lastProgress = -1
    }

    /// Under what a client may come back.
    struct State {
        let call: Int
        /// How many have tried to, and how many have succeeded.
        var tries = 0
        var successes = 0
        /// When the request was sent that was answered with it.
        let time: Int64
    }

    unowned let simulation: Simulation
    private(set) var calls: [Call] = []
    private(set) var exchanges: [Exchange] = []
    private(set) var states: [String: State] = [:]
    var listens: [Listen] = []
    private(set) var questionBytesMost = 0
    /// How often each change was published, and the number of writes at the last time.
    private(set) var published: [Filter.Change: (count: Int, writes: Int)] = [:]
    /// The resources that the host of each node knows to have subscribers.
    private var watched: [Int: Set<String>] = [:]

    init(_ simulation: Simulation) {
        self.simulation = simulation
    }

    private var ledger: Ledger { simulation.ledger }

    private func expect(
        _ condition: Bool, _ kind: Violation.Kind, _ text: @autoclosure () -> String
    ) {
        if !condition { simulation.violate(kind, text()) }
    }

    // MARK: What clients do

    func wanted(_ call: Call) -> Int {
        calls.append(call)
        return calls.count - 1
    }

    func asked(_ exchange: Exchange) -> Int {
        exchanges.append(exchange)
        if case .comeback(let state) = exchange.expectation { states[state]?.tries += 1 }
        return exchanges.count - 1
    }

    /// The client leaves the connection of an exchange, or lets it be lost.
    func left(_ number: Int) {
        exchanges[number].isLeft = true
        calls[exchanges[number].call].isLost = true
    }

    // MARK: What the host hears and says

    func given(_ call: Int, by principal: String?) {
        guard calls.indices.contains(call) else {
            return simulation.violate(.leak, "the host was given a request that nobody made")
        }
        calls[call].isGiven += 1
        expect(
            calls[call].isGiven <= calls[call].gives, .duplication,
            "the host was given call \(call) twice")
        expect(calls[call].principal == principal, .leak, "call \(call) came from another")
    }

    /// The host heard of the end of a request, without or before its own answer.
    func wasCancelled(_ number: Int, because fault: CallerFault?) {
        let call = calls[number]
        expect(!call.isCancelled, .duplication, "call \(number) was cancelled twice")
        calls[number].isCancelled = true
        switch fault {
        case .disconnected:
            let wait = simulation.profile.options.parked ?? .max
            let isLate = call.hasTrips && simulation.now - call.asked >= wait
            expect(
                call.isLost || isLate || mayLose, .misconduct,
                "call \(number) was given up, and its client is there")
        case .closed: expect(ledger.isClosing, .misconduct, "call \(number) was cut")
        default: expect(false, .misconduct, "call \(number) was cancelled for no reason")
        }
    }

    /// Whether a client may lose a request that it has not left itself.
    private var mayLose: Bool {
        simulation.profile.isRough || simulation.profile.isTight || simulation.profile.authorizes
            || ledger.isClosing
    }

    func hostAnswered(_ call: Int, _ outcome: Ledger.Outcome, isInBand: Bool) {
        calls[call].hostAnswer = outcome
        calls[call].isInBand = isInBand
    }

    /// The host asks by itself: it will be given the call again.
    func hostAsked(_ call: Int) { calls[call].gives += 1 }

    func questioned(_ call: Int, _ question: Int, bytes: Int) {
        calls[call].questions.insert(question)
        calls[call].questionBytes += bytes
        questionBytesMost = max(questionBytesMost, calls[call].questionBytes)
    }

    func answered(_ call: Int, _ question: Int) {
        expect(
            calls[call].heard.insert(question).inserted, .parking,
            "question \(question) was answered twice")
    }

    func promised(to call: Int, _ number: Int) { calls[call].promised.append(number) }

    func isWatched(_ uri: String, _ isWatched: Bool, at node: Node) {
        let isNews =
            isWatched
            ? watched[node.number, default: []].insert(uri).inserted
            : watched[node.number, default: []].remove(uri) != nil
        expect(isNews, .misconduct, "the host heard twice that \(uri) is watched, or is not")
    }

    /// The next host knows of no resource that is watched.
    func processEnded(of node: Node) { watched[node.number] = [] }

    func watched(at node: Node) -> Set<String> { watched[node.number] ?? [] }

    func publishing(_ change: Filter.Change) {
        let count = published[change]?.count ?? 0
        published[change] = (count + 1, simulation.writes)
        ledger.publishing(change)
    }

    // MARK: What comes

    /// No answer will come.
    func lost(_ number: Int) {
        guard exchanges[number].outcome == nil else { return }
        expect(
            exchanges[number].isLeft || mayLose, .loss,
            "exchange \(number) was lost on a network that loses nothing")
        exchanges[number].outcome = .lost
        calls[exchanges[number].call].isLost = true
        if exchanges[number].expectation == .host { calls[exchanges[number].call].isOver = true }
    }

    /// A request was refused for lack of authorization.
    func denied(_ number: Int) {
        expect(exchanges[number].outcome == nil, .duplication, "exchange \(number) was denied late")
        exchanges[number].outcome = .refused
        guard exchanges[number].expectation == .host else { return }
        let call = exchanges[number].call
        expect(calls[call].isGiven < calls[call].gives, .leak, "the host has call \(call), denied")
        calls[call].isOver = true
    }

    /// The response to an exchange that has no stream.
    func responded(_ number: Int, _ status: Int, _ message: Message?) {
        let exchange = exchanges[number]
        guard let message else {
            expect(
                status == 408, .misconduct, "exchange \(number) got \(status) without a message")
            return refused(number, status)
        }
        if status == 408 || status == 503 { return refused(number, status) }
        expect(message.isAnswer, .misconduct, "a response that is no answer")
        let statuses: [Int64: Int] = [-32_601: 404, -32_602: 400, -32_020: 400, -32_022: 400]
        let right = message.errorCode.map { statuses[$0] ?? 200 } ?? 200
        let isInBand = calls[exchange.call].isInBand && status == 200
        expect(status == right || isInBand, .misconduct, "\(status) for \(message.errorCode ?? 0)")
        if message.errorCode != nil, status != 200 || calls[exchange.call].hostAnswer == nil {
            if mayRefuse(exchange, message) { return refused(number, status) }
        }
        answered(number, message, isStream: false)
    }

    /// Whether the engine may refuse an exchange by itself.
    private func mayRefuse(_ exchange: Exchange, _ message: Message) -> Bool {
        switch exchange.expectation {
        case .host, .engine: false
        case .refusal: true
        case .comeback(let name): message.errorCode == -32_602 && !isGood(name)
        }
    }

    /// Whether coming back with a state must succeed.
    private func isGood(_ name: String) -> Bool {
        guard let state = states[name] else { return false }
        let wait = simulation.profile.options.parked ?? .max
        return state.tries == 1 && simulation.now - state.time < wait
            && !calls[state.call].isCancelled && !ledger.isClosing
    }

    private func refused(_ number: Int, _ status: Int) {
        let exchange = exchanges[number]
        expect(exchange.outcome == nil, .duplication, "exchange \(number) was answered twice")
        let isBusy = status == 408 || status == 503
        expect(
            !isBusy || simulation.profile.isRough || simulation.profile.authorizes
                || ledger.isDraining || ledger.isClosing,
            .misconduct, "exchange \(number) was refused with \(status)")
        exchanges[number].outcome = .refused
        if exchange.expectation == .host {
            let call = calls[exchange.call]
            expect(call.isGiven < call.gives, .misconduct, "a refused call reached the host")
            calls[exchange.call].isOver = true
        }
    }

    /// A client got something else than a refusal.
    private func accepted(_ number: Int) {
        let exchange = exchanges[number]
        expect(exchange.expectation != .refusal, .leak, "exchange \(number) should be refused")
        guard case .comeback(let name) = exchange.expectation, exchange.lastNumber < 0 else {
            return
        }
        states[name]?.successes += 1
        expect(states[name]?.successes == 1, .parking, "a client came back twice with one state")
    }

    func answered(_ number: Int, _ message: Message, isStream: Bool) {
        let exchange = exchanges[number]
        expect(exchange.outcome == nil, .duplication, "exchange \(number) was answered twice")
        expect(message.id == exchange.id, .leak, "exchange \(number) was answered for another id")
        if !isStream { accepted(number) }
        ledger.count()
        if message.errorCode == nil {
            expect(message.resultType != nil, .misconduct, "a result without a type")
        }
        guard message.resultType != "input_required" else { return asked(number, message) }
        exchanges[number].outcome = message.errorCode == nil ? .result : .error
        let call = calls[exchange.call]
        calls[exchange.call].isOver = true
        if exchange.expectation == .engine { return }
        if message.errorCode == nil {
            expect(message.call == exchange.call, .leak, "the result of another call")
            expect(call.hostAnswer == .result, .misconduct, "a result that the host did not give")
        } else {
            expect(
                call.hostAnswer == .error || ledger.isClosing, .misconduct,
                "an error of call \(exchange.call) that nobody gave")
        }
        checkMessages(before: number, isStream: isStream)
    }

    /// A client is asked for something.
    private func asked(_ number: Int, _ message: Message) {
        let exchange = exchanges[number]
        exchanges[number].outcome = .result
        guard let name = message.requestState else {
            return simulation.violate(.misconduct, "questions without a state")
        }
        calls[exchange.call].hasTrips = true
        calls[exchange.call].asked = exchange.time
        guard name.hasPrefix("shttp-") else {
            return expect(
                name == "own-\(exchange.call)", .leak, "the state of another call: \(name)")
        }
        expect(states[name] == nil, .duplication, "a state was given twice")
        states[name] = State(call: exchange.call, time: exchange.time)
        let questions = Set(message.questions.map { Int($0) ?? -1 })
        expect(!questions.isEmpty, .misconduct, "a client is asked for nothing")
        expect(
            questions.isSubset(of: calls[exchange.call].questions), .leak,
            "call \(exchange.call) is asked what it is not to be")
        expect(
            questions.isDisjoint(with: exchange.answers), .duplication,
            "a client is asked again for what it has answered")
    }

    /// What the host said before its answer has come. An answer that waits for its client takes the
    /// place of what waits before it.
    private func checkMessages(before number: Int, isStream: Bool) {
        let call = calls[exchanges[number].call]
        let isWhole = isStream && call.gives == 1 || !call.hasTrips
        for promise in call.promised where ledger.promises[promise].isDue {
            let due = ledger.promises[promise]
            guard !due.isLog, case .exchange = due.owner else { continue }
            expect(
                due.hasArrived || !isWhole, .loss,
                "message \(promise) did not come before the answer to its call")
        }
    }

    /// A message came on an exchange's stream.
    func received(_ message: Message, on number: Int) {
        let exchange = exchanges[number]
        guard let promise = message.number, ledger.promises.indices.contains(promise) else {
            return simulation.violate(.misconduct, "a message that the host never sent")
        }
        ledger.arrived(promise)
        let isFirst = exchange.lastNumber < 0 && exchange.lastProgress < 0
        if isFirst { accepted(number) }
        switch ledger.promises[promise].owner {
        case .exchange(let call):
            expect(call == exchange.call, .leak, "message \(promise) came in call \(exchange.call)")
            expect(promise > exchange.lastNumber, .reordering, "message \(promise) came late")
            exchanges[number].lastNumber = promise
        case .modernProgress(let call):
            expect(call == exchange.call, .leak, "progress \(promise) came in another call")
            expect(message.progressToken == number, .leak, "progress with another's token")
            expect(exchange.hasToken, .leak, "progress that nobody wants")
            let last = max(exchange.lastProgress, calls[call].hasTrips ? -1 : exchange.lastNumber)
            expect(promise > last, .reordering, "progress \(promise) came late")
            exchanges[number].lastProgress = promise
            calls[call].newestProgress = max(calls[call].newestProgress, promise)
        default: expect(false, .leak, "message \(promise) is not for call \(exchange.call)")
        }
        if let level = message.level {
            expect(
                ModernBook.wants(level, exchange.logLevel), .filter,
                "a log line that nobody wants")
        }
    }

    static let levels = [
        "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
    ]

    /// Whether a client that wants log lines from `least` on gets one of a level.
    static func wants(_ level: String, _ least: String?) -> Bool {
        guard let least, let place = levels.firstIndex(of: level),
            let from = levels.firstIndex(of: least)
        else { return false }
        return place >= from
    }
}
