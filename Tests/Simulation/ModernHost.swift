import Engine
import MCP
import Session
import Wire

/// The part of the host that serves modern clients, and publishes to everybody.
final class ModernHost {
    /// A request that it has received.
    private struct Given {
        let call: Int
        /// How many messages it sends before it answers.
        var steps: Int
    }

    private unowned let simulation: Simulation
    private unowned let node: Node
    private unowned let host: Host
    private var given: [RequestKey: Given] = [:]
    private var questions: [CallKey: Int] = [:]

    init(_ simulation: Simulation, _ node: Node, _ host: Host) {
        self.simulation = simulation
        self.node = node
        self.host = host
    }

    private var engine: ServerEngine { node.engine }
    private var book: ModernBook { simulation.modern }
    private func number(_ bound: Int) -> Int { simulation.random.number(bound) }
    private func chance(_ percent: Int) -> Bool { simulation.random.chance(percent) }

    var isWaiting: Bool { !given.isEmpty || !questions.isEmpty }

    func processEnded() {
        given = [:]
        questions = [:]
        book.processEnded(of: node)
    }

    // MARK: Events

    /// Whether an event is about a request of a modern client, or a question to one.
    func concerns(_ event: HostEvent) -> Bool {
        event.request.map { given[$0] != nil } ?? false
            || event.call.map { questions[$0] != nil } ?? false
    }

    /// False if an event is not about a modern client.
    func heard(_ event: HostEvent) -> Bool {
        switch event.kind {
        case .request where event.revision?.era == .modern: heardRequest(event)
        case .cancelled:
            guard let request = event.request.flatMap({ given.removeValue(forKey: $0) }) else {
                return false
            }
            book.wasCancelled(request.call, because: event.fault)
        case .response:
            guard let key = event.call, let call = questions.removeValue(forKey: key) else {
                return isAnswered(event)
            }
            heardAnswer(event, Int(key.rawValue), call)
        case .resourceSubscribed, .resourceUnsubscribed:
            let uri = event.uri.map { text($0) } ?? ""
            book.isWatched(uri, event.kind == .resourceSubscribed, at: node)
        default: return false
        }
        return true
    }

    private func text(_ buffer: ByteBuffer) -> String {
        withExtendedLifetime(buffer) { String(decoding: buffer.bytes, as: UTF8.self) }
    }

    private func heardRequest(_ event: HostEvent) {
        let params = JSONValue(event.params, depthMax: 16)
        guard let key = event.request, let call = params?["m"]?.integer.map({ Int($0) }),
            let method = params.map({ _ in event.method })
        else { return simulation.violate(.misconduct, "a request without its message") }
        book.given(call, by: Host.name(event.principal))
        guard book.calls.indices.contains(call) else { return }
        simulation.watcher.given(-1 - call, event)
        if String(decoding: method, as: UTF8.self) != book.calls[call].method {
            simulation.violate(.leak, "call \(call) has another method")
        }
        if let state = params?["requestState"], state.isString, book.calls[call].isGiven < 2 {
            simulation.violate(.misconduct, "call \(call) comes with a state")
        }
        let steps = [0, 0, 1, 3, 6][number(5)]
        if given.updateValue(Given(call: call, steps: steps), forKey: key) != nil {
            simulation.violate(.duplication, "a request's key was given twice")
        }
        if chance(40) { serve(key) } else { serveLater(key) }
    }

    private func heardAnswer(_ event: HostEvent, _ question: Int, _ call: Int) {
        book.answered(call, question)
        guard let message = event.message else {
            if event.fault == nil { simulation.violate(.misconduct, "neither answer nor fault") }
            return
        }
        let answer = JSONValue(message, depthMax: 16)
        if event.fault != nil { simulation.violate(.misconduct, "an answer and a fault") }
        if answer?["result"]?["q"]?.integer != Int64(question)
            || answer?["id"]?.integer != Int64(question)
        {
            simulation.violate(.leak, "question \(question) got the answer to another")
        }
    }

    /// Whether a question that is not open any more is answered again.
    private func isAnswered(_ event: HostEvent) -> Bool {
        guard let key = event.call,
            let call = book.calls.firstIndex(where: { $0.questions.contains(Int(key.rawValue)) })
        else { return false }
        book.answered(call, Int(key.rawValue))
        return true
    }

    // MARK: Serving

    private func serveLater(_ key: RequestKey) {
        let pause = simulation.isBusy ? [0, 1, 20, 300, 2_000, 20_000][number(6)] : number(20)
        node.after(Int64(pause)) { [self] in serve(key) }
    }

    /// Says or asks something, or answers.
    private func serve(_ key: RequestKey) {
        guard var request = given[key] else { return }
        guard request.steps > 0, simulation.isBusy else { return answer(key, request) }
        request.steps -= 1
        given[key] = request
        for _ in 0..<host.chattiness { speak(key, request.call) }
        node.driver.pump()
        if chance(40) { serve(key) } else { serveLater(key) }
    }

    private func speak(_ key: RequestKey, _ call: Int) {
        switch number(10) {
        case 0...2:
            let progress = Double(simulation.ledger.nextNumber)
            say("progress m\(call)", to: .modernProgress(call)) { _ throws(CallerFault) in
                try engine.progress(
                    key, progress, total: nil, message: .init(start: nil, count: 0))
            }
        case 3, 4:
            say("notify m\(call)", to: .exchange(call)) { params throws(CallerFault) in
                try engine.notify(
                    key, method: ("m" as StaticString).rawBytes, params: params)
            }
        case 5, 6:
            let level = ModernBook.levels[number(8)]
            say("log m\(call)", to: .exchange(call), level: level) { params throws(CallerFault) in
                try engine.notify(key, method: Method.message.rawBytes, params: params)
            }
        case 7: if !questions.isEmpty, chance(20) { giveUp() }
        default: for _ in 0...number(3) { ask(key, call) }
        }
    }

    /// Cancels a question.
    private func giveUp() {
        guard let (key, call) = questions.min(by: { $0.key.rawValue < $1.key.rawValue }) else {
            return
        }
        questions[key] = nil
        simulation.note("host  → close k\(key.rawValue)")
        do throws(CallerFault) {
            try engine.close(key)
        } catch {
            if error == .notFound {
                questions[key] = call  // Its request has ended: the next event says so.
                return
            }
            simulation.violate(.misconduct, "an open question was not closed: \(error)")
        }
    }

    private func ask(_ key: RequestKey, _ call: Int) {
        let question = simulation.ledger.nextCall()
        let (method, name) = [
            ("elicitation/create", "elicitation"), ("sampling/createMessage", "sampling"),
            ("roots/list", "roots"), ("ping", "ping"),
        ][[0, 0, 1, 2, 3][number(5)]]
        var fault: CallerFault?
        var bytes = 0
        questions[question] = call
        Host.withBytes(method) { method in
            Host.withBytes("{\"q\":\(question.rawValue)\(host.padding)}") { params in
                bytes = params.count + 80
                do throws(CallerFault) {
                    try engine.call(question, key, method: method, params: params, data: nil)
                } catch {
                    fault = error
                }
            }
        }
        simulation.note(
            "host  → ask m\(call) \(method) k\(question.rawValue)\(fault.map { " fault=\($0)" } ?? "")"
        )
        let wanted = book.calls[call]
        let mayAsk = ["tools/call", "prompts/get", "resources/read"].contains(wanted.method)
        let right: [CallerFault?] =
            if !mayAsk || name == "ping" {
                [.noCalls, .notFound]
            } else if !wanted.offers.contains(name) {
                [.noCapability, .notFound]
            } else {
                [nil, .limit, .disconnected, .notFound]
            }
        if !right.contains(fault) {
            simulation.violate(.misconduct, "call \(call) asks for \(name): \(fault as Any)")
        }
        if fault == nil {
            book.questioned(call, Int(question.rawValue), bytes: bytes)
        } else {
            questions[question] = nil
        }
    }

    /// Answers a request, once.
    private func answer(_ key: RequestKey, _ request: Given) {
        given[key] = nil
        let call = request.call
        let isError = chance(10)
        let mayAsk = ["tools/call", "prompts/get", "resources/read"].contains(
            book.calls[call].method)
        let asks = !isError && mayAsk && simulation.isBusy && chance(8)
        let code = [1, 1, -32_601, -32_602, -32_603][number(5)]
        let isInBand = isError && chance(30)
        simulation.note("host  → \(isError ? "fail \(code)" : asks ? "own" : "respond") m\(call)")
        let text =
            asks
            ? """
            {"resultType":"input_required","inputRequests":{"x":{"method":"roots/list"}},\
            "requestState":"own-\(call)"}
            """ : "{\"m\":\(call)\(host.padding)}"
        Host.withBytes(text) { bytes in
            do throws(CallerFault) {
                if isError {
                    try engine.fail(
                        key, code: Int32(code), message: ("no" as StaticString).rawBytes,
                        data: bytes, isInBand: isInBand)
                } else {
                    try engine.respond(key, bytes)
                }
            } catch {
                if error == .notFound {
                    given[key] = request  // Cancelled: the next event says so.
                    return
                }
                simulation.violate(.misconduct, "an open request was not answered: \(error)")
            }
            if asks {
                book.hostAsked(call)
            } else {
                book.hostAnswered(call, isError ? .error : .result, isInBand: isInBand)
            }
            if (try? engine.respond(key, bytes)) != nil {
                simulation.violate(.duplication, "a request was answered twice")
            }
        }
        node.driver.pump()
    }

    /// Sends a message that contains the next number, and enters it in the ledger.
    private func say(
        _ what: @autoclosure () -> String, to owner: Ledger.Owner, level: String? = nil,
        _ command: (UnsafeRawBufferPointer) throws(CallerFault) -> Void
    ) {
        let number = simulation.ledger.nextNumber
        var fault: CallerFault?
        let severity = level.map { ",\"level\":\"\($0)\"" } ?? ""
        Host.withBytes("{\"n\":\(number)\(severity)\(host.padding)}") { params in
            do throws(CallerFault) {
                try command(params)
            } catch {
                fault = error
            }
        }
        simulation.note("host  → \(what()) n=\(number)\(fault.map { " fault=\($0)" } ?? "")")
        simulation.ledger.promised(
            to: owner, isDue: fault == nil && isWanted(owner, level), isLog: level != nil,
            at: node)
    }

    /// Whether the client has said that it wants such a message.
    private func isWanted(_ owner: Ledger.Owner, _ level: String?) -> Bool {
        switch owner {
        case .modernProgress(let call):
            return book.exchanges.first { $0.call == call }?.hasToken == true
        case .exchange(let call):
            guard let level else { return true }
            let first = book.exchanges.first { $0.call == call }
            return ModernBook.wants(level, first?.logLevel)
        default: return true
        }
    }

    // MARK: For everybody

    func setTools() {
        let tools = """
            [{"name":"tool","inputSchema":{"type":"object","properties":{"region":{"type":"string",\
            "x-mcp-header":"Region"}}}}]
            """
        Host.withBytes(tools) { tools in
            if (try? engine.setTools(tools)) == nil { simulation.violate(.misconduct, "tools") }
        }
    }

    func publish() {
        let changes: [Filter.Change] =
            [.tools, .prompts, .resources] + Filter.resources.map { .resource($0) }
        let change = changes[number(changes.count)]
        simulation.note("host  → publish \(change)")
        let drops = engine.statistics.mailboxDrops
        book.publishing(change)
        var uri = ""
        let kind: Change
        switch change {
        case .tools: kind = .tools
        case .prompts: kind = .prompts
        case .resources: kind = .resources
        case .resource(let name):
            kind = .resource
            uri = name
        }
        Host.withBytes(uri) { engine.announce(kind, $0) }
        publish(kind, uri)
        simulation.ledger.published(
            change, isDue: engine.statistics.mailboxDrops == drops, at: node)
    }

    private func publish(_ kind: Change, _ uri: String) {
        let whole = Filter.whole(of: uri).map { name in
            let text = ByteBuffer()
            text.append(Array(name.utf8))
            return text
        }
        Host.withBytes(uri) { uri in
            var publication = engine.publish(kind, uri, covering: whole.map { [$0] } ?? [])
            while engine.proceed(&publication) {}
        }
    }

    /// Another node has published a change.
    func heard(of kind: Change, _ uri: String) {
        let drops = engine.statistics.mailboxDrops
        publish(kind, uri)
        let change: Filter.Change =
            switch kind {
            case .tools: .tools
            case .prompts: .prompts
            case .resources: .resources
            case .resource: .resource(uri)
            }
        simulation.ledger.published(
            change, isDue: engine.statistics.mailboxDrops == drops, at: node)
    }
}
