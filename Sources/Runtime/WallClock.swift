import CLibuv

/// The time of day, read from the system once per second.
struct WallClock {
    /// When the current second ends, in the loop's milliseconds.
    private var nextSecond: UInt64 = 0

    /// The seconds since 1970, if a new second has begun by `now`, the loop's time; else nil.
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
