import Link
import MCP
import Wire

/// What every part of an engine may use: the time, effects, event counters, recycled objects and
/// random numbers.
///
/// Parts get it as an `inout` argument: a function without one does none of this.
struct Core: ~Copyable {
    /// The time of the current input or command.
    private(set) var now = Instant(milliseconds: 0)
    private var effects = EffectQueue()
    /// What has happened. What is there now is counted by its owners (`ServerStatistics`).
    var counters = Statistics()
    /// What connections use again.
    var spare: Spare
    /// Events and requests to use again.
    var objects = SpareObjects()
    private let limits: Limits
    private var logLimit = LogLimit()
    /// The least urgent level to log; nil for nothing.
    private let logLevel: LogLevel?
    /// Returns 64 bits from a secure source.
    private let random: () -> UInt64
    /// Returns a time that is finer than `now`, for records only; nothing is decided by it.
    private let stopwatch: (() -> UInt64)?

    /// `limits` are those of requests.
    init(
        limits: Limits, logLevel: LogLevel?, stopwatch: (() -> UInt64)?,
        random: @escaping () -> UInt64
    ) {
        self.stopwatch = stopwatch
        self.limits = limits
        spare = Spare(limits: limits, indexing: .mcp)
        self.logLevel = logLevel
        self.random = random
    }

    /// Sets the time. It never goes back.
    mutating func advance(to instant: Instant) {
        now = max(now, instant)
    }

    /// The time in microseconds.
    var microseconds: UInt64 { stopwatch?() ?? UInt64(max(now.milliseconds, 0)) * 1_000 }

    /// Returns 64 random bits.
    func randomBits() -> UInt64 { random() }

    /// Releases the objects that were kept to be used again.
    mutating func dropSpareParts() {
        spare = Spare(limits: limits, indexing: .mcp)
        objects = SpareObjects()
    }

    /// Takes back an event that the host has received, for reuse.
    mutating func recycle(_ event: HostEvent) {
        objects.give(event, &spare)
    }

    // MARK: Effects

    /// Queues an effect for the driver.
    @inline(__always)
    mutating func perform(_ effect: Effect) {
        effects.append(effect)
    }

    @inline(__always)
    mutating func nextEffect() -> Effect? { effects.popFirst() }

    /// Calls `body` with each event that waits to be delivered.
    func forEachEvent(_ body: (HostEvent) -> Void) {
        effects.forEach { if case .deliver(let event) = $0 { body(event) } }
    }

    /// Whether there is so much to perform that nothing should add to it that can wait.
    var isBusy: Bool { effects.count >= 512 }

    /// Logs a line that is about no client.
    mutating func log(
        _ level: LogLevel, _ text: StaticString, _ detail: UnsafeRawBufferPointer? = nil
    ) {
        if let line = line(level, text, detail) { effects.append(.log(line)) }
    }

    /// A line for the log, `detail` after `text`; nil if its level is not wanted or its kind floods
    /// the log.
    mutating func line(
        _ level: LogLevel, _ text: StaticString, _ detail: UnsafeRawBufferPointer? = nil
    ) -> LogLine? {
        guard let most = logLevel, level <= most else { return nil }
        // Levels below warning are off by default: who turns them on wants every line.
        guard let dropped = level <= .warning ? logLimit.admit(text, at: now) : 0 else {
            return nil
        }
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
        return LogLine(level, line)
    }
}
