import CLibuv

/// Secure random numbers, fetched from the system a few at a time.
final class RandomSource {
    private var words: [UInt64] = []

    func next() -> UInt64 {
        if let word = words.popLast() { return word }
        var fresh = [UInt64](repeating: 0, count: 32)
        let result = fresh.withUnsafeMutableBytes { room in
            uv_random(nil, nil, room.baseAddress, room.count, 0, nil)
        }
        guard result == 0 else { fatalError("the system has no random numbers") }
        words = fresh
        return words.removeLast()
    }
}
