import CStreamableHTTP

/// Which lines are written: of those about one thing, one in ten seconds.
struct LogLimit {
    enum Level {
        case warning
        case notice

        var value: shttp_log_level { self == .warning ? SHTTP_LOG_WARNING : SHTTP_LOG_NOTICE }
    }

    enum Topic: Int, CaseIterable {
        case absence
        case recovery
        case refusal
        case version
        case loss
        case givingUp
        case end
    }

    private var times: [Int64?] = Array(repeating: nil, count: Topic.allCases.count)
    private static let pauseMs: Int64 = 10_000

    mutating func allows(_ topic: Topic, at now: Int64) -> Bool {
        if let time = times[topic.rawValue], now - time < LogLimit.pauseMs { return false }
        times[topic.rawValue] = now
        return true
    }
}
