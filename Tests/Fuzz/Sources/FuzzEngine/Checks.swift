import Engine
import Fuzzing
import Session
import Wire

extension World {
    /// The figures are what they should be, and within limits.
    func check() {
        let statistics = engine.statistics
        let live = clients.compactMap { $0 }
        require(statistics.connections == live.count, "connections are lost or left")
        require(statistics.sessions <= options.sessionsMax, "too many sessions")
        require(statistics.requests == requests.count, "requests are lost or left")
        require(statistics.calls == calls.count, "calls are lost or left")
        let broken = engine.violations()
        require(broken.isEmpty, "\(broken)")
        checkSessions()
        checkListeners()
        checkMemory(live)
        checkOutput(live)
    }

    private func checkSessions() {
        let inspection = Inspection(of: engine)
        for session in inspection.sessions {
            guard let log = inspection.log(of: session) else { continue }
            require(log.count <= options.replayEventsMax, "too many events are kept")
            require(log.byteCount <= options.replayBytesMax, "too much of a session is kept")
        }
    }

    private func checkListeners() {
        let inspection = Inspection(of: engine)
        require(inspection.listenerCount <= options.listensMax, "too many listen")
        require(inspection.askingCount <= options.parkedMax, "too many ask")
        let resources = engine.watchedResources.map { uri in
            withExtendedLifetime(uri) { Array(uri.bytes) }
        }
        require(Set(resources) == watched, "other resources are watched")
    }

    private func checkMemory(_ live: [Client]) {
        let complaints = MemoryBudgets.complaints(
            about: engine, outputs: live.compactMap(\.unwritten), slack: 1_024)
        require(complaints.isEmpty, "\(complaints)")
    }

    // MARK: Output

    private func checkOutput(_ live: [Client]) {
        let statistics = engine.statistics
        var unsent = 0
        var slack = 0
        for client in live {
            let bytes = client.connection.unsentBytes
            require(bytes >= client.unsent, "unsent bytes are lost")
            guard bytes > 0 else { continue }
            unsent += bytes
            let more = excess(of: client)
            slack += more
            // Answers may also be as many as fit in front of requests that wait.
            let most = framed(max(options.unsentBytesMax, options.pipelinedBytesMax)) + more
            require(bytes <= most, "\(bytes) bytes wait for client \(client.number), of \(most)")
        }
        // What several connections have to send is in memory once.
        require(statistics.unsentBytes <= unsent, "\(statistics.unsentBytes) of \(unsent) unsent")
        let most = options.totalUnsentBytesMax + slack
        require(statistics.unsentBytes <= most, "\(statistics.unsentBytes) bytes wait, of \(most)")
        // Everybody reads, so nothing waits but for the host's store and behind fences.
        let inspection = Inspection(of: engine)
        let mayWait =
            live.contains { $0.appetite == .none || $0.unwritten != nil } || !books.searches.isEmpty
            || inspection.sessions.contains { inspection.heldAnswers(of: $0) > 0 }
            || now < lastAnswer + fenceMax
        require(mayWait || statistics.unsentBytes == 0, "unsent bytes are left")
    }

    /// How long an answer may be held back whose session has ended (`Fence`).
    private var fenceMax: Int64 { 33 * options.fenceBreadth }

    /// How much beyond its bound a client may have to read: one message, with the head of its
    /// stream, what is in the way of answers that were refused a place, and what it has come back
    /// for.
    private func excess(of client: Client) -> Int {
        let kept = options.hasHostStore ? foundBytes : options.replayTotalBytesMax
        return 700 + longestMessage + (client.mayReplay ? framed(kept) : 0)
            + options.pipelinedBytesMax
    }

    /// How long messages of so many bytes may be as events: what waits to be framed counts without
    /// its frame, which has up to 75 bytes, and a message has at least 45.
    private func framed(_ bytes: Int) -> Int { bytes + bytes / 45 * 75 }

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
        require(books.isEmpty, "the store has not forgotten")
        require(watched.isEmpty, "resources of nobody are watched")
        require(Inspection(of: engine).listenerCount == 0, "somebody listens who has left")
        require(Inspection(of: engine).askingCount == 0, "a request asks somebody who has left")
        require(Inspection(of: engine).shareCount == 0, "shares of nobody are left")
        let left = [
            statistics.streams, statistics.unsentBytes, statistics.replayBytes,
            statistics.requestBytes, statistics.sessionBytes, statistics.arrivingBytes,
            statistics.authorizations,
        ]
        require(left.allSatisfy { $0 == 0 }, "something is left: \(left)")
        for keepsake in keepsakes { keepsake.check() }
    }
}
