import Session
import Testing
import Wire

@testable import Engine

@Suite("Any order of events")
struct PropertyTests {
    @Test("Each request is answered once or given up aloud, and nothing stays", arguments: 0..<120)
    func anyOrder(_ seed: Int) {
        var options = ServerOptions()
        options.logLevel = nil
        options.sessionsMax = 5
        options.sessionRequestsMax = 4
        options.mailboxMessagesMax = 3
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
        options.hasReplay = seed % 7 != 6
        switch seed / 4 % 3 {
        case 0: options.unsentBytesMax = 100_000  // All that is kept can be sent at once.
        case 1:
            options.unsentBytesMax = 4_000
            options.replayEventsMax = 6
            options.replayBytesMax = 500
        default:
            options.unsentBytesMax = 4_000
            options.replayTotalBytesMax = 1_200
            options.replayAge = 5_000
        }
        let world = World(
            options, seed: UInt64(seed),
            revision: seed / 3 % 3 == 0 ? "2025-06-18" : "2025-11-25",
            mayForget: seed / 4 % 3 > 0)
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
        case 1: if chance(25), let client = pick() { cut(client) }
        case 2: if let client = pick() { client.isStalled.toggle() }
        case 3: pick().map { flush($0) }
        case 4: comeBack()
        case 5...7: if let client = pick() { speak(client) }
        case 8...12: if let client = pick() { deliver(client) }
        case 13...18: command()
        default: wait([1, 1, 10, 300, 1_000, 1_000, 16_000, 31_000][number(8)])
        }
    }

    private func pick() -> Client? {
        clients.filter { !$0.hasLeft }.randomElement(using: &random)
    }

    // MARK: Clients

    private func open() {
        let driver = UnsafeMutableRawPointer(bitPattern: 1)!
        guard clients.count(where: { !$0.hasLeft }) < 6,
            let connection = engine.connectionOpened(driver: driver)
        else {
            return
        }
        clients.append(Client(connection, names))
    }

    /// A connection breaks. The server hears of it now, or later, or never.
    private func cut(_ client: Client) {
        leave(client)
        if chance(60) { engine.connectionLost(client.connection) }
    }

    /// A client comes back for a stream that it has lost.
    func comeBack() {
        let driver = UnsafeMutableRawPointer(bitPattern: 1)!
        guard let index = away.indices.randomElement(using: &random),
            let connection = engine.connectionOpened(driver: driver)
        else { return }
        let following = away.remove(at: index)
        let client = Client(connection, names)
        let place = following.place!
        if let ticket = following.ticket {
            client.tickets.insert(ticket)
        } else {
            client.primaries.insert(following.session!)
        }
        client.isBack = true
        client.asked.append(.resume(following))
        let cursor = "last-event-id=\(place.stream).\(place.number)"
        put("c GET session=\(following.session!) \(cursor)", client)
        clients.append(client)
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
            client.asked.append(session.map { .primary($0) } ?? .nothing)
            put("c GET\(claim)", client)
        case 8:
            client.asked.append(.nothing)
            put(post(claim, #""method":"notifications/initialized""#), client)
        case 9:
            client.asked.append(.nothing)
            let id = chance(80) ? "\(number(lastTicket + 1))" : "\"\(number(lastTicket + 1))\""
            put(
                post(
                    claim, #""method":"notifications/cancelled","params":{"requestId":\#(id)}"#),
                client)
        case 10:
            client.asked.append(.nothing)
            let id = chance(80) ? "\(number(Int(lastCall) + 1))" : "\"1\""
            put(post(claim, "\"id\":\(id),\"result\":{}"), client)
        default:
            if chance(80) { return }
            client.asked.append(.nothing)
            if chance(50) { return put("c DELETE\(claim)", client) }
            client.pending += Array("nonsense\r\n\r\n".utf8)
        }
    }

    private func ask(
        _ method: String, _ id: Int, _ session: String?, _ claim: String, _ client: Client
    ) {
        lastTicket += 1
        client.tickets.insert(lastTicket)
        sessionOf[lastTicket] = engine.options.isStateless ? nil : session
        client.asked.append(.ticket(lastTicket, session))
        let params =
            method == "initialize"
            ? #"{"protocolVersion":"\#(revision)","capabilities":{}}"#
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
        client.pending += Line(line).request(names)
    }

    /// Some of what is on its way arrives.
    private func deliver(_ client: Client, all: Bool = false) {
        guard !client.hasLeft, !client.connection.hasEnded else { return }
        let count = all || chance(50) ? client.pending.count : number(client.pending.count + 1)
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
        switch number(7) {
        case 0, 1: answer(key, request)
        case 2, 3:
            let progress = HostMessage.number(Double(lastNumber))!
            try? engine.progress(key, progress, total: nil, message: .init(start: nil, count: 0))
        case 4:
            if (try? engine.notify(key, method: method.bytes, params: params.bytes)) != nil {
                sent[request.ticket, default: []].append(lastNumber)
            }
        case 5:
            if !request.isInitialize { try? engine.hangUp(key, retry: Int64(number(1_000))) }
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
            ? #"{"protocolVersion":"\#(revision)"}"# : "{\"t\":\(request.ticket)}"
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
        switch number(9) {
        case 8: try? engine.hangUp(key, retry: Int64(number(1_000)))
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
        for client in clients where client.hasLeft { engine.connectionLost(client.connection) }
        settle()
        repeat {
            away.removeAll { $0.ticket == nil }  // Two of them would take turns for ever.
            for _ in away { comeBack() }
            for client in clients {
                client.isStalled = false
                deliver(client, all: true)
                flush(client)
            }
            settle()
        } while away.contains { $0.ticket != nil }
        let lost = answered.subtracting(seen).subtracting(abandoned)
        #expect(lost.isEmpty, "answers \(lost) never arrived")
        checkLogs()
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
        #expect(engine.store?.byteCount ?? 0 == 0)
        #expect(engine.statistics.streams == 0)
        #expect(engine.statistics.unsentBytes == 0)
    }
}

extension ByteBuffer {
    convenience init(text: String) {
        self.init()
        append(Array(text.utf8))
    }
}
