import Engine
import Link
import Wire

/// A client's end of a connection.
protocol LinkEnd: AnyObject {
    var link: Link { get }
    var isOpen: Bool { get }
    func arrived(_ parcel: Lane.Parcel)
    /// Reads an item, which the server handed over with the write of this number.
    func take(_ item: ResponseReader.Item, _ handed: Int)
}

/// One connection between a client and the server.
final class Link {
    let number: Int
    let node: Node
    private unowned let simulation: Simulation
    private(set) var up: Lane!
    private(set) var down: Lane!
    /// The capacity of the system's buffers for bytes to the client.
    private let window: Int

    /// The server's end: nil before it is accepted, and after it is closed.
    var connection: ServerConnection?
    /// Whether the server's system has heard of it.
    var hasArrived = false
    /// Output that the server's system has not taken yet.
    var unwritten: Output?
    /// Whether its client has resumed a stream on it.
    var mayReplay = false
    /// Whether it carries a stream or a request of a session.
    var isCarrying = false
    /// The unread output when that began, or when the system took no more: it was not checked
    /// against the session's limit. Nil while there is nothing.
    var unchecked: Int?
    /// The client's end; nil once the client has gone.
    weak var end: (any LinkEnd)?

    init(_ number: Int, to node: Node, in simulation: Simulation) {
        self.number = number
        self.node = node
        self.simulation = simulation
        let latencyMax = simulation.random.pick([0, 1, 20, simulation.profile.isRough ? 300 : 20])!
        window = simulation.random.pick([400, 3_000, simulation.profile.isTight ? 400 : 1 << 20])!
        up = Lane(simulation, latencyMax: latencyMax) { [unowned self] _, parcel in
            node.run { [self] in node.driver.arrived(parcel, on: self) }
        }
        down = Lane(simulation, latencyMax: latencyMax) { [unowned self] _, parcel in
            end?.arrived(parcel)
            node.run { [self] in node.driver.roomAppeared(on: self) }
        }
    }

    var name: String { "c\(number)" }

    /// The remaining capacity for bytes to the client.
    var room: Int { max(0, window - down.byteCount) }

    /// The server's process has ended. Bytes in transit still arrive, or do not.
    func processEnded(isCut: Bool) {
        connection = nil
        unwritten = nil
        unchecked = nil
        up.cut()
        if isCut { down.fail() } else { down.send(.end) }
    }

    /// The client has left and reads nothing more. The server is notified soon, or when its system
    /// gives up.
    func clientLeft(isHeard: Bool) {
        end = nil
        down.cut()
        guard isHeard else {
            up.cut()
            let wait = Int64(20_000 + simulation.random.number(40_000))
            return simulation.at(simulation.now + wait) { [self] in
                node.run { [self] in node.driver.arrived(.failure, on: self) }
            }
        }
        up.fail()
    }
}
