import Foundation

extension Transcript {
    struct Play {
        /// The outputs of each step that was played.
        var outputs: [[String]] = []
        var longestInput = 0
        /// How the last step differs from what is expected, if it was the reason to stop.
        var failure: String?
    }

    /// Plays the conversation with a new engine.
    func play(_ cut: Cut, stopsEarly: Bool = true) throws(TranscriptError) -> Play {
        let player = Player(options, cut)
        var play = Play()
        for step in steps {
            do {
                play.outputs.append(try player.play(step))
            } catch {
                throw TranscriptError("line \(step.lineNumber), \(cut): \(error)")
            }
            if stopsEarly, !step.expected.isMet(by: play.outputs.last!) {
                play.failure =
                    "line \(step.lineNumber), \(cut): \(step.input)\n"
                    + step.expected.difference(from: play.outputs.last!)
                break
            }
        }
        play.longestInput = player.longestInput
        return play
    }

    /// Plays the conversation in a file, and writes it anew; returns whether it has changed.
    static func rewrite(_ file: URL) throws -> Bool {
        let document = try String(contentsOf: file, encoding: .utf8)
        let transcript = try Transcript(document)
        let outputs = try transcript.play(.whole, stopsEarly: false).outputs
        let new = transcript.rewritten(for: outputs)
        if new == document { return false }
        let isReadable = zip(try Transcript(new).steps, outputs).allSatisfy { step, outputs in
            step.expected.isMet(by: outputs)
        }
        guard isReadable else { throw TranscriptError("its outputs cannot be written down") }
        try new.write(to: file, atomically: true, encoding: .utf8)
        return true
    }
}
