import Engine
import Seeds
import Session
import Wire

/// What a seed decides before the run starts: the server's options and the behaviour of the world.
struct Profile {
    let options: ServerOptions
    let clientCount: Int
    /// How long clients and host are active, in simulated milliseconds.
    let horizon: Int64
    /// Whether connections break, stall and are refused.
    let isRough: Bool
    /// Whether the store is so small that events may be gone before a client resumes.
    let mayForget: Bool
    /// Whether unread output is limited so tightly that messages are dropped and connections
    /// closed.
    let isTight: Bool
    /// Whether the host authorizes requests.
    let authorizes: Bool
    /// Whether received bytes stay in their buffer until the host has received the event.
    let lends: Bool
    /// Whether the host's store answers loads with anything, twice, or without being asked.
    let storeLies: Bool
    /// How often the process ends and another one goes on.
    let restarts: Int
    /// How long what the store was told may be lost with the process, in milliseconds.
    let storeLag: Int64
    /// How many of the clients are modern.
    let modernCount: Int
    /// Whether the host tells the engine of its tools' parameters.
    let hasTools: Bool
    /// Whether the host takes its events from a queue, and is sometimes behind.
    let isBehind: Bool
    /// How many servers share the store.
    let nodeCount: Int
    /// What listeners may be told of; an empty resource is for all of them.
    let offered: Set<Filter.Change>

    /// `restarts`: whether the process ends for certain, and requests are authorized.
    init(_ random: inout SeededRandom, restarts isRestarted: Bool, nodes hasNodes: Bool) {
        var options = ServerOptions()
        offered = Profile.chooseAnswers(&options, &random)
        isRough = random.chance(80)
        Profile.chooseCrowd(&options, isRough, &random)
        let isShared = isRestarted || hasNodes
        mayForget = Profile.chooseMemory(&options, &random, isShared)
        isTight = random.chance(40)
        Profile.chooseOutput(&options, isTight, &random)
        authorizes = random.chance(35) || isRestarted
        if authorizes {
            options.authorization = .host
            options.authorizationWait = [500, 3_000][random.number(2)]
        }
        if random.chance(30) { options.detached = [300, 3_000][random.number(2)] }
        clientCount = 1 + random.number(4)
        horizon = Int64([3_000, 10_000, 40_000][random.number(3)])
        lends = random.chance(50)
        storeLies = mayForget && options.hasHostStore && random.chance(50)
        let troubles = Profile.chooseRestarts(&options, &random, isShared)
        restarts = hasNodes && random.chance(15) ? 0 : troubles
        storeLag = restarts == 0 || hasNodes ? 0 : [0, 0, 30, 1_000][random.number(4)]
        options.reportsExchanges = random.chance(40)
        // What a modern client was asked for ends with the process.
        modernCount = restarts > 0 || hasNodes ? 0 : random.number(4)
        hasTools = random.chance(50)
        options.parked = [300, 3_000, 20_000][random.number(3)]
        if random.chance(20) { options.parkedMax = 1 + random.number(3) }
        if random.chance(20) { options.listensMax = 1 + random.number(4) }
        if random.chance(20) { options.subscriptionsMax = 1 + random.number(2) }
        options.keepsSubscriptions = random.chance(60)
        isBehind = random.chance(40)
        if !options.isStateless, !hasNodes, random.chance(30) {
            options.oldPath = ByteBuffer(copying: (OldStream.path as StaticString).rawBytes)
        }
        nodeCount = hasNodes ? 2 + random.number(2) : 1
        if hasNodes { options.waitsForStore = random.chance(20) }
        self.options = options
    }

    /// Returns what listeners may be told of.
    private static func chooseAnswers(
        _ options: inout ServerOptions, _ random: inout SeededRandom
    ) -> Set<Filter.Change> {
        options.logLevel = nil
        options.responseMode = [.stream, .stream, .stream, .auto, .auto, .json][random.number(6)]
        options.isStateless = random.chance(10)
        options.progressRoute = random.chance(25) ? .request : .primary
        options.hasReplay = random.chance(85)
        options.responseHead = [nil, 20, 250][random.number(3)]
        options.fenceBreadth = [0, 3, 50][random.number(3)]
        options.allowsHalfClose = random.chance(25)
        guard random.chance(50) else { return offered[0].changes }
        let (capabilities, changes) = offered[random.number(3)]
        let object: StaticString = "{}"
        options.greeting = Greeting(
            serverInfo: object.rawBytes, capabilities: capabilities.rawBytes,
            instructions: .init(start: nil, count: 0))
        return changes
    }

    private static let offered: [(capabilities: StaticString, changes: Set<Filter.Change>)] = [
        (
            """
            {"tools":{"listChanged":true},"prompts":{"listChanged":true},\
            "resources":{"listChanged":true,"subscribe":true}}
            """,
            [.tools, .prompts, .resources, .resource("")]
        ),
        (
            "{\"tools\":{\"listChanged\":true},\"resources\":{\"subscribe\":true}}",
            [.tools, .resource("")]
        ),
        ("{}", []),
    ]

    private static func chooseCrowd(
        _ options: inout ServerOptions, _ isRough: Bool, _ random: inout SeededRandom
    ) {
        options.sessionIdle = 60_000
        guard isRough else {
            options.connectionIdle = nil
            options.mailboxMessagesMax = 1 << 20
            options.mailboxBytesMax = 1 << 30
            return
        }
        options.connectionsMax = 24
        options.sessionsMax = 3 + random.number(4)
        options.sessionRequestsMax = 2 + random.number(6)
        options.mailboxMessagesMax = random.chance(50) ? 3 : 64
        options.mailboxBytesMax = 4_000
        options.pipelinedBytesMax = 2_000
    }

    /// Chooses the size of the store, and returns whether events may be forgotten.
    private static func chooseMemory(
        _ options: inout ServerOptions, _ random: inout SeededRandom, _ isRestarted: Bool
    ) -> Bool {
        options.replayAge = nil
        switch isRestarted ? 4 : random.number(5) {
        case 0:
            options.replayEventsMax = 1 << 20
            options.replayBytesMax = 1 << 20
            return false
        case 1:
            options.replayEventsMax = 4 + random.number(8)
            options.replayBytesMax = 600 + random.number(2_000)
            return true
        case 2:
            options.replayTotalBytesMax = 1_000 + random.number(4_000)
            options.replayAge = [300, 5_000][random.number(2)]
            return true
        default:
            options.hasHostStore = true
            options.load = [1_000, 10_000][random.number(2)]
            return random.chance(60) && !isRestarted
        }
    }

    /// Lets sessions outlive the process. Returns how often it ends.
    private static func chooseRestarts(
        _ options: inout ServerOptions, _ random: inout SeededRandom, _ isRestarted: Bool
    ) -> Int {
        if isRestarted {
            options.isStateless = false
            options.hasReplay = true
        }
        guard options.hasHostStore, !options.isStateless, isRestarted || random.chance(60) else {
            return 0
        }
        options.hasSessionStore = true
        options.sessionIdle = [2_500, 60_000][random.number(2)]
        return isRestarted || random.chance(85) ? 1 + random.number(5) : 0
    }

    private static func chooseOutput(
        _ options: inout ServerOptions, _ isTight: Bool, _ random: inout SeededRandom
    ) {
        guard isTight else { return }
        let which = random.number(4)
        if which != 1 { options.unsentBytesMax = tightBound(&random) }
        if which != 2 { options.sessionUnsentBytesMax = tightBound(&random) }
        if which < 2 { options.totalUnsentBytesMax = tightBound(&random) }
    }

    private static func tightBound(_ random: inout SeededRandom) -> Int {
        [2_000, 3_000, 6_000, 16_000][random.number(4)]
    }

    /// Whether several servers share the store.
    var hasNodes: Bool { nodeCount > 1 }

    var authorizationWait: Int64 { authorizes ? options.authorizationWait ?? 0 : 0 }

    /// Whether a request may be lost although nobody gave it up.
    var mayLose: Bool { isRough || mayForget || isTight || authorizes || restarts > 0 }

    /// Whether the node of a session may be gone, or may close its side of an exchange.
    var mayBeCut: Bool { hasNodes && (restarts > 0 || isRough || isTight) }

    /// Whether the server may have to say that it cannot serve a request now.
    var mayBeAway: Bool { isRough || hasSessionStore }

    /// Whether sessions outlive the process.
    var hasSessionStore: Bool { options.hasSessionStore && !options.isStateless }

    /// Whether the host has a store: streams that cannot be resumed need none.
    var hasHostStore: Bool { options.hasHostStore && options.hasReplay && !options.isStateless }

    /// The first line of a transcript.
    var line: String {
        """
        \(options.responseMode)\(options.isStateless ? " stateless" : "") \
        progress=\(options.progressRoute) replay=\(options.hasReplay) \
        greeting=\(options.greeting != nil) \
        \(hasHostStore ? "store load=\(options.load)" : memory) \
        unsent=\(options.unsentBytesMax),\(options.sessionUnsentBytesMax),\
        \(options.totalUnsentBytesMax) mailbox=\(options.mailboxMessagesMax) \
        requests=\(options.sessionRequestsMax) sessions=\(options.sessionsMax) \
        detached=\(options.detached ?? 0)\
        \(authorizes ? " authorize=\(authorizationWait)" : "") \
        parked=\(options.parked ?? 0),\(options.parkedMax) listens=\(options.listensMax) \
        head=\(options.responseHead ?? 0) fence=\(options.fenceBreadth)\
        \(options.allowsHalfClose ? " half-close" : "")\(options.oldPath == nil ? "" : " sse") \
        clients=\(clientCount)+\(modernCount) \(isRough ? "rough" : "calm")\(mayForget ? " forgetful" : "")\
        \(storeLies ? " lying" : "")\
        \(hasSessionStore ? " restarts=\(restarts) lag=\(storeLag) idle=\(options.sessionIdle ?? 0)" : "")\
        \(hasNodes ? " nodes=\(nodeCount)\(options.waitsForStore ? " sync" : "")" : "")\(lends ? " lends" : "")\(isBehind ? " behind" : "")\(options.reportsExchanges ? " records" : "")
        """
    }

    private var memory: String {
        """
        events=\(options.replayEventsMax) bytes=\(options.replayBytesMax) \
        total=\(options.replayTotalBytesMax) age=\(options.replayAge.map { "\($0)" } ?? "-")
        """
    }
}
