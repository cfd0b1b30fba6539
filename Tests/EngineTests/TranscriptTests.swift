import Foundation
import Testing

@Suite("Transcripts")
struct TranscriptTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Transcripts")

    private static let names: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".md") && $0 != "README.md" }.sorted()

    private static let mode = Result { () throws(TranscriptError) in
        try TranscriptMode(ProcessInfo.processInfo.environment)
    }

    @Test("There are transcripts to play")
    func found() {
        #expect(Self.names.count >= 60)
    }

    @Test("A conversation goes as it is written", arguments: names)
    func play(_ name: String) throws {
        if try Self.mode.get() == .write { return try Self.rewrite(name) }
        let transcript = try Self.transcript(name)
        try #require(transcript.steps.contains { !$0.expected.lines.isEmpty })
        _ = try Self.play(transcript, .whole, name)
    }

    @Test(
        "A conversation has the same result however its bytes are split",
        .disabled(if: (try? mode.get()) == .write, "it is being written anew"), arguments: names)
    func cut(_ name: String) throws {
        let transcript = try Self.transcript(name)
        guard let longest = try Self.play(transcript, .bytes, name) else { return }
        _ = try (1..<max(2, longest)).first { try Self.play(transcript, .at($0), name) == nil }
    }

    private static func transcript(_ name: String) throws -> Transcript {
        try Transcript(String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
    }

    /// Plays a transcript; returns the length of its longest input, or nil if it fails.
    private static func play(_ transcript: Transcript, _ cut: Cut, _ name: String) throws -> Int? {
        let play = try transcript.play(cut)
        if let failure = play.failure {
            Issue.record("\(name), \(failure)")
            return nil
        }
        return play.longestInput
    }

    private static func rewrite(_ name: String) throws {
        if try Transcript.rewrite(folder.appendingPathComponent(name)) {
            Issue.record("\(name) is rewritten; review what has changed, and run again")
        }
    }
}
