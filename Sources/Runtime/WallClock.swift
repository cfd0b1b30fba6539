import CLibuv

/// The time of day, asked of the system once a second.
struct WallClock {
    /// When the second is over, in the loop's milliseconds.
    private var nextSecond: UInt64 = 0

    /// The second since 1970 that has begun by `now`, the loop's time; nil if it was told before.
    @inline(__always)
    mutating func newSecond(at now: UInt64) -> Int64? {
        now >= nextSecond ? read(at: now) : nil
    }

    private mutating func read(at now: UInt64) -> Int64? {
        var time = uv_timeval64_t()
        guard uv_gettimeofday(&time) == 0 else { return nil }
        nextSecond = now + UInt64(max(0, 1_000 - time.tv_usec / 1_000))
        return time.tv_sec
    }
}
