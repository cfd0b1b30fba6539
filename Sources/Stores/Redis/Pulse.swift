import CLibuv
import StoreShared

/// A timer for the next of many deadlines, which does not keep the loop from ending. It may come
/// early.
final class Pulse {
    private let timer: UnsafeMutablePointer<uv_timer_t>
    private var time = Int64.max
    private var onPulse: (() -> Void)?

    init(_ loop: UnsafeMutablePointer<uv_loop_t>, onPulse: @escaping () -> Void) {
        self.onPulse = onPulse
        timer = HandleMemory.allocate(uv_timer_t.self)
        uv_timer_init(loop, timer)
        timer.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        HandleMemory.unreference(timer)
    }

    /// Comes at `time` at the latest.
    func arm(for time: Int64) {
        guard time < self.time, onPulse != nil else { return }
        self.time = time
        let delay = max(time - MonotonicClock.now, 0)
        uv_timer_start(
            timer,
            { timer in
                guard let data = timer?.pointee.data else { return }
                Unmanaged<Pulse>.fromOpaque(data).takeUnretainedValue().fire()
            }, UInt64(delay), 0)
    }

    private func fire() {
        time = .max
        onPulse?()
    }

    func close() {
        guard onPulse != nil else { return }
        onPulse = nil
        HandleMemory.close(timer)
    }
}
