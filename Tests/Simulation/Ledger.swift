import Engine
import Session
import Wire

/// The ledger of one run: what clients requested, what the engine promised, and what arrived. It is
/// the checker: it knows what the host and the clients did, and nothing of how the engine works.
final class Ledger {
    enum Outcome {
        case result, error
        /// The server refused it with an HTTP status.
        case refused
        /// Its connection failed, or its stream could not be resumed: the client knows.
        case lost
    }

    /// One request of a client.
    struct Ticket {
        let session: Int?
        /// The JSON-RPC id as JSON text.
        let id: String
        let isInitialize: Bool
        /// Whether the engine answers it without the host.
        let isEngines: Bool
        /// The resource that it subscribes to, or not any more; nil if it does neither.
        var subscription: (uri: String, isNew: Bool)?
        /// Whether the client violated a rule with it.
        var isImproper: Bool
        /// Whether it is in a batch, whose refusals are answers.
        var isInBatch = false
        /// Whether it may have arrived although its client knows of no response.
        var isUncertain = false
        /// The client's principal; nil without authorization.
        let principal: String?
        /// When the client sent it.
        let time: Int64
        var isGiven = false
        /// The process whose host received it.
        var process = 0
        /// How often its session had been opened then.
        var opening = 0
        /// Whether the server has given it up, because its client stayed away.
        var isGivenUp = false
        /// The outcome of the host's answer, if the engine accepted it.
        var hostAnswer: Outcome?
        var outcome: Outcome?
        /// The number of the write that completed the answer.
        var answerHanded = 0
        /// The numbers of the messages that must arrive before the answer.
        var promised: [Int] = []
        /// The numbers of its progress and log lines.
        var droppable: [Int] = []
        /// The number of the newest progress that has arrived.
        var newestProgress = -1
    }

    /// Where a message may arrive.
    enum Owner: Equatable {
        case request(Int)
        case primary(Int)
        /// On the session's primary stream or on the request's own.
        case progress(Int, session: Int?)
        case everySession
        /// On the stream of a modern client's call.
        case exchange(Int)
        case modernProgress(Int)
    }

    struct Promise {
        let owner: Owner
        /// Whether the engine promised to deliver it.
        var isDue: Bool
        /// Whether it is a log line, which may be dropped if its client does not read.
        let isLog: Bool
        let time: Int64
        /// The process that sent it.
        let process: Int
        /// Whether that still owned the session.
        let isOwners: Bool
        var hasArrived = false
    }

    struct SessionBook {
        let wireID: String
        /// The principal that the store was told of; nil without authorization.
        var principal: String?
        /// Whether no process has it in memory, and the store does.
        var isAsleep = false
        /// Whether its primary stream carries everything.
        let isOld: Bool
        var hasEnded = false
        /// Whether a node has said that it has ended, which the store may not have heard.
        var mayHaveEnded = false
        /// The processes that have it in memory, and the one that opened it last.
        var holders: Set<Int> = []
        var owner = 0
        /// How often a process has opened it, and when it was last in the hands of two.
        var openings = 0
        var lastShared: Int64 = 0
        /// Whether its client has requested the primary stream.
        var isFollowed = false
        /// Whether the client has lost its position in it, or has none.
        var mayMiss = false
        var broadcastsDue: Set<Int> = []
        var broadcastsSeen: Set<Int> = []
        var cancelledIDs: Set<String> = []
        /// What its client has subscribed to: certainly, or perhaps.
        var subscribed: Set<String> = []
        /// When it last asked for a subscription, or for the end of one.
        var lastSubscription = Int64.min / 2
        var maySubscribe: Set<String> = []
        /// The resources of requests about subscriptions that have no answer yet.
        var beingSubscribed: Set<String> = []
        /// How often it had been told of each change before the newest, how often it may be told,
        /// and how often it was.
        var changesDue: [Filter.Change: Int] = [:]
        var changesPossible: [Filter.Change: Int] = [:]
        var changesSeen: [Filter.Change: Int] = [:]

        /// Whether a process has it in memory.
        var isOpen: Bool { !hasEnded && !isAsleep }
    }

    unowned let simulation: Simulation
    var tickets: [Ticket] = []
    /// Whom the store was told to be the owner of a session that has no number yet.
    var owners: [String: String] = [:]
    /// The ids of sessions whose clients use the oldest transport.
    var oldIDs: Set<String> = []
    var sessions: [SessionBook] = []
    var promises: [Promise] = []
    private(set) var numberOfCancel: [Int: Int] = [:]
    /// The stream that each token belongs to.
    private var tokens: [String: ClientStream.Channel] = [:]
    /// Notifications that clients have sent, and whether the host has received them.
    var notes: [(session: Int?, principal: String?, isHeard: Bool)] = []
    var grants: [Grant] = []
    var isClosing = false
    private(set) var messages = 0
    private var lastCall: UInt64 = 0

    init(_ simulation: Simulation) {
        self.simulation = simulation
    }

    func expect(
        _ condition: Bool, _ kind: Violation.Kind, _ text: @autoclosure () -> String
    ) {
        if !condition { simulation.violate(kind, text()) }
    }

    var isDraining: Bool { simulation.nodes.contains { $0.isDraining } }
    /// Whether a process is to end, in order, and another one follows.
    var isStopping: Bool { simulation.nodes.contains { $0.isStopping } }

    func nextCall() -> CallKey {
        lastCall += 1
        return CallKey(rawValue: lastCall)
    }

    // MARK: Sessions

    func opened(_ wireID: String) -> Int {
        expect(!sessions.contains { $0.wireID == wireID }, .leak, "two sessions with one id")
        sessions.append(
            SessionBook(
                wireID: wireID, principal: owners[wireID], isOld: oldIDs.contains(wireID)))
        return sessions.count - 1
    }

    func ended(_ session: Int) {
        expect(!sessions[session].hasEnded, .misconduct, "session \(session) was closed twice")
        sessions[session].hasEnded = true
    }

    func number(of wireID: String) -> Int? { sessions.firstIndex { $0.wireID == wireID } }

    func hasEnded(_ session: Int?) -> Bool {
        session.map { sessions[$0].hasEnded || sessions[$0].mayHaveEnded } ?? false
    }

    func mayMiss(_ session: Int) { sessions[session].mayMiss = true }

    /// A primary stream began afresh, because its client's events were gone.
    func hasGap(_ session: Int) {
        let mayLack =
            simulation.store.losses.sessions.contains(sessions[session].wireID)
            || mayHaveMoved(session)
        expect(
            simulation.profile.mayForget || mayLack, .loss,
            "the primary of session \(session) has a gap")
        sessions[session].mayMiss = true
    }

    func follows(_ session: Int) { sessions[session].isFollowed = true }

    // MARK: Requests

    func asked(_ ticket: Ticket) { tickets.append(ticket) }

    /// Another request has the same id. The one that arrives second may be refused.
    func repeated(_ ticket: Int) { tickets[ticket].isImproper = true }

    func cancelled(_ ticket: Int) {
        guard let session = tickets[ticket].session else { return }
        sessions[session].cancelledIDs.insert(tickets[ticket].id)
    }

    /// The host received a request.
    func given(_ number: Int, of session: Int?, by principal: String?, at node: Node) {
        let ticket = tickets[number]
        expect(
            !ticket.isGiven, simulation.profile.hasNodes ? .echo : .duplication,
            "the host was given request \(number) twice")
        expect(
            ticket.isInitialize || ticket.session == session, .leak,
            "request \(number) came in another session")
        let isResumed = session.map { node.host.isResumed($0) } ?? false
        expect(
            ticket.principal == principal, isResumed ? .impostor : .leak,
            "request \(number) came from another")
        tickets[number].isGiven = true
        tickets[number].process = node.process
        tickets[number].opening = session.map { sessions[$0].openings } ?? 0
    }

    /// The client has everything that it will get.
    func settled(_ number: Int, _ outcome: Outcome) { tickets[number].outcome = outcome }

    func hostAnswered(_ ticket: Int, _ answer: Outcome) { tickets[ticket].hostAnswer = answer }

    /// The client knows that no answer will arrive.
    func lost(_ number: Int) {
        guard tickets[number].outcome == nil else { return }
        expect(
            simulation.profile.mayLose || hasEnded(tickets[number].session) || isClosing, .loss,
            "request \(number) was lost on a network that loses nothing")
        tickets[number].outcome = .lost
    }

    func refused(_ number: Int, _ status: Int) {
        let ticket = tickets[number]
        expect(ticket.outcome == nil, .duplication, "request \(number) was refused after its end")
        let isRight =
            switch status {
            case 400: ticket.isImproper
            case 404: hasEnded(ticket.session)
            case 408: simulation.profile.isRough || isDraining || isClosing
            case 502: simulation.profile.mayBeCut
            case 503: simulation.profile.mayBeAway || isDraining || isClosing
            default: false
            }
        let isDenied = status == 404 && simulation.profile.hasSessionStore
        expect(
            isRight, isDenied ? .amnesia : .misconduct,
            "request \(number) was refused with \(status)")
        expect(
            !ticket.isGiven || status == 502, .misconduct,
            "request \(number) was refused after the host had it")
        tickets[number].outcome = .refused
    }

    /// An answer arrived on the request's own stream, or as the response to it.
    func answered(_ number: Int, with message: Message, handed: Int) {
        let ticket = tickets[number]
        let isFirst = ticket.outcome == nil || ticket.isUncertain && ticket.outcome == .lost
        expect(
            isFirst, message.isInterruption ? .interruption : .duplication,
            "request \(number) was answered twice")
        expect(message.id == ticket.id, .leak, "request \(number) was answered for another id")
        if message.errorCode == nil {
            expect(message.ticket ?? number == number, .leak, "the result of another request")
            expect(
                ticket.hostAnswer == .result || ticket.isEngines, .misconduct,
                "a result of request \(number) that the host did not give")
        } else {
            let isNewSubscription = ticket.subscription?.isNew == true
            let wasCut =
                ticket.session.map { sessions[$0].cancelledIDs.contains(ticket.id) } ?? false
            expect(
                ticket.hostAnswer == .error || wasCut || ticket.isEngines && isNewSubscription
                    || ticket.isGivenUp || mayBeRefusedInBatch(ticket)
                    || hasEnded(ticket.session) || isClosing || isInterrupted(ticket, message),
                .misconduct, "an error of request \(number) that nobody gave")
        }
        for number in ticket.promised where promises[number].isDue && !promises[number].isLog {
            expect(
                promises[number].hasArrived, .loss,
                "message \(number) did not come before the answer to its request")
        }
        tickets[number].outcome = message.errorCode == nil ? .result : .error
        subscribed(ticket, isError: message.errorCode != nil)
        // The answer to a request that was cut short need not wait for progress.
        if message.errorCode != -32_800 { tickets[number].answerHanded = handed }
        messages += 1
    }

    // MARK: Messages

    /// The number of the next message.
    var nextNumber: Int { promises.count }

    /// Enters the next message. It is due if the engine accepted it, though log lines and progress
    /// may be dropped later. A message that is not due may be missing; if it arrives, then once, in
    /// order and on the right stream (M-001, M-003, S-230).
    func promised(to owner: Owner, isDue: Bool, isLog: Bool = false, at node: Node) {
        let isOwners = self.isDue(owner, from: node)
        switch owner {
        case .request(let ticket):
            tickets[ticket].promised.append(promises.count)
            if isLog { tickets[ticket].droppable.append(promises.count) }
        case .progress(let ticket, _): tickets[ticket].droppable.append(promises.count)
        case .exchange(let call), .modernProgress(let call):
            simulation.modern.promised(to: call, promises.count)
        case .primary, .everySession: break
        }
        promises.append(
            Promise(
                owner: owner, isDue: isDue, isLog: isLog, time: simulation.now,
                process: node.process, isOwners: isOwners))
    }

    /// The maximum number of events of a request's stream that were dropped because its client did
    /// not read.
    func droppedAtMost(of ticket: Int) -> Int {
        let drops = Int(simulation.drops.progress + simulation.drops.logs)
        return min(drops, tickets[ticket].droppable.count { !promises[$0].hasArrived })
    }

    func broadcast(isDue: Bool, at node: Node) {
        if isDue { broadcast(promises.count, arrivedAt: node) }
        promised(to: .everySession, isDue: false, at: node)
    }

    /// The sessions of a node are told.
    func broadcast(_ number: Int, arrivedAt node: Node) {
        for index in sessions.indices where sessions[index].isOpen && isOwner(node, of: index) {
            sessions[index].broadcastsDue.insert(number)
        }
    }

    /// The message that cancels a call.
    func gaveUp(_ call: Int, to owner: Owner, isDue: Bool, at node: Node) {
        numberOfCancel[call] = nextNumber
        promised(to: owner, isDue: isDue, at: node)
    }

    /// A message arrived that is no answer.
    func received(_ message: Message, on stream: ClientStream, handed: Int) {
        messages += 1
        let number = message.givenUp.flatMap { numberOfCancel[$0] } ?? message.number
        guard let number, promises.indices.contains(number) else {
            return simulation.violate(.misconduct, "a message that the host never sent")
        }
        let channel = stream.channel
        checkExpiry(number, stream)
        switch promises[number].owner {
        case .request(let ticket):
            check(channel == home(of: ticket), number, channel)
        case .primary(let session):
            check(channel == .primary(session), number, channel)
            checkNewest(number, stream, session)
        case .progress(let ticket, let session):
            let isOnPrimary = session.map { channel == .primary($0) } ?? false
            check(isOnPrimary || channel == .request(ticket), number, channel)
            expect(message.progressToken == ticket, .leak, "progress with another's token")
            // On the primary it may be sent again, unlike the answer. Another node may be slower.
            let isLate = tickets[ticket].answerHanded > 0 && handed > tickets[ticket].answerHanded
            expect(
                stream.isBack || !isLate || simulation.profile.hasNodes, .reordering,
                "progress \(number) left behind the answer to its request")
            tickets[ticket].newestProgress = max(tickets[ticket].newestProgress, number)
        case .everySession:
            guard case .primary(let session) = channel else {
                return check(false, number, channel)
            }
            guard sessions[session].broadcastsSeen.insert(number).inserted else {
                return expect(
                    mayComeTwice(number, in: session), .duplication,
                    "message \(number) came twice")
            }
            return rises(number, stream, isForAll: true)
        case .exchange, .modernProgress: return check(false, number, channel)
        }
        arrived(number)
        rises(number, stream)
    }

    /// A message has arrived where it belongs.
    func arrived(_ number: Int) {
        expect(!promises[number].hasArrived, .duplication, "message \(number) came twice")
        promises[number].hasArrived = true
    }

    /// A message arrived that is an answer.
    func count() { messages += 1 }

    /// Messages sent after a stream's authorization has expired wait for the next connection,
    /// unless the stream began so late that its end followed at once.
    private func checkExpiry(_ number: Int, _ stream: ClientStream) {
        let time = promises[number].time
        let first = stream.firstTime ?? time
        stream.firstTime = first
        guard let expiry = stream.expiry else { return }
        // A stream that waits for the store begins and ends when the store has answered.
        let isLoaded = stream.isBack && simulation.profile.hasHostStore
        expect(
            isLoaded || simulation.profile.restarts > 0 && simulation.profile.hasNodes
                || time <= max(first, expiry) + Simulation.lateness, .misconduct,
            "message \(number) came on a stream whose authorization had expired")
    }

    private func check(_ isRight: Bool, _ number: Int, _ channel: ClientStream.Channel) {
        expect(isRight, .leak, "message \(number) came on the stream of \(channel)")
    }

    /// Those of a process come in its order. A message for all sessions may have been sent by
    /// another one than the session's, and come later.
    private func rises(_ number: Int, _ stream: ClientStream, isForAll: Bool = false) {
        let process = promises[number].process
        let isApart = isForAll || !promises[number].isOwners
        let last = max(
            stream.lastNumbers[process] ?? -1, isApart ? -1 : stream.lastNumbers[0] ?? -1)
        expect(
            number > last, .reordering, "message \(number) came behind message \(last)")
        stream.lastNumbers[process] = number
        if !isApart { stream.lastNumbers[0] = number }
    }

    /// A token belongs to one stream for ever.
    func sawToken(_ token: String, on channel: ClientStream.Channel) {
        let owner = tokens[token]
        if owner == nil { tokens[token] = channel }
        expect(owner ?? channel == channel, .leak, "an event of the stream of \(channel)")
    }
}
