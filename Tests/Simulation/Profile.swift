import Engine
import Session
import Wire

/// What a seed decides before anything happens: the server's options, and how the world treats it.
struct Profile {
    let options: ServerOptions
    let clientCount: Int
    /// How long clients and host are busy, in simulated milliseconds.
    let horizon: Int64
    /// Whether connections break, stall and are refused.
    let isRough: Bool
    /// Whether so little is kept that events may be gone before a client is back.
    let mayForget: Bool

    init(_ random: inout SeededRandom) {
        var options = ServerOptions()
        options.logLevel = nil
        options.responseMode = [.stream, .stream, .stream, .auto, .auto, .json][random.number(6)]
        options.isStateless = random.chance(10)
        options.progressRoute = random.chance(25) ? .request : .primary
        options.hasReplay = random.chance(85)
        if random.chance(50) {
            let object: StaticString = "{}"
            options.greeting = Greeting(
                serverInfo: object.rawBytes, capabilities: object.rawBytes,
                instructions: .init(start: nil, count: 0))
        }
        options.sessionIdle = 60_000
        isRough = random.chance(80)
        let memory = random.number(3)
        mayForget = memory > 0
        options.replayAge = nil
        if isRough {
            options.connectionsMax = 24
            options.sessionsMax = 3 + random.number(4)
            options.sessionRequestsMax = 2 + random.number(6)
            options.mailboxMessagesMax = random.chance(50) ? 3 : 64
            options.mailboxBytesMax = 4_000
            options.pipelinedBytesMax = 2_000
        } else {
            options.connectionIdle = nil
            options.mailboxMessagesMax = 1 << 20
            options.mailboxBytesMax = 1 << 30
        }
        switch memory {
        case 0:
            options.replayEventsMax = 1 << 20
            options.replayBytesMax = 1 << 20
        case 1:
            options.replayEventsMax = 4 + random.number(8)
            options.replayBytesMax = 600 + random.number(2_000)
        default:
            options.replayTotalBytesMax = 1_000 + random.number(4_000)
            options.replayAge = [300, 5_000][random.number(2)]
        }
        // What is kept is sent at once when a client comes back for it, so it must fit.
        options.unsentBytesMax = isRough && mayForget ? 16_000 : 4 << 20
        self.options = options
        clientCount = 1 + random.number(4)
        horizon = Int64([3_000, 10_000, 40_000][random.number(3)])
    }

    /// Whether a request may be lost that nobody gave up.
    var mayLose: Bool { isRough || mayForget }

    /// What a transcript begins with.
    var line: String {
        """
        \(options.responseMode)\(options.isStateless ? " stateless" : "") \
        progress=\(options.progressRoute) replay=\(options.hasReplay) \
        greeting=\(options.greeting != nil) \
        events=\(options.replayEventsMax) bytes=\(options.replayBytesMax) \
        total=\(options.replayTotalBytesMax) age=\(options.replayAge.map { "\($0)" } ?? "-") \
        unsent=\(options.unsentBytesMax) mailbox=\(options.mailboxMessagesMax) \
        requests=\(options.sessionRequestsMax) sessions=\(options.sessionsMax) \
        clients=\(clientCount) \(isRough ? "rough" : "calm")
        """
    }
}
