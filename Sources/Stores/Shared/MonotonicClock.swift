import CLibc

/// The time since the machine started, in milliseconds.
package enum MonotonicClock {
    package static var now: Int64 { read(CLOCK_MONOTONIC) }

    /// What a clock of the system says, in milliseconds.
    package static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec / 1_000_000)
    }
}
