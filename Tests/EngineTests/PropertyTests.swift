import Session
import Testing
import Wire

@testable import Engine

@Suite("Any order of events")
struct PropertyTests {
    @Test("Each request is answered once or given up aloud, and nothing stays", arguments: 0..<60)
    func anyOrder(_ seed: Int) {
        var options = ServerOptions()
        options.logLevel = nil
        options.sessionsMax = 5
        options.sessionRequestsMax = 4
        options.mailboxMessagesMax = 3
        options.unsentBytesMax = 4_000
        options.pipelinedBytesMax = 2_000
        options.isStateless = seed % 6 == 5
        options.responseMode = [.stream, .auto, .json, .stream][seed % 4]
        options.progressRoute = seed % 5 == 4 ? .request : .primary
        if seed % 2 == 0 {
            let object: StaticString = "{}"
            options.greeting = Greeting(
                serverInfo: object.rawBytes, capabilities: object.rawBytes,
                instructions: .init(start: nil, count: 0))
        }
        let world = World(options, seed: UInt64(seed))
        for _ in 0..<800 {
            world.act()
            world.settle()
        }
        world.end(withServer: seed % 3 == 0)
    }
}

extension World {
    func act() {
        switch number(20) {
        case 0: open()
        case 1: if chance(15), let client = pick() { engine.connectionLost(client.connection) }
        case 2: if let client = pick() { client.isStalled.toggle() }
        case 3: pick().map { flush($0) }
        case 4...7: if let client = pick() { speak(client) }
        case 8...12: if let client = pick() { deliver(client) }
        case 13...18: command()
        default: wait([1, 1, 10, 10, 1_000, 1_000, 16_000, 31_000][number(8)])
        }
    }

    private func pick() -> Client? { clients.randomElement(using: &random) }

    // MARK: Clients

    private func open() {
        let driver = UnsafeMutableRawPointer(bitPattern: 1)!
        guard clients.count < 6, let connection = engine.connectionOpened(driver: driver) else {
            return
        }
        clients.append(Client(connection))
    }

    /// Puts something on its way, legal or not.
    private func speak(_ client: Client) {
        let session = sessions.randomElement(using: &random)
        let claim = chance(95) ? session.map { " session=\($0)" } ?? "" : ""
        switch number(12) {
        case 0...5:
            let id = chance(90) ? lastTicket + 1 : number(lastTicket + 1)
            ask("t", id, session, claim, client)
        case 6:
            ask("initialize", lastTicket + 1, nil, chance(95) ? "" : claim, client)
        case 7:
            if let session { client.primaries.insert(session) }
            put("c GET\(claim)", client)
        case 8:
            put(post(claim, #""method":"notifications/initialized""#), client)
        case 9:
            let id = chance(80) ? "\(number(lastTicket + 1))" : "\"\(number(lastTicket + 1))\""
            put(
                post(
                    claim, #""method":"notifications/cancelled","params":{"requestId":\#(id)}"#),
                client)
        case 10:
            let id = chance(80) ? "\(number(Int(lastCall) + 1))" : "\"1\""
            put(post(claim, "\"id\":\(id),\"result\":{}"), client)
        default:
            if chance(10) { put("c DELETE\(claim)", client) }
            if chance(10) { client.pending += Array("nonsense\r\n\r\n".utf8) }
        }
    }

    private func ask(
        _ method: String, _ id: Int, _ session: String?, _ claim: String, _ client: Client
    ) {
        lastTicket += 1
        client.tickets.insert(lastTicket)
        sessionOf[lastTicket] = engine.options.isStateless ? nil : session
        let params =
            method == "initialize"
            ? #"{"protocolVersion":"2025-06-18","capabilities":{}}"#
            : #"{"_meta":{"progressToken":\#(lastTicket)}}"#
        put(
            post(
                "\(claim) ticket=\(lastTicket)\(chance(20) ? " chunked" : "")"
                    + (chance(5) ? " close" : "") + (chance(5) ? " HTTP/1.0" : ""),
                "\"id\":\(id),\"method\":\"\(method)\",\"params\":\(params)"), client)
    }

    private func post(_ words: String, _ members: String) -> String {
        "c POST\(words) {\"jsonrpc\":\"2.0\",\(members)}"
    }

    private func put(_ line: String, _ client: Client) {
        client.pending += Line(line).request
    }

    /// Some of what is on its way arrives.
    private func deliver(_ client: Client) {
        let count = chance(50) ? client.pending.count : number(client.pending.count + 1)
        let bytes = Array(client.pending.prefix(count))
        client.pending.removeFirst(count)
        bytes.withUnsafeBytes { if !$0.isEmpty { engine.received($0, on: client.connection) } }
    }

    // MARK: The host

    private func command() {
        lastNumber += 1
        let requests = given.keys.sorted { $0.rawValue < $1.rawValue }
        if chance(70), let key = requests.randomElement(using: &random), let request = given[key] {
            serve(key, request)
        } else if let session = keys.keys.sorted().suffix(5).randomElement(using: &random) {
            tell(session, keys[session]!)
        }
    }

    private func serve(_ key: RequestKey, _ request: Given) {
        let params = ByteBuffer(text: "{\"t\":\(request.ticket),\"n\":\(lastNumber)}")
        let method = ByteBuffer(text: "m")
        switch number(6) {
        case 0, 1: answer(key, request)
        case 2, 3:
            let progress = HostMessage.number(Double(lastNumber))!
            try? engine.progress(key, progress, total: nil, message: .init(start: nil, count: 0))
        case 4:
            try? engine.notify(key, method: method.bytes, params: params.bytes)
        default:
            call(of: request.session) {
                try engine.call($0, key, method: $1, params: $2, data: nil)
            }
        }
    }

    /// Answers a request, for the first and last time.
    func answer(_ key: RequestKey, _ request: Given) {
        let text =
            request.isInitialize
            ? #"{"protocolVersion":"2025-06-18"}"# : "{\"t\":\(request.ticket)}"
        let result = ByteBuffer(text: text)
        given[key] = nil
        do {
            if request.isInitialize, chance(30) {
                try engine.fail(key, code: 1, message: result.bytes, data: result.bytes)
            } else {
                try engine.respond(key, result.bytes)
                if !request.isInitialize { answered.insert(request.ticket) }
            }
        } catch {
            #expect(error == .disconnected, "every other request can be answered")
        }
        #expect(throws: CallerFault.notFound) { try engine.respond(key, result.bytes) }
    }

    private func tell(_ session: String, _ key: SessionKey) {
        let params = ByteBuffer(text: "{\"s\":\"\(session)\",\"n\":\(lastNumber)}")
        let method = ByteBuffer(text: "m")
        switch number(8) {
        case 0...4: try? engine.notify(key, method: method.bytes, params: params.bytes)
        case 5, 6:
            call(of: session) { try engine.call($0, key, method: $1, params: $2, data: nil) }
        default:
            let oldest = openCalls.keys.min { $0.rawValue < $1.rawValue }
            if let call = oldest, chance(50) {
                openCalls[call] = nil
                #expect(throws: Never.self) { try engine.close(call) }
            } else if chance(5) {
                try? engine.close(key)
            }
        }
    }

    private func call(
        of session: String?,
        _ make: (CallKey, UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) {
        lastCall += 1
        let key = CallKey(rawValue: lastCall)
        let method = ByteBuffer(text: "ping")
        openCalls[key] = session
        do {
            try make(key, method.bytes, .init(start: nil, count: 0))
        } catch {
            openCalls[key] = nil
        }
    }

    // MARK: The end

    /// Lets everything come to its end, and looks at what is left.
    func end(withServer: Bool) {
        for client in clients {
            client.isStalled = false
            flush(client)
        }
        settle()
        for client in clients {
            let lost = answered.intersection(client.tickets).subtracting(seen)
            #expect(lost.isEmpty, "answers \(lost) never arrived")
        }
        if withServer {
            engine.close()
            settle()
        }
        for client in clients { engine.connectionLost(client.connection) }
        settle()
        for key in keys.values { try? engine.close(key) }
        settle()
        for (key, request) in given { answer(key, request) }
        settle()
        for key in keys.values { try? engine.close(key) }
        settle()
        #expect(engine.connections.count == 0)
        #expect(engine.sessions.count == 0)
        #expect(engine.requests.count == 0)
        #expect(engine.calls.isEmpty)
        #expect(openCalls.isEmpty)
        #expect(engine.nextDeadline == nil)
    }
}

extension ByteBuffer {
    convenience init(text: String) {
        self.init()
        append(Array(text.utf8))
    }
}
