import Replay
import Session
import Testing
import Wire

@testable import Engine

/// Clients, a host and a driver that do as chance will have it, and keep watch over what they see.
final class World {
    /// What a request on a connection asks for, in the order of the answers.
    enum Asked {
        case ticket(Int, String?)
        case primary(String)
        case resume(Following)
        case nothing
    }

    /// A client's view of one stream, which it follows from connection to connection.
    struct Following {
        /// The request whose stream it is; nil for the session's primary.
        let ticket: Int?
        let session: String?
        /// The last place that the client was told.
        var place: Place?
        /// Whether the answer has come.
        var isDone = false
    }

    struct Place: Equatable {
        let stream: String
        let number: Int
    }

    final class Client {
        let connection: ServerConnection
        var reader: ResponseReader
        /// Bytes that are on their way to the server.
        var pending: [UInt8] = []
        var asked: [Asked] = []
        var following: Following?
        var tickets: Set<Int> = []
        /// The sessions whose primary stream it has asked for.
        var primaries: Set<String> = []
        var isStalled = false
        /// Whether it has come back for a stream.
        var isBack = false
        /// Whether the client has gone, which the server need not know.
        var hasLeft = false

        init(_ connection: ServerConnection, _ names: Names) {
            self.connection = connection
            reader = ResponseReader(names)
        }
    }

    /// A request that the host was given. Its method is `t` and the number of its ticket.
    struct Given {
        let ticket: Int
        let session: String?
        let isInitialize: Bool
    }

    let engine: ServerEngine
    let names = Names()
    var random: SeededRandom
    var now: Int64 = 0
    var clients: [Client] = []
    var lastTicket = 0
    var sessionOf: [Int: String] = [:]
    /// Sessions that some client has been told of.
    var sessions: [String] = []
    var keys: [String: SessionKey] = [:]
    var given: [RequestKey: Given] = [:]
    /// Answers that the engine took, and those that clients saw.
    var answered: Set<Int> = []
    var seen: Set<Int> = []
    var openCalls: [CallKey: String] = [:]
    var lastCall: UInt64 = 0
    var lastNumber = 0
    /// The last number seen in each order of messages that must rise.
    var order: [String: Int] = [:]
    /// Streams that their clients have lost and will come back for.
    var away: [Following] = []
    /// Requests whose clients cannot come back: they had no place yet, or were refused.
    var abandoned: Set<Int> = []
    /// What each event was, by its id.
    var events: [String: String] = [:]
    /// Notifications of each request, as the host sent them and as its client saw them.
    var sent: [Int: [Int]] = [:]
    var received: [Int: [Int]] = [:]
    var endedSessions: Set<String> = []
    /// Whether there is so little room that events may be gone before a client is back.
    let mayForget: Bool
    let revision: String

    init(_ options: ServerOptions, seed: UInt64, revision: String, mayForget: Bool) {
        self.revision = revision
        self.mayForget = mayForget
        random = SeededRandom(seed)
        var word: UInt64 = 0
        engine = ServerEngine(options) {
            word += 1
            return word
        }
    }

    func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
    func chance(_ percent: Int) -> Bool { number(100) < percent }

    // MARK: The driver

    /// Does what a turn of the loop does.
    func settle() {
        perform()
        while let connection = engine.nextWritable() {
            if let client = clients.first(where: { $0.connection === connection }) { flush(client) }
            if !engine.hasWritable { perform() }
        }
        for client in clients where client.connection.hasEnded { leave(client) }
        clients.removeAll { $0.connection.hasEnded }
    }

    /// Takes some or all of what the engine has for a client.
    func flush(_ client: Client) {
        perform()  // The host hears of things before a client sees what came of them.
        guard !client.isStalled, !client.hasLeft, !client.connection.hasEnded,
            let output = engine.takeOutput(of: client.connection)
        else { return }
        for line in client.reader.read(output.bytes) { saw(line, client) }
        let first = number(output.count + 1)
        engine.sent(first, on: client.connection)
        if !client.connection.hasEnded { engine.sent(output.count - first, on: client.connection) }
        engine.recycle(output)
    }

    private func perform() {
        while let effect = engine.nextEffect() {
            switch effect {
            case .deliver(let event): heard(event)
            case .shutDown(let connection):
                // All that an HTTP/1.0 stream has for an end.
                for client in clients where client.connection === connection { endStream(client) }
            default: break
            }
        }
    }

    func wait(_ milliseconds: Int64) {
        now += milliseconds
        engine.advance(to: Instant(milliseconds: now))
        engine.deadlineReached()
        settle()
        #expect(engine.nextDeadline.map { $0.milliseconds > now } ?? true)
        checkLogs()
    }

    /// What is kept stays within bounds, and the engine counts it right (S-245).
    func checkLogs() {
        var bytes = 0
        for session in engine.sessions.all {
            let store = engine.store as? MemoryEventStore
            guard let log = store?.log(of: session.key) else { continue }
            bytes += log.byteCount
            #expect(log.count <= engine.options.replayEventsMax)
            #expect(log.byteCount <= engine.options.replayBytesMax)
            #expect(session.held.allSatisfy { $0.heldAnswer != nil }, "held, and nothing to hold")
        }
        #expect(engine.store?.byteCount ?? 0 == bytes)
        #expect(bytes <= engine.options.replayTotalBytesMax)
    }

    // MARK: The host's eyes

    private func heard(_ event: HostEvent) {
        let session = event.session.map { names.session($0.wireID.text) }
        if let session { keys[session] = event.sessionKey }
        switch event.kind {
        case .request:
            let method = String(decoding: event.method, as: UTF8.self)
            let ticket = Int(event.head![.lastEventID]!.text)!
            #expect(method == "initialize" || sessionOf[ticket] == session)
            #expect(given.updateValue(
                Given(ticket: ticket, session: session, isInitialize: method == "initialize"),
                forKey: event.request!) == nil)
        case .cancelled:
            #expect(given.removeValue(forKey: event.request!) != nil, "cancelled what was open")
        case .response:
            let owner = openCalls.removeValue(forKey: event.call!)
            #expect(owner != nil && owner == session, "a call ends once, in its own session")
            #expect((event.document == nil) != (event.fault == nil))
        case .sessionClosed:
            sessions.removeAll { $0 == session }
            endedSessions.insert(session!)
        default: break
        }
    }

    // MARK: The clients' eyes

    private func saw(_ line: String, _ client: Client) {
        if line.wholeMatch(of: /\d\d\d( .*)?/) != nil { answerBegan(line, client) }
        if let match = line.firstMatch(of: /^(?:prime |event id=)(s\d+)(?:\.(\d+))?/) {
            let number = match.output.2.map { Int($0)! } ?? 0
            arrived(line, Place(stream: String(match.output.1), number: number), client)
        }
        if line.hasPrefix("event"), line.contains(/"(result|error)":/) {
            client.following?.isDone = true
        }
        if line == "end" { endStream(client) }
        if let match = line.firstMatch(of: /session=(S\d+)/) {
            sessions.append(String(match.output.1))
        }
        if let ticket = find(/"t":(\d+)/, in: line) {
            #expect(client.tickets.contains(ticket), "a message of another's request: \(line)")
            if line.contains("\"result\"") {
                #expect(seen.insert(ticket).inserted, "answered twice: \(line)")
                #expect(received[ticket] == sent[ticket], "not all came before the answer")
            } else {
                rises("t\(ticket)", line, client)
                received[ticket, default: []].append(find(/"n":(\d+)/, in: line)!)
            }
        }
        if let ticket = find(/"progressToken":(\d+)/, in: line) {
            let isPrimary = sessionOf[ticket].map { client.primaries.contains($0) } ?? false
            #expect(client.tickets.contains(ticket) || isPrimary, "another's progress: \(line)")
            let mayBeLate = client.isBack && isPrimary  // It is sent again, and the result is not.
            #expect(!seen.contains(ticket) || mayBeLate, "progress behind its result: \(line)")
            rises("p\(ticket)", line, client)
        }
        if let match = line.firstMatch(of: /"s":"(S\d+)"/) {
            let session = String(match.output.1)
            #expect(client.primaries.contains(session), "a message of another session: \(line)")
            rises(session, line, client)
        }
    }

    /// The head of an answer, or all of it, has come.
    private func answerBegan(_ line: String, _ client: Client) {
        let asked = client.asked.isEmpty ? .nothing : client.asked.removeFirst()
        let isStream = line.hasPrefix("200 stream")
        switch asked {
        case .ticket(let ticket, let session) where isStream:
            let opened = line.firstMatch(of: /session=(S\d+)/).map { String($0.output.1) }
            client.following = Following(ticket: ticket, session: opened ?? session)
        case .primary(let session) where isStream:
            client.following = Following(ticket: nil, session: session)
        case .resume(let following): resumed(following, line, client)
        case .ticket, .primary, .nothing: break
        }
    }

    /// S-233 to S-237: all that is left, or a refusal, which ends it.
    private func resumed(_ following: Following, _ line: String, _ client: Client) {
        switch line.prefix(3) {
        case "200": client.following = following
        case "204": #expect(following.isDone, "nothing is left, and no answer came")
        case "400", "404":
            #expect(line.hasPrefix("400") ? mayForget : endedSessions.contains(following.session!))
            if let ticket = following.ticket { abandoned.insert(ticket) }
        default: away.append(following)
        }
    }

    /// An event that has an id: the next one of its stream, and what it was before (M-020, M-021).
    private func arrived(_ line: String, _ place: Place, _ client: Client) {
        let isPriming = line.hasPrefix("prime")
        if !isPriming {
            let known = events["\(place)"] ?? line
            #expect(known == line, "an event has changed")
            events["\(place)"] = line
        }
        if let last = client.following?.place {
            #expect(!isPriming, "a stream that has begun is primed: \(line)")
            let next = Place(stream: last.stream, number: last.number + 1)
            #expect(place == next, "out of order: \(line) after \(last)")
        } else if client.following?.ticket != nil {
            #expect(place.number == (isPriming || revision == "2025-06-18" ? place.number : 1))
        }
        client.following?.place = place
    }

    /// A stream without an answer in it ends only for a client that can come back (S-239).
    private func endStream(_ client: Client) {
        if let following = client.following, following.ticket != nil, !following.isDone {
            #expect(following.place != nil, "the stream ended, and no answer came")
        }
        stopFollowing(client)
    }

    private func stopFollowing(_ client: Client) {
        guard let following = client.following else { return }
        client.following = nil
        if following.place == nil || following.session == nil {
            if let ticket = following.ticket { abandoned.insert(ticket) }
        } else if !following.isDone || chance(10) {
            away.append(following)
        }
    }

    /// The client is off its connection, and sees nothing of it any more.
    func leave(_ client: Client) {
        guard !client.hasLeft else { return }
        client.hasLeft = true
        stopFollowing(client)
        for asked in client.asked {
            switch asked {
            case .ticket(let ticket, _): abandoned.insert(ticket)
            case .resume(let following): away.append(following)
            case .primary, .nothing: break
            }
        }
    }

    private func find(_ pattern: Regex<(Substring, Substring)>, in line: String) -> Int? {
        line.firstMatch(of: pattern).flatMap { Int($0.output.1) }
    }

    /// Order is promised within a stream, and not among the streams that followed each other.
    private func rises(_ name: String, _ line: String, _ client: Client) {
        let name = "\(client.connection.id.rawValue) \(name)"
        guard let number = find(/"(?:n|progress)":(\d+)/, in: line) else { return }
        #expect(number > order[name, default: -1], "out of order: \(line)")
        order[name] = number
    }
}

extension UnsafeRawBufferPointer {
    var text: String { String(decoding: self, as: UTF8.self) }
}
