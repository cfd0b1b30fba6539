import Session
import Wire

/// Keeps clients from filling the log: of what they can bring about again and again, ten lines of a
/// kind are made in five seconds. The next one tells how many were not.
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

    /// How many lines of a kind were not made since the last that was; nil if this one should not
    /// be made either. A kind is a text in the program.
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

extension ServerEngine {
    func log(_ level: LogLevel, _ text: StaticString, _ detail: UnsafeRawBufferPointer? = nil) {
        guard let most = options.logLevel, level <= most else { return }
        // Who wants to hear everything does.
        guard let dropped = level <= .warning ? logLimit.admit(text, at: now) : 0 else { return }
        let line = ByteBuffer(copying: text.rawBytes)
        // A client may have written it, in any encoding and at any length: the log is UTF-8.
        for byte in (detail ?? .init(start: nil, count: 0)).prefix(256) {
            line.append((0x20..<0x7F).contains(byte) ? byte : UInt8(ascii: "?"))
        }
        if dropped > 0 {
            line.append(" (and so ")
            line.append(decimal: Int64(clamping: dropped))
            line.append(" more times before)")
        }
        effects.append(.log(level, line))
    }
}
