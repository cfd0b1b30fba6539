import Engine
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
        let part = word.split(separator: "=")
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
        case ("greeting", _):
            greeting = Greeting(
                serverInfo: ("{\"name\":\"s\"}" as StaticString).rawBytes,
                capabilities: ("{}" as StaticString).rawBytes,
                instructions: ("" as StaticString).rawBytes)
        case ("log", _): logLevel = LogLevel(rawValue: Int32(try number()))
        case ("cors", let list?): crossOrigins = AccessList(literal: String(list), of: .origins)
        case ("hosts", let list?): allowedHosts = AccessList(literal: String(list), of: .hosts)
        case ("connections", _): connectionsMax = try number()
        case ("body", _): limits.messageBytes = try number()
        case ("head-time", _): headArrival = Int64(try number())
        case ("body-time", _): bodyArrival = Int64(try number())
        case ("idle-time", _): connectionIdle = Int64(try number())
        case ("sessions", _): sessionsMax = try number()
        case ("requests", _): sessionRequestsMax = try number()
        case ("mailbox", _): mailboxMessagesMax = try number()
        case ("unsent", _): unsentBytesMax = try number()
        case ("session-unsent", _): sessionUnsentBytesMax = try number()
        case ("total-unsent", _): totalUnsentBytesMax = try number()
        case ("arriving", _): arrivingBytesMax = try number()
        case ("request-bytes", _): requestBytesMax = try number()
        case ("session-bytes", _): sessionBytesMax = try number()
        case ("client-info", _): clientInfoBytesMax = try number()
        case ("share", _): addressSharePercent = try number()
        case ("principal-share", _): principalSharePercent = try number()
        case ("replay", _): hasReplay = true
        case ("store", _): (hasReplay, hasHostStore) = (true, true)
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
        default: throw TranscriptError("no option \(word)")
        }
    }
}
