import CLibc

/// Cryptographically secure random numbers, fetched from the system in batches: each answer that is
/// an event stream needs two.
package final class RandomSource {
    private let words = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: 128)
    private var left = 0

    package init() {}

    deinit {
        words.deallocate()
    }

    @_optimize(speed)
    package func next() -> UInt64 {
        if left == 0 { refill() }
        left -= 1
        defer { words[left] = 0 }
        return words[left]
    }

    private func refill() {
        fillWithRandomBytes(UnsafeMutableRawBufferPointer(words))
        left = words.count
    }
}

/// The kernel's random bytes, for what nobody may guess. Any thread may call it. Soon after
/// booting it waits until the kernel has some. A system that never has any (Linux before 3.17, a
/// sandbox that forbids the call) ends the process: nothing would be secure there, and no peer can
/// cause it.
private func fillWithRandomBytes(_ room: UnsafeMutableRawBufferPointer) {
    guard let start = room.baseAddress else { return }
    var filled = 0
    while filled < room.count {
        let count = getrandom(start + filled, room.count - filled, 0)
        guard count > 0 || (count < 0 && last_error() == EINTR) else {
            fatalError("the system has no random numbers")
        }
        filled += max(count, 0)
    }
}

#if hasFeature(Embedded)
    /// Embedded Swift seeds its hashing with this function, which glibc has only since 2.36. This
    /// one is for the library alone: `exports.map` hides it from the host.
    @_cdecl("arc4random_buf")
    func seedHashing(_ bytes: UnsafeMutableRawPointer, _ count: Int) {
        fillWithRandomBytes(UnsafeMutableRawBufferPointer(start: bytes, count: count))
    }
#endif
