import Replay
import Session

extension ServerEngine {
    package var statistics: Statistics {
        var statistics = Statistics()
        write(&statistics)
        return statistics
    }

    /// Writes what is held, and what has happened, where it is to be: a copy costs more.
    package func write(_ statistics: inout Statistics) {
        statistics = core.counters
        statistics.connections = UInt64(connections.count)
        statistics.sessions = UInt64(sessions.count)
        statistics.streams = UInt64(connections.streamCount)
        statistics.unsentBytes = UInt64(connections.unsentBytes)
        statistics.arrivingBytes = UInt64(connections.arrivingBytes)
        statistics.requests = UInt64(requests.count)
        statistics.calls = UInt64(requests.callCount)
        statistics.requestBytes = UInt64(requests.heldBytes)
        statistics.authorizations = UInt64(authorizations.count)
        statistics.replayBytes = UInt64(store?.byteCount ?? 0)
        statistics.heldBytes =
            statistics.unsentBytes + statistics.replayBytes + statistics.arrivingBytes
            + statistics.requestBytes + statistics.sessionBytes
            + UInt64(connections.count * ServerConnection.heldBytes + tableBytes)
    }

    /// The tables, which keep the room that they once needed.
    var tableBytes: Int {
        let places = connections.slotCount + sessions.slotCount + requests.slotCount
        if places != measuredPlaces {
            measuredPlaces = places
            measuredTableBytes = tableBytesNow
        }
        return measuredTableBytes
    }

    private var tableBytesNow: Int {
        connections.heapBytes + requests.heapBytes + sessions.heapBytes
    }
}
