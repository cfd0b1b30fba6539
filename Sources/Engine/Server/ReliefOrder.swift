import Link

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
