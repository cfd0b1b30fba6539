import Replay
import Session

extension ServerEngine {
    package var statistics: Statistics {
        var statistics = Statistics()
        write(&statistics)
        return statistics
    }

    /// Writes the figures into the caller's struct: returning a copy costs more.
    @_optimize(speed)
    package func write(_ statistics: inout Statistics) {
        statistics = core.counters
        statistics.connections = UInt64(connections.count)
        statistics.sessions = UInt64(sessions.count)
        statistics.streams = UInt64(connections.streamCount)
        statistics.unsentBytes = UInt64(connections.unsentBytes)
        statistics.arrivingBytes = UInt64(connections.arrivingBytes)
        statistics.requests = UInt64(requests.count)
        statistics.exchanges = UInt64(hosted.count)
        statistics.calls = UInt64(requests.callCount)
        statistics.parkedRequests = UInt64(continuations.waitingCount)
        statistics.listeners = UInt64(listeners.count)
        statistics.requestBytes = UInt64(requests.heldBytes)
        statistics.authorizations = UInt64(parked.verdictCount)
        statistics.replayBytes = UInt64(sessions.storeBytes)
        statistics.sessionBytes = UInt64(sessions.heldBytes)
        statistics.heldBytes =
            statistics.unsentBytes + statistics.replayBytes + statistics.arrivingBytes
            + statistics.requestBytes + statistics.sessionBytes
            + UInt64(connections.heldBytes + tableBytes)
    }

    /// The memory of the tables. Their capacity does not shrink when elements are removed.
    @_optimize(speed)
    var tableBytes: Int {
        let slots =
            connections.slotCount + sessions.slotCount + requests.slotCount
            + listeners.slotCount + continuations.slotCount + watched.slotCount
        return tableSizes.bytes(at: slots) {
            connections.heapBytes + requests.heapBytes + sessions.heapBytes
                + listeners.heapBytes + continuations.heapBytes + watched.heapBytes
        }
    }
}

/// The memory of the tables, measured again only when their number of slots changes.
struct TableSizes {
    private var slots = 0
    private var bytes = 0

    @inline(__always)
    mutating func bytes(at slots: Int, _ measure: () -> Int) -> Int {
        if slots != self.slots {
            self.slots = slots
            bytes = measure()
        }
        return bytes
    }
}
