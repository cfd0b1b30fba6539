import CStreamableHTTP
import StoreShared

/// The orders that wait to be written: the loop's thread puts them in, the writer takes them out.
///
/// Its size is bounded. A message beyond `bytesMax` is replaced by the note that it is lost; all
/// else is small, and taken up to twice as much. Beyond that questions are refused, and the store
/// gives up what it has: an order that is missing could make what is stored wrong, without anyone
/// noticing.
final class OrderQueue {
    /// What the writer is to know beside the orders.
    struct News {
        var isClosing = false
        /// An order found no room: all that was given until now is thrown away.
        var hasGivenUp = false
        var lostMessages = 0
        /// The serial of the last order that was given.
        var serial: UInt64 = 0
    }

    private enum Writer {
        case busy
        /// Waits for anything.
        case idle
        /// Waits for more, as what it has is not urgent.
        case gathering
    }

    private let monitor = Monitor()
    private var waiting = OrderBatch()
    private var writer = Writer.busy
    private var news = News()
    private var isUrgent = false
    /// What the writer has taken, and not yet written.
    private var takenSize = 0
    private var hasEnded = false

    private let bytesMax: Int
    private let gatherMs: Int64

    /// Orders wait for `gatherMs` for others, so that they are written together.
    init(bytesMax: UInt64, gatherMs: Int64) {
        self.bytesMax = bytesMax == 0 ? .max / 2 : Int(min(bytesMax, UInt64(Int.max / 4)))
        self.gatherMs = gatherMs
    }

    // MARK: The loop's thread

    /// Returns false if a question is refused.
    func put(
        _ kind: OrderKind, _ order: shttp_store_order, text: shttp_bytes, for server: OpaquePointer?
    ) -> Bool {
        monitor.withLock {
            guard add(kind, order, text: text, for: server) else { return false }
            switch writer {
            case .busy: break
            case .gathering where !isUrgent: break
            case .idle, .gathering:
                writer = .busy
                monitor.signal()
            }
            return true
        }
    }

    private func add(
        _ kind: OrderKind, _ order: shttp_store_order, text: shttp_bytes, for server: OpaquePointer?
    ) -> Bool {
        news.serial = order.serial
        var kind = kind
        var text = text
        let size = takenSize + waiting.size
        if kind == .keep, size + OrderBatch.size(order, text: text) > bytesMax {
            kind = .lose
            text = shttp_bytes()
            news.lostMessages += 1
        }
        let hasRoom = size + OrderBatch.size(order, text: text) <= 2 * bytesMax
        if kind.isQuestion {
            guard hasRoom else { return false }
            isUrgent = true
        } else {
            if !hasRoom { news.hasGivenUp = true }
            if news.hasGivenUp { return true }
        }
        if size > bytesMax / 2 { isUrgent = true }
        waiting.append(kind, order, text: text, for: server)
        return true
    }

    /// Has the writer end, and waits for that until `time`. False: it has not ended.
    func close(until time: Int64) -> Bool {
        monitor.withLock {
            news.isClosing = true
            monitor.signal()
            while !hasEnded, monitor.wait(until: time) {}
            return hasEnded
        }
    }

    // MARK: The writer's thread

    /// Moves what waits to `batch`, as soon as there is something, or at `time`; with `isPatient`
    /// only what is urgent comes before that time.
    func take(_ batch: inout OrderBatch, waitingUntil time: Int64, isPatient: Bool) -> News {
        monitor.withLock {
            takenSize = batch.size
            if isPatient {
                gather(until: time)
            } else {
                writer = .idle
                while waiting.isEmpty, !mustHurry, monitor.wait(until: time) {}
                if !waiting.isEmpty, gatherMs > 0 { gather(until: MonotonicClock.now + gatherMs) }
            }
            writer = .busy
            batch.take(&waiting)
            // What is given up is not written.
            takenSize = news.hasGivenUp ? 0 : batch.size
            isUrgent = false
            defer {
                news.hasGivenUp = false
                news.lostMessages = 0
            }
            return news
        }
    }

    private var mustHurry: Bool { isUrgent || news.isClosing || news.hasGivenUp }

    private func gather(until time: Int64) {
        writer = .gathering
        while !mustHurry, monitor.wait(until: time) {}
    }

    /// Tells `close` that the writer ends.
    func end() {
        monitor.withLock {
            hasEnded = true
            monitor.signal()
        }
    }
}
