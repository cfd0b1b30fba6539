import CStore

/// How long things are kept, and how many: the module's terms, where 0 is no limit.
struct Terms {
    let eventMs: UInt64
    let sessionEventsMax: UInt64
    let sessionBytesMax: UInt64
    let waitingBytesMax: UInt64
    /// Whether answers wait until Redis has what they say.
    let isSync: Bool
    let node: NodeName

    init(_ terms: shttp_store_terms, _ node: NodeName) {
        eventMs = min(terms.event_ms, Terms.longestMs)
        sessionEventsMax = terms.session_events_max
        sessionBytesMax = terms.session_bytes_max
        waitingBytesMax = terms.waiting_bytes_max
        isSync = terms.sync != 0
        self.node = node
    }

    /// Redis refuses times that are much longer: this is 35,000 years.
    static let longestMs: UInt64 = 1 << 50

    /// How much longer events may be there, and how many more, before what is beyond the limit is
    /// removed: each command costs Redis something.
    var eventSlackMs: UInt64 { min(eventMs / 8, 60_000) }
    var sessionEventsSlack: UInt64 { min(sessionEventsMax / 8, 64) }

    /// How long the events of a session are kept that Redis knows by them alone.
    var unkeptMs: UInt64 { max(eventMs, 3_600_000) }
}
