import CLibuv

/// One timer for the next of many deadlines. It may fire early, never late.
final class DeadlineTimer {
    private let timer: UnsafeMutablePointer<uv_timer_t>
    private var armedFor: UInt64?
    private var onFire: (() -> Void)?

    init(_ loop: UnsafeMutablePointer<uv_loop_t>, onFire: @escaping () -> Void) {
        self.onFire = onFire
        timer = HandleMemory.allocate(uv_timer_t.self)
        uv_timer_init(loop, timer)
        timer.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        letLoopEnd()
    }

    /// Makes sure that the timer fires no later than `deadline`, in the loop's milliseconds.
    func arm(_ deadline: UInt64, now: UInt64) {
        if let armedFor, armedFor <= deadline { return }
        armedFor = deadline
        uv_timer_start(
            timer,
            { timer in
                guard let self = owner(timer?.pointee.data, as: DeadlineTimer.self) else { return }
                self.armedFor = nil
                self.onFire?()
            }, deadline > now ? deadline - now : 0, 0)
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
