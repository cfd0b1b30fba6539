/// What is to be done with transcripts: `TRANSCRIPTS=write` writes their outputs anew.
enum TranscriptMode {
    case play, write

    init(_ environment: [String: String]) throws(TranscriptError) {
        let isAutomatic = !["", "0", "false"].contains(environment["CI", default: ""])
        switch environment["TRANSCRIPTS", default: ""] {
        case "": self = .play
        case "write" where !isAutomatic: self = .write
        case "write": throw TranscriptError("transcripts are not written where CI is set")
        case let word: throw TranscriptError("TRANSCRIPTS is `write` or nothing, not `\(word)`")
        }
    }
}
