import CLibuv

/// One timer for the next of many deadlines. It may fire early, and a little late: first the loop
/// reads what had arrived by then, however long the host kept the loop to itself.
final class DeadlineTimer {
    private let timer: UnsafeMutablePointer<uv_timer_t>
    private var armedFor: UInt64?
    /// Whether the deadline has come, and the loop reads once more.
    private var isOverdue = false
    private var onFire: (() -> Void)?

    init(_ loop: UnsafeMutablePointer<uv_loop_t>, onFire: @escaping () -> Void) {
        self.onFire = onFire
        timer = HandleMemory.allocate(uv_timer_t.self)
        uv_timer_init(loop, timer)
        timer.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        letLoopEnd()
    }

    /// Makes sure that the timer fires soon after `deadline`, in the loop's milliseconds.
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
            // Timers that are due run in one go, with no time for a poll before they are all done.
            return start(after: 1)
        }
        isOverdue = false
        armedFor = nil
        onFire?()
    }

    /// Lets the loop run on until the timer has fired.
    func keepLoopAlive() {
        uv_ref(UnsafeMutableRawPointer(timer).assumingMemoryBound(to: uv_handle_t.self))
    }

    /// The loop need not run on for the timer.
    func letLoopEnd() {
        HandleMemory.unreference(timer)
    }

    func close() {
        guard onFire != nil else { return }
        onFire = nil
        HandleMemory.close(timer)
    }
}
