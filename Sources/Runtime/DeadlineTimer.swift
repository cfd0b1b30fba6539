import CLibuv

/// One timer for the next of many deadlines. It may fire early, and slightly late: when it is due,
/// the loop first reads what has already arrived, even if the host has blocked the loop for long.
final class DeadlineTimer {
    private let timer: UnsafeMutablePointer<uv_timer_t>
    private var armedFor: UInt64?
    /// Whether the deadline has passed, and the loop polls once more before `onFire`.
    private var isOverdue = false
    private var onFire: (() -> Void)?

    init(_ loop: UnsafeMutablePointer<uv_loop_t>, onFire: @escaping () -> Void) {
        self.onFire = onFire
        timer = HandleMemory.allocate(uv_timer_t.self)
        uv_timer_init(loop, timer)
        timer.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        letLoopEnd()
    }

    /// Arms the timer for `deadline` at the latest, in the loop's milliseconds.
    func arm(_ deadline: UInt64, now: UInt64) {
        if let armedFor, armedFor <= deadline { return }
        armedFor = deadline
        start(after: deadline > now ? deadline - now : 0)
    }

    private func start(after delay: UInt64) {
        uv_timer_start(
            timer, { owner($0?.pointee.data, as: DeadlineTimer.self)?.deadlineCame() }, delay, 0)
    }

    private func deadlineCame() {
        guard isOverdue else {
            isOverdue = true
            // libuv runs all due timers before it polls, so a delay of 1 ms forces a poll in
            // between.
            return start(after: 1)
        }
        isOverdue = false
        armedFor = nil
        onFire?()
    }

    /// Keeps the loop running until the timer has fired.
    func keepLoopAlive() {
        uv_ref(UnsafeMutableRawPointer(timer).assumingMemoryBound(to: uv_handle_t.self))
    }

    /// Lets the loop end although the timer is active.
    func letLoopEnd() {
        HandleMemory.unreference(timer)
    }

    func close() {
        guard onFire != nil else { return }
        onFire = nil
        HandleMemory.close(timer)
    }
}
