import CLibc
import Engine

extension ServerRuntime {
    /// Who hears the events.
    package enum Audience {
        /// A function of the host's, called on the loop's thread.
        case callback((HostEvent) -> Void)
        /// A queue that the host drains from a thread of its own.
        case queue(countMax: Int, bytesMax: Int)
    }

    /// Readable while events wait; -1 if the host has a callback.
    package var descriptor: Int32 { loop.isInherited ? -1 : queue?.descriptor ?? -1 }

    /// Gives back the `events` taken before, and takes the oldest that wait. Any thread, one at a
    /// time.
    package func exchangeEvents(_ events: inout [HostEvent], atMost limit: Int) {
        if queue?.exchange(&events, atMost: limit) == true { post(.readOn) }
    }

    /// The host has caught up, or has done with much.
    func readOn() {
        queue?.takeBack { engine.recycle($0) }
        guard isCongested else { return }
        isCongested = false
        let sockets = paused
        paused = []
        for socket in sockets { socket.startReading() }
    }
}

/// Events on their way to a host that takes them on a thread of its own, and their way back: the
/// loop's thread made them, so it takes them apart, and uses their memory again.
///
/// Both sides hand over whole arrays, and get back others with room in them.
package final class EventQueue {
    private struct State {
        var waiting: [HostEvent] = []
        var first = 0
        var spent: [HostEvent] = []
        /// The memory of them all, until the loop has them back.
        var bytes = 0
        var spentBytes = 0
        /// Whether the loop knows that too many wait.
        var isCongested = false

        var count: Int { waiting.count - first }

        mutating func add(_ events: inout [HostEvent]) {
            if events.isEmpty { return }
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
    /// Readable while events wait; negative if there was none to be had.
    package let descriptor: Int32

    // The loop's thread only:
    private var added: [HostEvent] = []
    private var addedBytes = 0
    /// The memory that events held when the loop last looked.
    package private(set) var heldBytes = 0
    private var returned: [HostEvent] = []
    private var mustSignal = false

    /// From so many events on, the loop hands them over before the end of its turn.
    private static var portion: Int { 64 }
    /// So much memory of events that the host is done with does not wait for the next event.
    private static var spentBytesMax: Int { 1 << 20 }

    package init(countMax: Int, bytesMax: Int) {
        self.countMax = countMax
        self.bytesMax = bytesMax
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    }

    deinit {
        if descriptor >= 0 { CLibc.close(descriptor) }
    }

    // MARK: The loop's side

    /// Keeps an event for `handOver`; says whether that is due.
    package func add(_ event: HostEvent) -> Bool {
        added.append(event)
        event.weight = event.heldBytes
        addedBytes += event.weight
        return added.count >= min(countMax, EventQueue.portion) || addedBytes >= bytesMax
    }

    /// Lets the host have what was added, and passes what it is done with to `recycle`. Says
    /// whether so many wait that nothing more should be read for the host.
    package func handOver(_ recycle: (HostEvent) -> Void) -> Bool {
        guard !added.isEmpty else { return false }
        return exchange(recycle)
    }

    /// Takes back what the host is done with.
    package func takeBack(_ recycle: (HostEvent) -> Void) {
        _ = exchange(recycle)
    }

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

    /// Wakes the host if it had nothing left to take: once a turn.
    package func wakeHost() {
        guard mustSignal else { return }
        mustSignal = false
        signal()
    }

    // MARK: The host's side

    /// Gives back the `events` that were taken before, and takes the oldest that wait, at most
    /// `limit`. Says whether the loop is to be told: it waits for room that there is now, or for
    /// much memory.
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
