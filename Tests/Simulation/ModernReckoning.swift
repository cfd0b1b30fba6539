/// The final check of what modern clients asked for, and of what listeners were told.
extension ModernBook {
    /// Whether a client waits for an answer.
    var isWaiting: Bool { exchanges.contains { $0.outcome == nil } }

    /// Whether a client may have missed a message of a call.
    func mayMiss(_ call: Int) -> Bool {
        calls[call].isLost || calls[call].hasTrips || calls[call].isCancelled || !calls[call].isOver
    }

    func checkEverythingCame() {
        for (number, exchange) in exchanges.enumerated() where exchange.outcome == nil {
            simulation.violate(.hang, "exchange \(number) never came to its end")
        }
        for (number, call) in calls.enumerated() where call.isGiven > 0 {
            if call.hostAnswer == nil, !call.isCancelled, call.isGiven == call.gives {
                simulation.violate(.parking, "call \(number) waits for its client for ever")
            }
        }
        for listen in listens { listen.checkEverythingCame() }
    }
}

/// One listening stream of a client.
final class Listen {
    let number: Int
    /// The JSON-RPC id as JSON text.
    let id: String
    let wanted: Filter
    private unowned let simulation: Simulation
    private(set) var acknowledged: Filter?
    private(set) var isOver = false
    var isLeft = false
    /// When its authorization expires.
    var expiry: Int64?
    /// How often each change was published when it was acknowledged, and when it was sent.
    private var before: [Filter.Change: (count: Int, writes: Int)] = [:]
    private let sent: [Filter.Change: (count: Int, writes: Int)]
    /// How often it was told of each change, and the number of the write of the last time.
    private var told: [Filter.Change: (count: Int, handed: Int)] = [:]

    init(_ number: Int, _ id: String, _ wanted: Filter, _ simulation: Simulation) {
        self.number = number
        self.id = id
        self.wanted = wanted
        self.simulation = simulation
        sent = simulation.modern.published
    }

    private func expect(
        _ condition: Bool, _ kind: Violation.Kind, _ text: @autoclosure () -> String
    ) {
        if !condition { simulation.violate(kind, "listener \(number): \(text())") }
    }

    private var mayLose: Bool {
        let profile = simulation.profile
        return isLeft || profile.isRough || profile.isTight || profile.authorizes
            || simulation.ledger.isDraining || simulation.ledger.isClosing
    }

    /// A message came on its stream.
    func received(_ message: Message, handed: Int) {
        if isOver { return expect(false, .duplication, "a message behind the end") }
        if message.isAnswer {
            expect(message.id == id && message.tag == id, .leak, "the end of another")
            expect(
                simulation.ledger.isDraining || expiry.map { $0 <= simulation.now } ?? false,
                .misconduct, "it ends for no reason")
            isOver = true
            return
        }
        expect(message.tag == id, .leak, "a message for listener \(message.tag ?? "-")")
        guard let acknowledged else { return acknowledge(message) }
        guard let change = message.change else {
            return expect(false, .misconduct, "another message")
        }
        expect(acknowledged.admits(change), .filter, "it is told of \(change)")
        let count = (told[change]?.count ?? 0) + 1
        told[change] = (count, handed)
        let most = simulation.modern.published[change]?.count ?? 0
        expect(
            count <= most - (sent[change]?.count ?? 0), .duplication, "\(change) came too often")
    }

    private func acknowledge(_ message: Message) {
        guard message.method == "notifications/subscriptions/acknowledged",
            let filter = message.filter
        else { return expect(false, .misconduct, "it is not acknowledged first") }
        let offered = simulation.profile.offered
        let right = wanted.changes.filter { change in
            if case .resource = change {
                offered.contains(.resource(""))
            } else {
                offered.contains(change)
            }
        }
        expect(filter.changes == right, .filter, "it listens to \(filter.text)")
        acknowledged = filter
        before = simulation.modern.published
        for uri in filter.uris
        where !simulation.modern.watched(at: simulation.nodes[0]).contains(uri) {
            let mayWait = mayLose || simulation.nodes[0].driver.isHeld
            expect(mayWait, .loss, "the host does not know that \(uri) is watched")
        }
    }

    /// Refused, or its connection has ended.
    func ended(_ status: Int? = nil, code: Int64? = nil) {
        guard !isOver else { return }
        isOver = true
        guard let status else { return expect(mayLose, .loss, "its stream was lost") }
        let isRight =
            switch (status, code) {
            case (404, -32_601): simulation.profile.offered.isEmpty
            case (200, -32_603): simulation.profile.options.listensMax < 10
            case (400, -32_602):
                wanted.uris.count > simulation.profile.options.subscriptionsMax
            case (503, _), (408, _), (401, _), (403, _): mayLose
            default: false
            }
        expect(isRight, .misconduct, "it was refused with \(status)")
    }

    /// The last change of each kind has come, or what came before it had not left the server.
    func checkEverythingCame() {
        guard !isOver, !isLeft else { return }
        guard acknowledged != nil else { return expect(false, .hang, "it is not acknowledged") }
        for (change, last) in simulation.modern.published
        where acknowledged?.admits(change) == true {
            guard last.count > before[change]?.count ?? 0 else { continue }
            expect(
                told[change].map { $0.handed > last.writes } ?? false, .loss,
                "it was not told of the last change of \(change)")
        }
    }
}
