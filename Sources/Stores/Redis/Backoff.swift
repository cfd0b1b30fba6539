/// When the next try is after one that failed.
struct Backoff {
    private var delay: Int64 = 0
    private var random: UInt64

    private static let firstMs: Int64 = 50
    private static let mostMs: Int64 = 2_000

    /// Nodes with different seeds do not come at the same moment.
    init(seed: UInt64) { random = seed | 1 }

    /// All went well for long enough: the next try is made at once.
    mutating func reset() { delay = 0 }

    /// Milliseconds until the next try.
    mutating func next() -> Int64 {
        let now = delay
        delay = min(max(delay * 2, Backoff.firstMs), Backoff.mostMs)
        guard now > 0 else { return 0 }
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return now * 3 / 4 + Int64(random % UInt64(now / 4 + 1))
    }
}
