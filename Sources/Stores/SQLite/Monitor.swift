import CLibc
import StoreShared

/// A mutex with a condition, whose waits end at a time of `MonotonicClock`.
final class Monitor {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    @inline(__always)
    func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Wakes all that wait.
    func signal() { pthread_cond_broadcast(condition) }

    /// Waits with the lock held, until a signal or until `time`. False: it is later than that.
    func wait(until time: Int64) -> Bool {
        var end = timespec()
        end.tv_sec = Int(time / 1_000)
        end.tv_nsec = Int(time % 1_000) * 1_000_000
        return pthread_cond_timedwait(condition, mutex, &end) != ETIMEDOUT
    }
}

/// The time that is written to the database, in milliseconds since 1970.
///
/// It is the time of day when the database was opened, and what has passed since then: setting the
/// clock of the machine neither ends sessions nor keeps them. And it is never earlier than what the
/// database has seen: a machine that starts with a wrong clock does not make what it has immortal.
struct StoreClock {
    private let offset: Int64
    private static let credibleMs: Int64 = 100 * 365 * 86_400_000

    init(notBefore seen: Int64) {
        let today = MonotonicClock.read(CLOCK_REALTIME)
        // No clock was ever that wrong: the file was changed.
        let isCredible = seen < today + StoreClock.credibleMs
        offset = (isCredible ? max(today, seen) : today) - StoreClock.elapsed
    }

    var now: Int64 { StoreClock.elapsed + offset }

    /// Counts on while the machine is suspended.
    private static var elapsed: Int64 { MonotonicClock.read(CLOCK_BOOTTIME) }
}
