import Session
import Testing
import Wire

@testable import Engine

/// Clients, a host and a driver that do as chance will have it, and keep watch over what they see.
final class World {
    final class Client {
        let connection: ServerConnection
        var reader = ResponseReader()
        /// Bytes that are on their way to the server.
        var pending: [UInt8] = []
        var tickets: Set<Int> = []
        /// The sessions whose primary stream it has asked for.
        var primaries: Set<String> = []
        var isStalled = false

        init(_ connection: ServerConnection) {
            self.connection = connection
        }
    }

    /// A request that the host was given. Its method is `t` and the number of its ticket.
    struct Given {
        let ticket: Int
        let session: String?
        let isInitialize: Bool
    }

    let engine: ServerEngine
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

    init(_ options: ServerOptions, seed: UInt64) {
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
        clients.removeAll { $0.connection.hasEnded }
    }

    /// Takes some or all of what the engine has for a client.
    func flush(_ client: Client) {
        guard !client.isStalled, !client.connection.hasEnded,
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
            if case .deliver(let event) = effect { heard(event) }
        }
    }

    func wait(_ milliseconds: Int64) {
        now += milliseconds
        engine.advance(to: Instant(milliseconds: now))
        engine.deadlineReached()
        settle()
        #expect(engine.nextDeadline.map { $0.milliseconds > now } ?? true)
    }

    // MARK: The host's eyes

    private func heard(_ event: HostEvent) {
        let session = event.session.map { Name.session($0.wireID.text) }
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
        default: break
        }
    }

    // MARK: The clients' eyes

    private func saw(_ line: String, _ client: Client) {
        if let match = line.firstMatch(of: /session=(S\d+)/) {
            sessions.append(String(match.output.1))
        }
        if let ticket = find(/"t":(\d+)/, in: line) {
            #expect(client.tickets.contains(ticket), "a message of another's request: \(line)")
            if line.contains("\"result\"") {
                #expect(seen.insert(ticket).inserted, "answered twice: \(line)")
            } else {
                rises("t\(ticket)", line, client)
            }
        }
        if let ticket = find(/"progressToken":(\d+)/, in: line) {
            let isPrimary = sessionOf[ticket].map { client.primaries.contains($0) } ?? false
            #expect(client.tickets.contains(ticket) || isPrimary, "another's progress: \(line)")
            #expect(!seen.contains(ticket), "progress behind its result: \(line)")
            rises("p\(ticket)", line, client)
        }
        if let match = line.firstMatch(of: /"s":"(S\d+)"/) {
            let session = String(match.output.1)
            #expect(client.primaries.contains(session), "a message of another session: \(line)")
            rises(session, line, client)
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
