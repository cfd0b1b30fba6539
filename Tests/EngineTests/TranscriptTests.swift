import Engine
import Foundation
import Session
import Testing
import Wire

@Suite("Transcripts")
struct TranscriptTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Transcripts")

    private static let names: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".md") && $0 != "README.md" }.sorted()

    @Test("There are transcripts to play")
    func found() {
        #expect(Self.names.count >= 60)
    }

    @Test("A conversation goes as it is written", arguments: names)
    func play(_ name: String) throws {
        let transcript = try Self.transcript(name)
        try #require(transcript.steps.contains { !$0.outputs.isEmpty })
        _ = Self.play(transcript, .whole, name)
    }

    @Test("A conversation has the same result however its bytes are split", arguments: names)
    func cut(_ name: String) throws {
        let transcript = try Self.transcript(name)
        guard let longest = Self.play(transcript, .bytes, name) else { return }
        _ = (1..<max(2, longest)).first { Self.play(transcript, .at($0), name) == nil }
    }

    private static func transcript(_ name: String) throws -> Transcript {
        Transcript(try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
    }

    /// Plays a transcript; returns the length of its longest input, or nil if it fails.
    private static func play(_ transcript: Transcript, _ cut: Cut, _ name: String) -> Int? {
        let player = Player(options(transcript.options), cut)
        for step in transcript.steps {
            let outputs = player.play(step.input, at: step.time)
            guard byActor(outputs) == byActor(step.outputs) else {
                Issue.record(
                    """
                    \(name):\(step.lineNumber), \(cut): \(step.input)
                    expected:
                      \(step.outputs.joined(separator: "\n  "))
                    got:
                      \(outputs.joined(separator: "\n  "))
                    """)
                return nil
            }
        }
        return player.longestInput
    }

    /// The outputs of each client and of the host, in order. The order between them does not
    /// matter.
    private static func byActor(_ lines: [String]) -> [String: [String]] {
        Dictionary(grouping: lines) { line in
            let actor = line.prefix { $0 != " " }
            let isClient = actor.first == "c" && Int(actor.dropFirst()) != nil
            return isClient ? String(actor) : "host"
        }
    }

    private static func options(_ words: [Substring]) -> ServerOptions {
        var options = ServerOptions()
        options.logLevel = nil
        // `with replay` and `with fence=3` turn these on where a conversation needs them.
        options.hasReplay = false
        options.fenceBreadth = 0
        for word in words {
            let part = word.split(separator: "=")
            let number = part.count > 1 ? Int(part[1]) : nil
            switch (part[0], part.last) {
            case ("mode", "json"): options.responseMode = .json
            case ("mode", "auto"): options.responseMode = .auto
            case ("progress", "request"): options.progressRoute = .request
            case ("stateless", _): options.isStateless = true
            case ("greeting", _):
                options.greeting = Greeting(
                    serverInfo: ("{\"name\":\"s\"}" as StaticString).rawBytes,
                    capabilities: ("{}" as StaticString).rawBytes,
                    instructions: ("" as StaticString).rawBytes)
            case ("log", _): options.logLevel = LogLevel(rawValue: Int32(number!))
            case ("cors", let list?): options.crossOrigins = AccessList(literal: String(list), of: .origins)
            case ("hosts", let list?): options.allowedHosts = AccessList(literal: String(list), of: .hosts)
            case ("connections", _): options.connectionsMax = number!
            case ("body", _): options.limits.messageBytes = number!
            case ("head-time", _): options.headArrival = Int64(number!)
            case ("body-time", _): options.bodyArrival = Int64(number!)
            case ("idle-time", _): options.connectionIdle = Int64(number!)
            case ("sessions", _): options.sessionsMax = number!
            case ("requests", _): options.sessionRequestsMax = number!
            case ("mailbox", _): options.mailboxMessagesMax = number!
            case ("unsent", _): options.unsentBytesMax = number!
            case ("session-unsent", _): options.sessionUnsentBytesMax = number!
            case ("total-unsent", _): options.totalUnsentBytesMax = number!
            case ("arriving", _): options.arrivingBytesMax = number!
            case ("request-bytes", _): options.requestBytesMax = number!
            case ("session-bytes", _): options.sessionBytesMax = number!
            case ("client-info", _): options.clientInfoBytesMax = number!
            case ("share", _): options.addressSharePercent = number!
            case ("principal-share", _): options.principalSharePercent = number!
            case ("replay", _): options.hasReplay = true
            case ("store", _): (options.hasReplay, options.hasHostStore) = (true, true)
            case ("fence", _): options.fenceBreadth = Int64(number!)
            case ("head", _): options.responseHead = number.map { Int64($0) }
            case ("half-close", _): options.allowsHalfClose = true
            case ("detached", _): options.detached = Int64(number!)
            case ("events", _): options.replayEventsMax = number!
            case ("bytes", _): options.replayBytesMax = number!
            case ("total", _): options.replayTotalBytesMax = number!
            case ("age", _): options.replayAge = Int64(number!)
            case ("authorize", _):
                options.authorization = .host
                if let number { options.authorizationWait = Int64(number) }
            case ("tokens", let list?):
                options.authorization = Array(list.utf8).withUnsafeBytes {
                    .tokens(try! BearerTokens($0))
                }
            case ("metadata", let url?):
                options.resourceMetadata = ResourceMetadata(literal: String(url))
            case ("cors", let origin?): options.crossOrigins = AccessList(literal: String(origin), of: .origins)
            case ("pipelined", _): options.pipelinedBytesMax = number!
            default: Issue.record("no option \(word)")
            }
        }
        return options
    }
}
