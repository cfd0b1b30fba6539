import CStore

/// How long things are kept, and how many: the module's terms, where 0 is no limit.
struct Terms {
    let eventMs: UInt64
    let sessionEventsMax: UInt64
    let sessionBytesMax: UInt64
    let totalBytesMax: UInt64
    let waitingBytesMax: UInt64
    let isSync: Bool

    init(_ terms: shttp_store_terms) {
        eventMs = terms.event_ms
        sessionEventsMax = terms.session_events_max
        sessionBytesMax = terms.session_bytes_max
        totalBytesMax = terms.total_bytes_max
        waitingBytesMax = terms.waiting_bytes_max
        isSync = terms.sync != 0
    }

    /// No time is later.
    static let never = Int64.max

    /// When something ends that is kept for so long; 0 is for ever.
    func deadline(_ milliseconds: UInt64, at now: Int64) -> Int64 {
        let (end, isTooLate) = UInt64(clamping: now).addingReportingOverflow(milliseconds)
        return milliseconds == 0 || isTooLate ? Terms.never : Int64(clamping: end)
    }

    /// When a session that is known only by its events is looked at again, to see whether they have
    /// gone. Its streams may be open without any.
    func unkept(at now: Int64) -> Int64 {
        deadline(eventMs == 0 ? 0 : max(eventMs, Terms.unkeptMs), at: now)
    }

    private static let unkeptMs: UInt64 = 3_600_000

    /// Events of this time and before are too old; nil if none ever is.
    func lastExpired(at now: Int64) -> Int64? {
        eventMs == 0 || eventMs > UInt64(clamping: now) ? nil : now - Int64(eventMs)
    }

    func hasRoom(events: Int64, bytes: Int64) -> Bool {
        (sessionEventsMax == 0 || events <= sessionEventsMax)
            && (sessionBytesMax == 0 || bytes <= sessionBytesMax)
    }
}
