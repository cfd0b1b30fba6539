import CLibc
import Engine

/// The receiver of a host's events.
package enum Audience {
    /// A function of the host, called on the loop's thread.
    case callback((HostEvent) -> Void)
    /// A queue that the host drains on its own thread.
    case queue(countMax: Int, bytesMax: Int)
}

/// The queue of events for a host that takes them on its own thread, and of the events it returns.
/// The loop's thread created them, so that thread also recycles them.
///
/// Both sides swap whole arrays, so that their capacity is reused.
package final class EventQueue {
    private struct State {
        var waiting: [HostEvent] = []
        var first = 0
        var spent: [HostEvent] = []
        /// The memory of all events that the loop has not got back yet.
        var bytes = 0
        var spentBytes = 0
        /// Whether the queue has reached a limit, and the loop has stopped reading.
        var isCongested = false

        var count: Int { waiting.count - first }

        @_optimize(speed)
        mutating func add(_ events: inout [HostEvent]) {
            if events.isEmpty { return }
            if waiting.isEmpty {
                swap(&waiting, &events)
            } else {
                waiting += events
                events.removeAll(keepingCapacity: true)
            }
        }

        /// Moves the oldest events into an empty array.
        mutating func take(into events: inout [HostEvent], atMost limit: Int) {
            guard count > limit else {
                guard first > 0 else { return swap(&waiting, &events) }
                events += waiting[first...]
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
    private let bytesMax: Int
    /// An eventfd, readable while events are queued; negative if it could not be created.
    package let descriptor: Int32
    /// Why it could not be created.
    package let fault: SystemFault?

    // The loop's thread only:
    private var added: [HostEvent] = []
    private var addedBytes = 0
    /// The value of `State.bytes` at the last exchange by the loop.
    package private(set) var heldBytes = 0
    private var returned: [HostEvent] = []
    private var mustSignal = false

    /// At this number of events, the loop hands them over before the end of its iteration.
    private static var portion: Int { 64 }
    /// At this size, returned events are recycled without waiting for the next event.
    private static var spentBytesMax: Int { 1 << 20 }

    package init(countMax: Int, bytesMax: Int) {
        self.countMax = countMax
        self.bytesMax = bytesMax
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        fault = descriptor < 0 ? SystemFault.last : nil
    }

    deinit {
        if descriptor >= 0 { CLibc.close(descriptor) }
    }

    // MARK: The loop's side

    /// Adds an event for `handOver`; returns true if that is due.
    @_optimize(speed)
    package func add(_ event: HostEvent) -> Bool {
        added.append(event)
        event.weight = event.heldBytes
        addedBytes += event.weight
        return added.count >= min(countMax, EventQueue.portion) || addedBytes >= bytesMax
    }

    /// Queues the added events for the host, and passes the returned ones to `recycle`. Returns
    /// true if the queue has reached a limit, so that reading must stop.
    package func handOver(_ recycle: (HostEvent) -> Void) -> Bool {
        guard !added.isEmpty else { return false }
        return exchange(recycle)
    }

    /// Takes back the events that the host has returned.
    package func takeBack(_ recycle: (HostEvent) -> Void) {
        _ = exchange(recycle)
    }

    @_optimize(speed)
    private func exchange(_ recycle: (HostEvent) -> Void) -> Bool {
        let isCongested = state.withLock { state in
            if state.count == 0, !added.isEmpty { mustSignal = true }
            state.add(&added)
            swap(&state.spent, &returned)
            state.bytes += addedBytes - state.spentBytes
            state.spentBytes = 0
            if state.count >= countMax || state.bytes >= bytesMax { state.isCongested = true }
            heldBytes = state.bytes
            return state.isCongested
        }
        addedBytes = 0
        if !returned.isEmpty {
            for event in returned { recycle(event) }
            returned.removeAll(keepingCapacity: true)
        }
        return isCongested
    }

    /// Wakes the host if its queue was empty: once per iteration.
    package func wakeHost() {
        guard mustSignal else { return }
        mustSignal = false
        signal()
    }

    // MARK: The host's side

    /// Returns the `events` that were taken before, and takes the oldest queued ones, at most
    /// `limit`. Returns true if the loop must be notified: it waits for space in the queue, or much
    /// memory can be recycled.
    @_optimize(speed)
    package func exchange(_ events: inout [HostEvent], atMost limit: Int) -> Bool {
        var signals: UInt64 = 0
        _ = CLibc.read(descriptor, &signals, MemoryLayout<UInt64>.size)
        let givenBack = events.reduce(0) { $0 + $1.weight }
        let (left, mustTell) = state.withLock { state in
            let hadMuch = state.spentBytes >= EventQueue.spentBytesMax
            state.spentBytes += givenBack
            let hasMuch = state.spentBytes >= EventQueue.spentBytesMax && !hadMuch
            if state.spent.isEmpty {
                swap(&state.spent, &events)
            } else {
                state.spent += events
                events.removeAll(keepingCapacity: true)
            }
            state.take(into: &events, atMost: limit)
            let hasRoomAgain = state.isCongested && state.count == 0
            if hasRoomAgain { state.isCongested = false }
            return (state.count, hasRoomAgain || hasMuch)
        }
        if left > 0 { signal() }
        return mustTell
    }

    private func signal() {
        var one: UInt64 = 1
        _ = CLibc.write(descriptor, &one, MemoryLayout<UInt64>.size)
    }
}
