/// What no transcript can be about: a mistake in what its author wrote, or a broken engine.
struct TranscriptError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
