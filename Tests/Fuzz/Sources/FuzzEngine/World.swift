import Engine
import Fuzzing
import Link
import Session
import Wire

/// An engine with its driver; the clients, the host and the checks are in files of their own.
final class World {
    let program: ProgramOptions
    private(set) var engine: ServerEngine
    /// How many processes there were.
    private var processes: UInt64 = 1
    private let random: () -> UInt64
    var names = Names()
    private(set) var now: Int64 = 0
    /// The connections by their numbers in the program.
    var clients = [Client?](repeating: nil, count: 8)
    /// What the host has been told of and has not seen the end of.
    var requests: [RequestKey] = []
    var sessions: [SessionKey] = []
    var calls: [CallKey] = []
    var lastCall: UInt64 = 0
    /// The resources that have subscribers.
    var watched: Set<[UInt8]> = []
    /// What the host has yet to allow.
    var authorizations: [AuthorizationKey] = []
    var books = HostBooks()
    var keepsakes: [Keepsake] = []
    /// The bytes of the longest message that there may have been.
    var longestMessage = 700
    /// When the host answered a request the last time.
    var lastAnswer: Int64 = .min / 2
    /// Bytes of what the host's store has found.
    var foundBytes = 0
    private(set) var isClosed = false

    var options: ServerOptions { program.engine }

    init(_ program: ProgramOptions) {
        self.program = program
        var counter: UInt64 = 0
        random = {
            counter += 1
            return counter
        }
        engine = ServerEngine(program.engine, random: random)
        engine.bound(program.reach)
    }

    /// The process dies. Another one goes on with what the stores have kept, without the last
    /// `count` orders.
    func restart(losing count: Int) {
        let serial = processes << 30
        // What it held refers to each other.
        engine.close()
        engine.abandon()
        while engine.nextEffect() != nil {}
        processes += 1
        engine = ServerEngine(program.engine, keysAfter: serial, random: random)
        engine.bound(program.reach)
        engine.advance(to: Instant(milliseconds: now))
        clients = clients.map { _ in nil }
        requests = []
        sessions = []
        calls = []
        watched = []
        authorizations = []
        isClosed = false
        books.restart(
            losing: count, hasSessions: options.hasSessionStore, loadsAfter: serial >> 20)
    }

    // MARK: Time

    private static let steps: [Int64] = [1, 10, 100, 300, 500, 1_000, 3_000, 10_000]

    /// Time goes by, and the driver wakes up whenever the engine wants it to, or, if it is `late`,
    /// only in the end.
    func wait(_ step: Int, late: Bool) {
        let end = now + World.steps[step]
        while !late, let deadline = engine.nextDeadline, deadline.milliseconds <= end {
            wake(at: deadline.milliseconds)
        }
        wake(at: end)
    }

    private func wake(at time: Int64) {
        now = max(now, time)
        engine.advance(to: Instant(milliseconds: now))
        engine.clock(now / 1_000)
        engine.deadlineReached()
        settle()
        require(engine.nextDeadline.map { $0.milliseconds > now } ?? true, "a deadline is stuck")
    }

    // MARK: The driver

    /// Does what a turn of the loop does.
    func settle() {
        performEffects()
        repeat {
            while let connection = engine.nextWritable() {
                if let client = client(of: connection) { flush(client) }
                performEffects()
            }
        } while endTurn()
        check()
    }

    private func endTurn() -> Bool {
        defer { performEffects() }
        return engine.endTurn()
    }

    private func performEffects() {
        while let effect = engine.nextEffect() {
            require(!isClosed, "something follows the last effect")
            switch effect {
            case .deliver(let event):
                hear(event)
            case .store(let order):
                require(options.hasHostStore || options.hasSessionStore, "there is no store")
                books.note(order)
            case .stopReading(let connection): client(of: connection)?.isHeldBack = true
            case .startReading(let connection): client(of: connection)?.isHeldBack = false
            case .shutDown(let connection):
                let client = client(of: connection)
                require(client?.hasShutDown == false && client?.unsent == 0, "shut down too early")
                client?.hasShutDown = true
            case .close(let connection):
                require(connection.hasEnded, "closed, and not ended")
                let place = clients.firstIndex { $0?.connection === connection }
                require(place != nil, "closed what is closed")
                if let place { clients[place] = nil }
            case .log(let line):
                require(!line.text.isEmpty, "logged nothing")
            case .closed:
                isClosed = true
                require(clients.allSatisfy { $0 == nil }, "closed before its connections")
            }
        }
    }

    /// Writes what the engine has for a client, as far as its socket takes it.
    func flush(_ client: Client) {
        guard client.appetite != .none, client.unwritten == nil, !client.connection.hasEnded,
            var output = engine.takeOutput(of: client.connection)
        else { return }
        require(!client.hasShutDown, "something follows the last byte")
        output.forEachPiece { client.receive($0) }
        let sent = client.appetite == .all ? output.count : output.count / 2
        if sent < output.count {
            output.wait(behind: sent)
            client.unwritten = output
            engine.sent(sent, on: client.connection)
        } else {
            engine.sent(sent, on: client.connection)
            engine.recycle(output)
        }
        client.read(&names, gaps: engine.statistics.primaryGaps)
    }

    /// The socket has taken the rest, or half of it.
    func goOnWriting(_ client: Client) {
        guard let output = client.unwritten, client.appetite != .none,
            !client.connection.hasEnded
        else { return }
        let sent = client.appetite == .all ? output.count : (output.count + 1) / 2
        let isAll = sent == output.count
        if isAll { client.unwritten = nil } else { client.unwritten?.wait(behind: sent) }
        engine.sent(sent, on: client.connection)
        if isAll { engine.recycle(output) }
    }

    func client(of connection: ServerConnection) -> Client? {
        clients.first { $0?.connection === connection } ?? nil
    }
}
