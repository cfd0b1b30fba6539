import Wire

/// A protocol revision with sessions, and its features. The only file that contains dates.
package enum Revision: Int, Comparable, CaseIterable, Sendable {
    /// The first revision, which had a different transport. Some clients request it on this
    /// transport and accept no other; they get the rules of `march2025` (S-203).
    case november2024
    case march2025
    case june2025
    case november2025

    /// The answer to a client that requests an unsupported revision (S-203).
    package static let latest = Revision.november2025

    /// The revision of a request without a revision and without a session (S-209).
    package static let assumed = Revision.march2025

    /// The revisions with this transport as a JSON array, the latest first.
    package static let listed: StaticString = "[\"2025-11-25\",\"2025-06-18\",\"2025-03-26\"]"

    /// The revision's name on the wire.
    package var text: StaticString {
        switch self {
        case .november2024: "2024-11-05"
        case .march2025: "2025-03-26"
        case .june2025: "2025-06-18"
        case .november2025: "2025-11-25"
        }
    }

    package init?(text: UnsafeRawBufferPointer) {
        for revision in Revision.allCases where text.equals(revision.text) {
            self = revision
            return
        }
        return nil
    }

    package static func < (left: Revision, right: Revision) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Whether a stream begins with an event that has an id and no message, so that it can be
    /// resumed from the start. Older clients treat it as an invalid message (S-238).
    package var hasPriming: Bool { self >= .november2025 }

    /// Whether the server may close the connection and keep the stream, so that the client resumes
    /// it (S-239).
    package var hasPolling: Bool { self >= .november2025 }

    /// The revision in the answer to a client that requests `requested`.
    package static func negotiated(for requested: UnsafeRawBufferPointer) -> Revision {
        Revision(text: requested) ?? latest
    }
}
