import Link
import Replay
import Wire

/// Output that waits until the store has written what it was told before (`store_sync`).
///
/// A connection may write up to a position. What is composed behind it is sealed: it follows once
/// everything is written that the store was told until then. What comes meanwhile is sealed next,
/// so that a stream that never pauses gets on as fast as the store does.
struct KeptOutput {
    let isOn: Bool
    /// Whether all output waits, and not only what needs an order to be written.
    private let isForAll: Bool
    /// The number of the last order that the store has written.
    private var written: UInt64 = 0
    /// The marks with sealed output, and the number of the order that each waits for.
    private var queue: [(order: UInt64, connection: ServerConnection)] = []
    private var first = 0
    /// How many of these have been closed meanwhile.
    private var closed = 0

    init(isOn: Bool, isForAll: Bool) {
        self.isOn = isOn
        self.isForAll = isForAll
    }

    /// The number of the order that a connection's output has to wait for; `last` is that of the
    /// last order that stores something.
    func order(for connection: ServerConnection, last: UInt64) -> UInt64 {
        isForAll ? last : connection.needed
    }

    /// Whether a connection may write something now; `last` is the number of the last order that
    /// stores something.
    mutating func mayWrite(_ connection: ServerConnection, last: UInt64) -> Bool {
        guard written < last else {
            connection.mark = nil
            return true
        }
        let taken = connection.outbox.takenBytes
        let mark = connection.mark ?? OutputMark(end: taken)
        connection.mark = mark
        if !mark.isWaiting, connection.outbox.queuedBytes > mark.end {
            connection.outbox.seal()
            mark.sealed = connection.outbox.queuedBytes
            queue.append((last, connection))
        }
        return mark.end > taken
    }

    /// The position up to which a connection may write.
    func end(of connection: ServerConnection, last: UInt64) -> UInt64 {
        written < last ? connection.mark?.end ?? 0 : .max
    }

    /// The store has written everything up to an order.
    mutating func wrote(upTo order: UInt64) {
        written = max(written, order)
    }

    /// A connection whose sealed output may be written; nil if there is no other.
    mutating func popReleased() -> ServerConnection? {
        while first < queue.count, queue[first].order <= written {
            let connection = queue[first].connection
            first += 1
            if first == queue.count || first > 1_024 {
                queue.removeFirst(first)
                first = 0
            }
            guard let mark = connection.mark, mark.isWaiting else {
                closed = max(0, closed - 1)
                continue
            }
            mark.end = mark.sealed
            return connection
        }
        return nil
    }

    /// A connection is closed. The store may be stuck: those that are gone take no room.
    mutating func forget(_ connection: ServerConnection) {
        guard let mark = connection.mark else { return }
        connection.mark = nil
        if mark.isWaiting { closed += 1 }
        guard closed > 32, closed > (queue.count - first) / 2 else { return }
        queue = queue[first...].filter { $0.connection.mark != nil }
        first = 0
        closed = 0
    }
}

/// Up to where a connection may write.
final class OutputMark {
    fileprivate var end: UInt64
    /// The position up to which it may write once the store has written; `end` if it does not wait.
    fileprivate var sealed: UInt64

    fileprivate init(end: UInt64) {
        self.end = end
        sealed = end
    }

    fileprivate var isWaiting: Bool { sealed > end }
}

extension ServerEngine {
    /// The store has written everything up to an order, so that nothing can undo it.
    package func kept(upTo order: UInt64) {
        enter {
            keptOutput.wrote(upTo: min(order, storeOrders.count))
            while let connection = keptOutput.popReleased() {
                connections.noteWritable(connection)
            }
        }
    }

    /// What a connection is told next is true only once the store has written what it was told.
    func waitForStore(_ connection: ServerConnection) {
        connection.needed = storeOrders.lastStored
    }

    /// A connection that has bytes to write, and may. Those without a socket write here.
    @inline(never)
    func nextKeptWritable() -> ServerConnection? {
        while let connection = connections.nextWritable() {
            let order = keptOutput.order(for: connection, last: storeOrders.lastStored)
            guard keptOutput.mayWrite(connection, last: order) else { continue }
            if connection.origin == nil { return connection }
            enter { passOn(from: connection) }
        }
        return nil
    }
}
