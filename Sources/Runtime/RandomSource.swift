import CLibc

/// Cryptographically secure random numbers, fetched from the system in batches: each answer that is
/// an event stream needs two.
final class RandomSource {
    private let words = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: 128)
    private var left = 0

    deinit {
        words.deallocate()
    }

    func next() -> UInt64 {
        if left == 0 { refill() }
        left -= 1
        defer { words[left] = 0 }
        return words[left]
    }

    private func refill() {
        let room = UnsafeMutableRawBufferPointer(words)
        var filled = 0
        while filled < room.count {
            let count = getrandom(room.baseAddress! + filled, room.count - filled, 0)
            guard count > 0 || last_error() == EINTR else {
                fatalError("the system has no random numbers")
            }
            filled += max(count, 0)
        }
        left = words.count
    }
}
