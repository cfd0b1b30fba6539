import Link
import Wire

/// The answers that wait at one connection.
///
/// An answer waits after the last event before it for the fence's breadth (in milliseconds), plus a
/// third of the breadth for each event handed over right before that one, since the client has to
/// read those as well. Releasing all answers takes time proportional to their number.
struct FenceQueue {
    private struct Entry {
        /// The number of events of the connection that must have been handed over.
        let events: UInt64
        let request: OpenRequest
    }

    /// Answers after events that have not been handed over: a min-heap by `events`.
    private var waiting: [Entry] = []
    /// Answers after events that have been handed over, with their release times, sorted by them.
    private var settling: [(request: OpenRequest, release: Instant)] = []
    private var firstSettling = 0
    /// The last two handovers.
    private var last = Handover()
    private var lastBefore = Handover()

    /// Events that were handed over together, and when a client that takes some time for each will
    /// have read them.
    private struct Handover {
        /// The number of events handed over so far, including these.
        var events: UInt64 = 0
        /// When the first and the last will be read, in thirds of a millisecond.
        var first: Int64 = .min / 8
        var end: Int64 = .min / 8
    }

    /// The memory of the held answers, as it was counted.
    private(set) var heldBytes = 0

    /// The maximum wait of an answer, in breadths.
    private static var breadthsMax: Int64 { 32 }

    /// The number of events that have been handed over.
    var passedEvents: UInt64 { last.events }

    /// Its memory on the heap, without the requests.
    var heapBytes: Int { HeapBlock.size(of: waiting) + HeapBlock.size(of: settling) }

    var isEmpty: Bool { waiting.isEmpty && settling.isEmpty }

    /// The requests whose answers are held, unordered.
    var requests: [OpenRequest] {
        waiting.map { $0.request } + settling[firstSettling...].map { $0.request }
    }

    /// The release time of the next answer that waits only for time; nil if there is none.
    var nextRelease: Instant? {
        firstSettling < settling.count ? settling[firstSettling].release : nil
    }

    /// Whether an answer after `events` events may be sent at once.
    func isPassed(_ events: UInt64, breadth: Int64, at now: Instant) -> Bool {
        events <= last.events && release(of: events, breadth: breadth) <= now
    }

    /// The release time of an answer after an event that was handed over. Times are in thirds of a
    /// millisecond, so `breadth` thirds are a third of the breadth: the wait for one event.
    private func release(of event: UInt64, breadth: Int64) -> Instant {
        let end =
            event <= lastBefore.events
            ? lastBefore.end
            : min(last.end, last.first + Int64(event - lastBefore.events - 1) * breadth)
        return Instant(milliseconds: (end + 2) / 3 + breadth)
    }

    mutating func count(_ change: Int) {
        heldBytes += change
    }

    /// Holds a request's answer after `events` events.
    mutating func hold(_ request: OpenRequest, behind events: UInt64, breadth: Int64) {
        guard events > last.events else {
            return settle(request, until: release(of: events, breadth: breadth))
        }
        waiting.append(Entry(events: events, request: request))
        siftUp(from: waiting.count - 1)
    }

    /// Records that the first `events` events have been handed over.
    @_optimize(speed)
    mutating func passed(_ events: UInt64, breadth: Int64, at now: Instant) {
        guard events > last.events else { return }
        let count = Int64(clamping: events - last.events)
        let limit = now.milliseconds * 3 + (FenceQueue.breadthsMax - 1) * 3 * breadth
        let first = min(limit, max(now.milliseconds * 3, last.end + breadth))
        let (more, overflow) = (count - 1).multipliedReportingOverflow(by: breadth)
        lastBefore = last
        last = Handover(
            events: events, first: first, end: overflow ? limit : min(limit, first + more))
        while let next = waiting.first, next.events <= events {
            popFirst()
            settle(next.request, until: release(of: next.events, breadth: breadth))
        }
    }

    /// Removes and returns the next answer whose release time has passed; nil if there is none.
    mutating func release(by now: Instant) -> OpenRequest? {
        guard let next = nextRelease, next <= now else { return nil }
        let request = settling[firstSettling].request
        firstSettling += 1
        if firstSettling == settling.count {
            settling = []
            firstSettling = 0
        } else if firstSettling > 32, firstSettling > settling.count / 2 {
            settling.removeFirst(firstSettling)
            firstSettling = 0
        }
        return request
    }

    /// Removes and returns all answers: there is nothing left to wait for.
    mutating func releaseAll() -> [OpenRequest] {
        defer { self = FenceQueue() }
        return settling[firstSettling...].map { $0.request } + waiting.map { $0.request }
    }

    /// Makes an answer wait only for time. It is never released before those already in the list.
    private mutating func settle(_ request: OpenRequest, until release: Instant) {
        settling.append((request, max(release, settling.last?.release ?? release)))
    }

    // MARK: The heap

    private mutating func popFirst() {
        waiting.swapAt(0, waiting.count - 1)
        waiting.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < waiting.count && waiting[child].events < waiting[least].events {
                least = child
            }
            guard least != index else { return }
            waiting.swapAt(index, least)
            index = least
        }
    }

    private mutating func siftUp(from start: Int) {
        var index = start
        while index > 0, waiting[index].events < waiting[(index - 1) / 2].events {
            waiting.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }
}
