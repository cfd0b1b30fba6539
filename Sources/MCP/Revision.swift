import Wire

/// The two kinds of revisions, which the specification calls so.
package enum Era: Sendable {
    /// Sessions, which `initialize` opens.
    case legacy
    /// Each request says all about itself in its `_meta`.
    case modern
}

/// A protocol revision, and its features. The only file that contains dates.
package enum Revision: Int, Comparable, CaseIterable, Sendable {
    /// The first revision, which had a different transport. Some clients request it on this
    /// transport and accept no other; they get the rules of `march2025` (S-203).
    case november2024
    case march2025
    case june2025
    case november2025
    case july2026

    /// The revision of a request without a revision and without a session (S-209).
    package static let assumed = Revision.march2025

    package static let modern = Revision.july2026

    /// For clients of other revisions where only that one is served (S-023).
    package static var modernOnly: StaticString {
        "Missing MCP-Protocol-Version: only 2026-07-28 is served here"
    }

    /// The revision's name on the wire.
    package var text: StaticString {
        switch self {
        case .november2024: "2024-11-05"
        case .march2025: "2025-03-26"
        case .june2025: "2025-06-18"
        case .november2025: "2025-11-25"
        case .july2026: "2026-07-28"
        }
    }

    @_optimize(speed)
    package init?(text: UnsafeRawBufferPointer) {
        // Most clients speak a new one.
        guard let known = Revision.allCases.last(where: { text.equals($0.text) }) else {
            return nil
        }
        self = known
    }

    package static func < (left: Revision, right: Revision) -> Bool {
        left.rawValue < right.rawValue
    }

    package var era: Era { self >= .july2026 ? .modern : .legacy }

    /// Whether a stream begins with an event that has an id and no message, so that it can be
    /// resumed from the start. Older clients treat it as an invalid message (S-238).
    package var hasPriming: Bool { self == .november2025 }

    /// Whether the server may close the connection and keep the stream, so that the client resumes
    /// it (S-239).
    package var hasPolling: Bool { self == .november2025 }

    /// Whether a tool's wrong arguments are told in a result, so that the model sees them and can
    /// correct itself (SEP-1303).
    package var hasArgumentFaultsInResults: Bool { self >= .november2025 }

    /// Whether a POST may carry several messages in an array (S-260).
    package var hasBatches: Bool { self <= .march2025 }
}

/// The revisions that a server serves.
package struct RevisionSet: Equatable, Sendable {
    private var bits: UInt8 = 0

    private init() {}

    /// All that this library knows.
    package static var all: RevisionSet {
        var all = RevisionSet()
        for revision in Revision.allCases { all.insert(revision) }
        return all
    }

    /// Why a text names no revisions.
    package struct Fault: Error {
        /// The number of the first entry that names none, from 1 on.
        package let entry: Int

        package static var reason: StaticString {
            "is none of 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28"
        }
    }

    /// Reads the names of revisions, separated by commas. Blanks around them are ignored.
    package init(_ list: UnsafeRawBufferPointer) throws(Fault) {
        var number = 0
        var unknown: Int?
        var read = RevisionSet()
        list.forEachPart(separatedBy: UInt8(ascii: ",")) { name in
            number += 1
            if let revision = Revision(text: name), revision != .november2024 {
                read.insert(revision)
            } else if unknown == nil {
                unknown = number
            }
        }
        if let unknown { throw Fault(entry: unknown) }
        // Clients that name the oldest one are served by the rules of the next.
        if read.contains(.march2025) { read.insert(.november2024) }
        self = read
    }

    private mutating func insert(_ revision: Revision) {
        bits |= 1 << UInt8(revision.rawValue)
    }

    package func contains(_ revision: Revision) -> Bool {
        bits & 1 << UInt8(revision.rawValue) != 0
    }

    package func has(_ era: Era) -> Bool {
        Revision.allCases.contains { $0.era == era && contains($0) }
    }

    /// The served revision that `text` names.
    package func find(_ text: UnsafeRawBufferPointer) -> Revision? {
        Revision(text: text).flatMap { contains($0) ? $0 : nil }
    }

    /// The revision in the answer to a client that asks for `requested` with `initialize`: that
    /// one, or else the latest with sessions (S-203).
    package func negotiated(for requested: UnsafeRawBufferPointer?) -> Revision {
        if let found = requested.flatMap({ find($0) }), found.era == .legacy { return found }
        return Revision.allCases.last { $0.era == .legacy && contains($0) } ?? .assumed
    }

    /// Appends the revisions of an era that have this transport, as a JSON array, the latest first.
    package func append(_ era: Era, to output: ByteBuffer) {
        output.append("[")
        var isFirst = true
        for revision in Revision.allCases.reversed()
        where revision.era == era && contains(revision) && revision != .november2024 {
            output.append(isFirst ? "\"" : ",\"")
            isFirst = false
            output.append(revision.text)
            output.append("\"")
        }
        output.append("]")
    }
}
