import CLibc
import Engine

/// Events on their way to a host that takes them on a thread of its own, and their way back: the
/// loop's thread made them, so it takes them apart, and uses their memory again.
///
/// Both sides hand over whole arrays, and get back others with room in them.
package final class EventQueue {
    private struct State {
        var waiting: [HostEvent] = []
        var first = 0
        var spent: [HostEvent] = []
        /// Whether the loop knows that too many wait.
        var isCongested = false

        var count: Int { waiting.count - first }

        mutating func add(_ events: inout [HostEvent]) {
            if waiting.isEmpty {
                swap(&waiting, &events)
            } else {
                waiting += events
                events.removeAll(keepingCapacity: true)
            }
        }

        /// Moves the oldest into an empty array.
        mutating func take(into events: inout [HostEvent], atMost limit: Int) {
            guard count > limit else {
                if first == 0 { swap(&waiting, &events) } else { events += waiting[first...] }
                waiting.removeAll(keepingCapacity: true)
                first = 0
                return
            }
            events += waiting[first..<first + limit]
            first += limit
            if first > waiting.count / 2 {
                waiting.removeFirst(first)
                first = 0
            }
        }
    }

    private let state = Locked(State())
    private let countMax: Int
    /// Readable while events wait; negative if there was none to be had.
    package let descriptor: Int32

    // The loop's thread only:
    private var added: [HostEvent] = []
    private var returned: [HostEvent] = []
    private var mustSignal = false

    /// From so many events on, the loop hands them over before the end of its turn.
    private static var portion: Int { 64 }

    package init(countMax: Int) {
        self.countMax = countMax
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    }

    deinit {
        if descriptor >= 0 { CLibc.close(descriptor) }
    }

    // MARK: The loop's side

    /// Keeps an event for `handOver`; says whether that is due.
    package func add(_ event: HostEvent) -> Bool {
        added.append(event)
        return added.count >= min(countMax, EventQueue.portion)
    }

    /// Lets the host have what was added, and passes what it is done with to `recycle`. Says
    /// whether so many wait that nothing more should be read for the host.
    package func handOver(_ recycle: (HostEvent) -> Void) -> Bool {
        guard !added.isEmpty else { return false }
        let isCongested = state.withLock { state in
            if state.count == 0 { mustSignal = true }
            state.add(&added)
            swap(&state.spent, &returned)
            if state.count >= countMax { state.isCongested = true }
            return state.isCongested
        }
        for event in returned { recycle(event) }
        returned.removeAll(keepingCapacity: true)
        return isCongested
    }

    /// Wakes the host if it had nothing left to take: once a turn.
    package func wakeHost() {
        guard mustSignal else { return }
        mustSignal = false
        signal()
    }

    // MARK: The host's side

    /// Gives back the `events` that were taken before, and takes the oldest that wait, at most
    /// `limit`. Says whether the loop waits for room that there is now.
    package func exchange(_ events: inout [HostEvent], atMost limit: Int) -> Bool {
        var signals: UInt64 = 0
        _ = CLibc.read(descriptor, &signals, MemoryLayout<UInt64>.size)
        let (left, hasRoomAgain) = state.withLock { state in
            if state.spent.isEmpty {
                swap(&state.spent, &events)
            } else {
                state.spent += events
                events.removeAll(keepingCapacity: true)
            }
            state.take(into: &events, atMost: limit)
            let hasRoomAgain = state.isCongested && state.count == 0
            if hasRoomAgain { state.isCongested = false }
            return (state.count, hasRoomAgain)
        }
        if left > 0 { signal() }
        return hasRoomAgain
    }

    private func signal() {
        var one: UInt64 = 1
        _ = CLibc.write(descriptor, &one, MemoryLayout<UInt64>.size)
    }
}
