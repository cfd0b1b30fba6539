import Link
import Wire

/// Keeps clients from flooding the log: at most ten lines of a kind in five seconds. The next line
/// says how many were suppressed.
struct LogLimit {
    private struct Kind {
        let text: UnsafeRawPointer
        var since: Instant
        var count = 0
        var dropped: UInt64 = 0
    }

    private var kinds: [Kind] = []

    private static var countMax: Int { 10 }
    private static var milliseconds: Int64 { 5_000 }

    /// Returns how many lines of a kind were suppressed since the last one that was logged; nil if
    /// this one is to be suppressed as well. A kind is a string constant, identified by its
    /// address.
    mutating func admit(_ text: StaticString, at now: Instant) -> UInt64? {
        guard let start = text.rawBytes.baseAddress else { return 0 }
        guard let index = kinds.firstIndex(where: { $0.text == start }) else {
            kinds.append(Kind(text: start, since: now, count: 1))
            return 0
        }
        if now >= kinds[index].since.advanced(byMilliseconds: LogLimit.milliseconds) {
            kinds[index].since = now
            kinds[index].count = 0
        }
        guard kinds[index].count < LogLimit.countMax else {
            kinds[index].dropped += 1
            return nil
        }
        kinds[index].count += 1
        defer { kinds[index].dropped = 0 }
        return kinds[index].dropped
    }
}
