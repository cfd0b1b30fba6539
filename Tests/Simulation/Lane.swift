/// One direction of a connection: bytes arrive late, in pieces, in order, or not at all.
final class Lane {
    enum Parcel {
        /// The start of the connection, for the server to accept.
        case opening
        /// `handed` is the number of this write among all writes of the simulation.
        case bytes(ArraySlice<UInt8>, handed: Int)
        /// The sender's orderly end (FIN).
        case end
        /// The connection has failed.
        case failure
    }

    private unowned let simulation: Simulation
    private let latencyMax: Int
    private let arrived: (Lane, Parcel) -> Void
    private var parcels: [(content: Parcel, arrival: Int64)] = []
    private var lastArrival: Int64 = 0
    private var isScheduled = false
    private var isCut = false
    /// The time until which the receiver does not read.
    private var stalledUntil: Int64 = 0
    /// Whether the receiver has paused reading.
    var isHeldBack = false {
        didSet { schedule() }
    }
    /// The number of bytes in transit.
    private(set) var byteCount = 0

    init(
        _ simulation: Simulation, latencyMax: Int, arrived: @escaping (Lane, Parcel) -> Void
    ) {
        self.simulation = simulation
        self.latencyMax = latencyMax
        self.arrived = arrived
    }

    func send(_ parcel: Parcel) {
        if case .bytes(let bytes, _) = parcel { byteCount += bytes.count }
        guard !isCut else { return }
        let latency = Int64(simulation.random.number(latencyMax + 1))
        lastArrival = max(lastArrival, simulation.now + latency)
        parcels.append((parcel, lastArrival))
        schedule()
    }

    /// Sends bytes, whole or in pieces that arrive separately.
    func send(_ bytes: ArraySlice<UInt8>) {
        simulation.writes += 1
        var rest = bytes
        while !rest.isEmpty {
            let isWhole = simulation.random.chance(70)
            let count = isWhole ? rest.count : 1 + simulation.random.number(rest.count)
            send(.bytes(rest.prefix(count), handed: simulation.writes))
            rest = rest.dropFirst(count)
        }
    }

    func stall(until time: Int64) {
        stalledUntil = time
    }

    /// Loses everything in transit, and everything sent from now on.
    func cut() {
        isCut = true
        parcels = []
    }

    /// Loses everything in transit, and notifies the receiver.
    func fail() {
        parcels = []
        byteCount = 0
        send(.failure)
    }

    private func schedule() {
        guard !isScheduled, !isHeldBack, let first = parcels.first else { return }
        isScheduled = true
        simulation.at(max(first.arrival, stalledUntil)) { [self] in
            isScheduled = false
            deliver()
        }
    }

    private func deliver() {
        guard !isHeldBack, let first = parcels.first else { return }
        if max(first.arrival, stalledUntil) <= simulation.now {
            parcels.removeFirst()
            if case .bytes(let bytes, _) = first.content { byteCount -= bytes.count }
            arrived(self, first.content)
        }
        schedule()
    }
}
