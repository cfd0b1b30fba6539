import Engine
import MCP
import Session
import Wire

extension ServerOptions {
    /// What a transcript has without a line `with …`.
    static var ofTranscripts: ServerOptions {
        var options = ServerOptions()
        options.logLevel = nil
        // `with replay` and `with fence=3` turn these on where a conversation needs them.
        options.hasReplay = false
        options.fenceBreadth = 0
        return options
    }

    /// Takes the words of a line `with …`.
    mutating func take(_ words: some Sequence<Substring>) throws(TranscriptError) {
        for word in words { try take(word) }
    }

    private mutating func take(_ word: Substring) throws(TranscriptError) {
        let part = word.split(separator: "=", maxSplits: 1)
        func number() throws(TranscriptError) -> Int {
            guard part.count > 1, let number = Int(part[1]) else {
                throw TranscriptError("\(word) has no number")
            }
            return number
        }
        switch (part[0], part.last) {
        case ("mode", "json"): responseMode = .json
        case ("mode", "auto"): responseMode = .auto
        case ("progress", "request"): progressRoute = .request
        case ("stateless", _): isStateless = true
        case ("sse", let path?):
            oldPath = ByteBuffer()
            oldPath?.append(Array(path.utf8))
        case ("greeting", _):
            greeting = Greeting(
                serverInfo: ("{\"name\":\"s\"}" as StaticString).rawBytes,
                capabilities: ("{}" as StaticString).rawBytes,
                instructions: ("" as StaticString).rawBytes)
        case ("discover", let capabilities?):
            greeting = Array(capabilities.utf8).withUnsafeBytes { capabilities in
                Greeting(
                    serverInfo: ("{\"name\":\"s\"}" as StaticString).rawBytes,
                    capabilities: ("{}" as StaticString).rawBytes,
                    discoverCapabilities: capabilities,
                    instructions: ("" as StaticString).rawBytes)
            }
        case ("revisions", let list?):
            guard let served = Array(list.utf8).withUnsafeBytes({ try? RevisionSet($0) }) else {
                throw TranscriptError("\(word) are no revisions")
            }
            revisions = served
        case ("log", _): logLevel = LogLevel(rawValue: Int32(try number()))
        case ("cors", let list?): crossOrigins = AccessList(literal: String(list), of: .origins)
        case ("hosts", let list?): allowedHosts = AccessList(literal: String(list), of: .hosts)
        case ("replay", _): hasReplay = true
        case ("store", _):
            (hasReplay, hasHostStore) = (true, true)
            keepsStreamRecords = hasSessionStore
        case ("session-store", _): (hasSessionStore, keepsStreamRecords) = (true, true)
        case ("prefix", let prefix?):
            let text = ByteBuffer()
            text.append(Array(prefix.utf8))
            sessionIDPrefix = text
        case ("store-sync", _): waitsForStore = true
        case ("idle", _): sessionIdle = Int64(try number())
        case ("fence", _): fenceBreadth = Int64(try number())
        case ("head", _): responseHead = part.count > 1 ? Int64(try number()) : nil
        case ("half-close", _): allowsHalfClose = true
        case ("detached", _): detached = Int64(try number())
        case ("events", _): replayEventsMax = try number()
        case ("bytes", _): replayBytesMax = try number()
        case ("total", _): replayTotalBytesMax = try number()
        case ("age", _): replayAge = Int64(try number())
        case ("authorize", _):
            authorization = .host
            if part.count > 1 { authorizationWait = Int64(try number()) }
        case ("tokens", let list?):
            guard let tokens = Array(list.utf8).withUnsafeBytes({ try? BearerTokens($0) }) else {
                throw TranscriptError("\(word) is no list of tokens")
            }
            authorization = .tokens(tokens)
        case ("metadata", let url?):
            resourceMetadata = ResourceMetadata(literal: String(url))
        case ("pipelined", _): pipelinedBytesMax = try number()
        default: try takeLimit(part[0], number)
        }
    }

    private mutating func takeLimit(
        _ word: Substring, _ number: () throws(TranscriptError) -> Int
    ) throws(TranscriptError) {
        switch word {
        case "connections": connectionsMax = try number()
        case "body": limits.messageBytes = try number()
        case "head-time": headArrival = Int64(try number())
        case "body-time": bodyArrival = Int64(try number())
        case "idle-time": connectionIdle = Int64(try number())
        case "sessions": sessionsMax = try number()
        case "requests": sessionRequestsMax = try number()
        case "mailbox": mailboxMessagesMax = try number()
        case "unsent": unsentBytesMax = try number()
        case "session-unsent": sessionUnsentBytesMax = try number()
        case "total-unsent": totalUnsentBytesMax = try number()
        case "arriving": arrivingBytesMax = try number()
        case "request-bytes": requestBytesMax = try number()
        case "session-bytes": sessionBytesMax = try number()
        case "client-info": clientInfoBytesMax = try number()
        case "share": addressSharePercent = try number()
        case "principal-share": principalSharePercent = try number()
        case "parked": parked = Int64(try number())
        case "parked-max": parkedMax = try number()
        case "listens": listensMax = try number()
        case "subscriptions": subscriptionsMax = try number()
        case "keep-subscriptions": keepsSubscriptions = true
        case "other-paths": hasOtherPaths = true
        default: throw TranscriptError("no option \(word)")
        }
    }
}
