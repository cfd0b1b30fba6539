import Link

/// Connections that may have pipelined requests to read.
struct ReadableConnections {
    private var waiting: [ServerConnection] = []
    /// Whether they have to wait, because the host does not take its events.
    var isHeld = false

    /// Whether there is one, and it may be read.
    var hasNext: Bool { !waiting.isEmpty && !isHeld }

    @_optimize(speed)
    mutating func add(_ connection: ServerConnection) {
        guard connection.reader.hasPipelined, connection.readableIndex < 0 else { return }
        connection.readableIndex = waiting.count
        waiting.append(connection)
    }

    mutating func popNext() -> ServerConnection? {
        guard hasNext, let connection = waiting.popLast() else { return nil }
        connection.readableIndex = -1
        return connection
    }

    /// In constant time: all clients may leave while they wait.
    mutating func remove(_ connection: ServerConnection) {
        let index = connection.readableIndex
        guard index >= 0, let last = waiting.popLast() else { return }
        connection.readableIndex = -1
        guard last !== connection else { return }
        waiting[index] = last
        last.readableIndex = index
    }
}
