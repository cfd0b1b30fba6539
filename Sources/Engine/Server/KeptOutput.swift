import Link
import Replay
import Wire

/// Output that waits until the store has written what it was told before (`store_sync`).
///
/// A connection may write up to a position. What is composed behind it is sealed: it follows once
/// everything is written that the store was told until then. What comes meanwhile is sealed next,
/// so that a stream that never pauses gets on as fast as the store does.
struct KeptOutput {
    private struct Mark {
        /// The position up to which may be written.
        var end: UInt64
        /// The position up to which is sealed; nil if nothing is.
        var sealed: UInt64?
    }

    let isOn: Bool
    /// The number of the last order that the store has written.
    private var written: UInt64 = 0
    private var marks: [ConnectionID: Mark] = [:]
    /// The connections with sealed output, and the number of the order that each waits for.
    private var queue: [(order: UInt64, connection: ConnectionID)] = []
    private var first = 0

    init(isOn: Bool) {
        self.isOn = isOn
    }

    /// Whether a connection may write something now; `last` is the number of the last order.
    mutating func mayWrite(_ connection: ServerConnection, last: UInt64) -> Bool {
        guard written < last else {
            marks[connection.id] = nil
            return true
        }
        var mark = marks[connection.id] ?? Mark(end: connection.outbox.takenBytes)
        if mark.sealed == nil, connection.outbox.queuedBytes > mark.end {
            connection.outbox.seal()
            mark.sealed = connection.outbox.queuedBytes
            queue.append((last, connection.id))
        }
        marks[connection.id] = mark
        return mark.end > connection.outbox.takenBytes
    }

    /// The position up to which a connection may write.
    func end(of connection: ServerConnection, last: UInt64) -> UInt64 {
        written < last ? marks[connection.id]?.end ?? 0 : .max
    }

    /// The store has written everything up to an order.
    mutating func wrote(upTo order: UInt64) {
        written = max(written, order)
    }

    /// A connection whose sealed output may be written; nil if there is no other.
    mutating func popReleased() -> ConnectionID? {
        while first < queue.count, queue[first].order <= written {
            let id = queue[first].connection
            first += 1
            if first == queue.count || first > 1_024 {
                queue.removeFirst(first)
                first = 0
            }
            guard var mark = marks[id], let sealed = mark.sealed else { continue }
            mark.end = sealed
            mark.sealed = nil
            marks[id] = mark
            return id
        }
        return nil
    }

    mutating func forget(_ connection: ServerConnection) {
        if isOn { marks[connection.id] = nil }
    }
}

extension ServerEngine {
    /// The store has written everything up to an order, so that nothing can undo it.
    package func kept(upTo order: UInt64) {
        enter {
            keptOutput.wrote(upTo: min(order, storeOrders.count))
            while let id = keptOutput.popReleased() {
                if let connection = connections[id] { connections.noteWritable(connection) }
            }
        }
    }

    /// A connection that has bytes to write, and may.
    @inline(never)
    func nextKeptWritable() -> ServerConnection? {
        while let connection = connections.nextWritable() {
            if keptOutput.mayWrite(connection, last: storeOrders.count) { return connection }
        }
        return nil
    }
}
