import Engine
import MCP
import Session
import Wire

/// A server's options: small limits, and a letter for each choice.
struct ProgramOptions {
    var engine = ServerOptions()
    /// Whether the host answers each request when it hears of it.
    var answersAtOnce = false
    /// Whether the host gives events back when it has heard of them, to be used again.
    var recyclesEvents = false
    /// Whether clients have addresses.
    var hasAddresses = false
    var reach = Reach.loopback

    init(_ letters: UnsafeRawBufferPointer) {
        setLimits()
        setTimes()
        for letter in letters { choose(letter) }
        // The library refuses these together.
        if engine.isStateless {
            engine.oldPath = nil
            engine.hasSessionStore = false
        }
    }

    private mutating func setLimits() {
        engine.logLevel = .debug
        engine.limits.messageBytes = 1_024
        engine.limits.headerBytes = 1_024
        engine.limits.headerCount = 16
        engine.limits.targetBytes = 128
        engine.limits.jsonDepth = 8
        engine.limits.requestIDBytes = 32
        engine.connectionsMax = 6
        engine.sessionsMax = 3
        engine.sessionRequestsMax = 3
        engine.listensMax = 3
        engine.subscriptionsMax = 2
        engine.parkedMax = 2
        engine.mailboxMessagesMax = 3
        engine.mailboxBytesMax = 256
        engine.replayEventsMax = 6
        engine.replayBytesMax = 512
        engine.replayTotalBytesMax = 1_024
        engine.unsentBytesMax = 512
        engine.sessionUnsentBytesMax = 768
        engine.totalUnsentBytesMax = 1_024
        engine.pipelinedBytesMax = 1_024
        engine.addressSharePercent = 100
        engine.principalSharePercent = 100
    }

    private mutating func setTimes() {
        engine.sessionIdle = 10_000
        engine.initialize = 2_000
        engine.keepAlive = 1_000
        engine.headArrival = 500
        engine.bodyArrival = 500
        engine.replayAge = 3_000
        engine.responseHead = 100
        engine.connectionIdle = 5_000
        engine.linger = 300
        engine.detached = 4_000
        engine.authorizationWait = 800
        engine.load = 700
        engine.parked = 2_500
    }

    private mutating func choose(_ letter: UInt8) {
        switch letter {
        case UInt8(ascii: "a"): engine.responseMode = .auto
        case UInt8(ascii: "j"): engine.responseMode = .json
        case UInt8(ascii: "q"): engine.progressRoute = .request
        case UInt8(ascii: "s"): engine.isStateless = true
        case UInt8(ascii: "n"): engine.hasReplay = false
        case UInt8(ascii: "t"): engine.hasHostStore = true
        case UInt8(ascii: "h"): answersAtOnce = true
        case UInt8(ascii: "e"): recyclesEvents = true
        case UInt8(ascii: "c"): engine.allowsHalfClose = true
        case UInt8(ascii: "d"): engine.responseHead = nil
        case UInt8(ascii: "f"): engine.fenceBreadth = 50
        case UInt8(ascii: "z"): engine.fenceBreadth = 0
        case UInt8(ascii: "r"): reach = .network
        case UInt8(ascii: "x"): reach = .unixSocket
        case UInt8(ascii: "1"): engine.keepsSubscriptions = true
        case UInt8(ascii: "2"): engine.revisions = revisions("2026-07-28")
        case UInt8(ascii: "3"): engine.revisions = revisions("2025-06-18,2025-11-25")
        case UInt8(ascii: "4"): engine.oldPath = ByteBuffer(copying: Names.oldPath.rawBytes)
        case UInt8(ascii: "5"): engine.hasSessionStore = true
        default: chooseStrangers(letter)
        }
    }

    private func revisions(_ names: StaticString) -> RevisionSet {
        (try? RevisionSet(names.rawBytes)) ?? .all
    }

    /// Who may come, and how much they may have.
    private mutating func chooseStrangers(_ letter: UInt8) {
        switch letter {
        case UInt8(ascii: "y"): engine.reportsExchanges = true
        case UInt8(ascii: "i"):
            hasAddresses = true
            engine.addressSharePercent = 50
        case UInt8(ascii: "k"): engine.principalSharePercent = 50
        case UInt8(ascii: "w"):
            engine.sessionUnsentBytesMax = 1 << 20
            engine.totalUnsentBytesMax = 1 << 20
        case UInt8(ascii: "v"):
            engine.unsentBytesMax = 1 << 20
            engine.sessionUnsentBytesMax = 1 << 20
        case UInt8(ascii: "p"):
            // Two of each, about.
            engine.requestBytesMax = 3_000
            engine.sessionBytesMax = 2_500
            engine.arrivingBytesMax = 2_500
            engine.clientInfoBytesMax = 256
        case UInt8(ascii: "u"): engine.authorization = .host
        case UInt8(ascii: "b"):
            let tokens: StaticString = "alice:x,bob:y"
            if let tokens = try? BearerTokens(tokens.rawBytes) {
                engine.authorization = .tokens(tokens)
            }
        case UInt8(ascii: "m"):
            let metadata: StaticString =
                """
                {"resource":"https://a.example/mcp","authorization_servers":["https://b.example"]}
                """
            engine.resourceMetadata = ResourceMetadata(metadata.rawBytes, depthMax: 8)
        case UInt8(ascii: "g"):
            let object: StaticString = "{}"
            engine.greeting = Greeting(
                serverInfo: object.rawBytes, capabilities: object.rawBytes,
                instructions: object.rawBytes)
        case UInt8(ascii: "l"):
            let hosts: StaticString = "localhost, b.example:8080"
            engine.allowedHosts = try? AccessList(hosts.rawBytes, of: .hosts)
            let origins: StaticString = "http://b.example:8080"
            engine.allowedOrigins = try? AccessList(origins.rawBytes, of: .origins)
        case UInt8(ascii: "o"):
            let origins: StaticString = "http://a.example"
            engine.crossOrigins = try? AccessList(origins.rawBytes, of: .origins)
        default: break
        }
    }
}
