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
        let document = try Self.document(name)
        let transcript = try Transcript(document)
        try #require(transcript.steps.contains { !$0.expected.lines.isEmpty })
        guard let play = try Self.play(transcript, .whole, name) else { return }
        #expect(transcript.rewritten(for: play.outputs) == document)
    }

    @Test("Each mark for order fails when its line comes first", arguments: names)
    func marks(_ name: String) throws {
        for step in try Transcript(Self.document(name)).steps {
            for index in step.expected.lines.indices where step.expected.lines[index].isMarked {
                let own = step.expected.actor(of: step.expected.texts[index])
                let isOwn = { (text: String) in step.expected.actor(of: text) == own }
                let texts = step.expected.texts
                #expect(step.expected.isMet(by: texts))
                #expect(!step.expected.isMet(by: texts.filter(isOwn) + texts.filter { !isOwn($0) }))
            }
        }
    }

    @Test(
        "A conversation has the same result however its bytes are split",
        .disabled(if: (try? mode.get()) == .write, "it is being written anew"), arguments: names)
    func cut(_ name: String) throws {
        let transcript = try Transcript(Self.document(name))
        guard let longest = try Self.play(transcript, .bytes, name)?.longestInput else { return }
        // At every place, or of a long input at so many that are spread over it.
        let places = stride(from: 1, to: max(2, longest), by: 1 + longest / Self.cutsMax)
        _ = try places.first { try Self.play(transcript, .at($0), name) == nil }
    }

    private static let cutsMax = 256

    private static func document(_ name: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    /// Plays a transcript; returns nil if it fails.
    private static func play(_ transcript: Transcript, _ cut: Cut, _ name: String) throws
        -> Transcript.Play?
    {
        let play = try transcript.play(cut)
        if let failure = play.failure {
            Issue.record("\(name), \(failure)")
            return nil
        }
        return play
    }

    private static func rewrite(_ name: String) throws {
        if try Transcript.rewrite(folder.appendingPathComponent(name)) {
            Issue.record("\(name) is rewritten; review what has changed, and run again")
        }
    }
}
