import Link
import Session
import Wire

/// The order in which connections are relieved when all clients together leave too much unread. It
/// is kept for some time: sorting all connections for each message would cost too much.
struct ReliefOrder {
    private var connections: [ConnectionID] = []
    private var next = 0
    private var since = Instant(milliseconds: 0)

    private static var milliseconds: Int64 { 100 }

    init() {}

    init(_ connections: [ServerConnection], at now: Instant) {
        self.connections = connections.map { $0.id }
        since = now
    }

    func isCurrent(at now: Instant) -> Bool {
        next < connections.count
            && now.milliseconds < since.milliseconds + ReliefOrder.milliseconds
    }

    mutating func popFirst() -> ConnectionID? {
        guard next < connections.count else { return nil }
        next += 1
        return connections[next - 1]
    }
}

extension Connections {
    /// Those of `crowd` that hold something, by what all of their address hold, and then by what
    /// they hold themselves.
    func heaviestFirst(
        _ crowd: [ServerConnection], _ weight: (ServerConnection) -> Int
    ) -> [ServerConnection] {
        for connection in crowd { connection.share?.sum += weight(connection) }
        var weighed: [SystemSort.Row] = []
        for index in 0..<crowd.count {
            let own = weight(crowd[index])
            guard own > 0 else { continue }
            let sum = crowd[index].share?.sum ?? 0
            weighed.append(SystemSort.Row(first: sum, second: own, index: index))
        }
        for connection in crowd { connection.share?.sum = 0 }
        SystemSort.sortHeaviestFirst(&weighed)
        return weighed.map { crowd[$0.index] }
    }
}
