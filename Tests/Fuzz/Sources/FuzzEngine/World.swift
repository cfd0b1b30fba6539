import Engine
import Fuzzing
import Replay
import Session
import Wire

/// An engine with its driver; the clients and the host are in files of their own.
final class World {
    let options: ServerOptions
    let answersAtOnce: Bool
    let engine: ServerEngine
    var names = Names()
    var now: Int64 = 0
    /// The connections by their numbers in the program.
    var clients = [Client?](repeating: nil, count: 8)
    /// What the host has been told of and has not seen the end of.
    var requests: [RequestKey] = []
    var sessions: [SessionKey] = []
    var calls: [CallKey] = []
    var lastCall: UInt64 = 0
    /// What the host has yet to allow.
    var authorizations: [AuthorizationKey] = []
    /// What the host's store has been asked for.
    var loads: [LoadKey] = []
    var keepsakes: [Keepsake] = []
    private let longestLine: Int
    private var isClosed = false

    init(_ program: ProgramOptions, longestLine: Int) {
        options = program.engine
        answersAtOnce = program.answersAtOnce
        self.longestLine = longestLine
        var counter: UInt64 = 0
        engine = ServerEngine(program.engine) {
            counter += 1
            return counter
        }
        engine.bound(program.isLoopback ? .loopback : .network)
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
        engine.deadlineReached()
        settle()
        require(engine.nextDeadline.map { $0.milliseconds > now } ?? true, "a deadline is stuck")
    }

    // MARK: The driver

    /// Does what a turn of the loop does.
    func settle() {
        performEffects()
        while let connection = engine.nextWritable() {
            if let client = client(of: connection) { flush(client) }
            if !engine.hasWritable { performEffects() }
        }
        check()
    }

    private func performEffects() {
        while let effect = engine.nextEffect() {
            require(!isClosed, "something follows the last effect")
            switch effect {
            case .deliver(let event):
                hear(event)
            case .store(let order):
                require(options.hasHostStore, "there is no store")
                if case .load(let load, _, _) = order { loads.append(load) }
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
            case .log(_, let text):
                require(!text.isEmpty, "logged nothing")
            case .closed:
                isClosed = true
                require(clients.allSatisfy { $0 == nil }, "closed before its connections")
            }
        }
    }

    /// Writes what the engine has for a client, as far as its socket takes it.
    func flush(_ client: Client) {
        guard client.appetite != .none, client.unsent == 0, !client.connection.hasEnded,
            let output = engine.takeOutput(of: client.connection)
        else { return }
        require(!client.hasShutDown, "something follows the last byte")
        output.forEachPiece { client.read($0) }
        names.events[client.number] = client.reader.lastEventID
        let sent = client.appetite == .all ? output.count : output.count / 2
        client.unsent = output.count - sent
        engine.sent(sent, on: client.connection)
        engine.recycle(output)
    }

    /// The socket has taken the rest.
    func finishWriting(_ client: Client) {
        let count = client.unsent
        client.unsent = 0
        if count > 0, !client.connection.hasEnded { engine.sent(count, on: client.connection) }
    }

    private func client(of connection: ServerConnection) -> Client? {
        clients.first { $0?.connection === connection } ?? nil
    }

    // MARK: Checks

    /// The figures are what they should be, and within limits.
    private func check() {
        let statistics = engine.statistics
        let live = clients.compactMap { $0 }
        require(statistics.connections == live.count, "connections are lost or left")
        require(statistics.sessions <= options.sessionsMax, "too many sessions")
        require(statistics.requests == requests.count, "requests are lost or left")
        require(statistics.calls == calls.count, "calls are lost or left")
        require(statistics.streams <= statistics.connections, "streams without a connection")
        require(statistics.replayBytes <= options.replayTotalBytesMax, "too much is kept")
        let inFlight = live.reduce(0) { $0 + $1.unsent }
        // What is sent to a client that has come back waits for the host's store.
        let stalled = live.count { $0.appetite == .none || $0.unsent > 0 } + loads.count
        require(statistics.unsentBytes >= inFlight, "unsent bytes are lost")
        require(stalled > 0 || statistics.unsentBytes == 0, "unsent bytes are left")
        // A head and one message may pass the limit; escapes make a text up to eight times as long.
        let most = options.unsentBytesMax + 2_048 + 8 * longestLine
        require(
            statistics.unsentBytes <= stalled * most,
            "\(statistics.unsentBytes) bytes wait for \(stalled) clients")
    }

    // MARK: The end

    /// Everybody leaves, and time goes by: nothing stays.
    func end() {
        for client in clients { if let client { engine.connectionLost(client.connection) } }
        settle()
        while let request = requests.first { answer(request, "{}", code: 1) }
        settle()
        for _ in 0..<8 { wait(7, late: false) }
        let statistics = engine.statistics
        require(engine.population == 0 && engine.isDeserted, "something is left")
        require(engine.nextDeadline == nil, "a deadline is left")
        require(sessions.isEmpty && requests.isEmpty && calls.isEmpty, "the host waits for ever")
        require(statistics.streams == 0 && statistics.unsentBytes == 0, "streams are left")
        require(statistics.replayBytes == 0, "events are left")
        for keepsake in keepsakes { keepsake.check() }
    }
}
