import Link
import MCP
import Session
import Wire

/// The key of a stream that listens.
struct ListenerKey: SlotKey {
    let rawValue: UInt64
}

/// One `subscriptions/listen`, for as long as its connection carries it.
final class Listener {
    let key: ListenerKey
    let connection: ServerConnection
    /// The id of the request, which each message of the stream repeats (S-152).
    let id: RequestID
    let kinds: ChangeKinds
    fileprivate(set) var resources: Subscriptions
    let shares: Shares
    let since: Instant
    /// The numbers of the events that last told of a change of each list.
    private var given: (tools: UInt64, prompts: UInt64, resources: UInt64) = (0, 0, 0)

    fileprivate init(
        _ opening: borrowing Opening, key: ListenerKey, on connection: ServerConnection,
        at now: Instant
    ) {
        self.key = key
        self.connection = connection
        id = opening.id
        kinds = opening.kinds
        resources = opening.resources
        shares = opening.shares
        since = now
    }

    /// What a new listener is made of.
    struct Opening {
        let id: RequestID
        var kinds: ChangeKinds = []
        var resources = Subscriptions()
        var shares = Shares(address: nil, principal: nil)

        var heldBytes: Int { Listener.ownBytes + 2 * id.byteCount + resources.heldBytes }
    }

    /// The memory of the object and its slot.
    static var ownBytes: Int { 240 }

    var heldBytes: Int { Listener.ownBytes + 2 * id.byteCount + resources.heldBytes }

    /// Notes the number of the event that tells of a change of a list; false if the last one has
    /// not left the backlog (S-158).
    @_optimize(speed)
    func note(_ change: Change, event: UInt64, composed: UInt64) -> Bool {
        func set(_ last: inout UInt64) -> Bool {
            guard last <= composed else { return false }
            last = event
            return true
        }
        switch change {
        case .tools: return set(&given.tools)
        case .prompts: return set(&given.prompts)
        case .resources: return set(&given.resources)
        case .resource: return true
        }
    }

    /// Replaces the buffers of its URIs; see `Subscriptions`.
    func replaceEach(_ other: (ByteBuffer) -> ByteBuffer) {
        resources.replaceEach(other)
    }

    func note(resource index: Int, event: UInt64, composed: UInt64) -> Bool {
        resources.note(index, event: event, composed: composed)
    }
}

/// The streams that listen to changes (S-150 to S-159).
struct Listeners: ~Copyable {
    private var table: SlotTable<ListenerKey, Listener>

    init(keysAfter serial: UInt64) {
        table = SlotTable(after: serial)
    }

    var count: Int { table.count }
    var slotCount: Int { table.slotCount }
    var heapBytes: Int { table.heapBytes }
    var all: [Listener] { table.elements }

    subscript(index index: Int) -> Listener? { table[index: index] }

    /// Adds a listener; nil if the table is full.
    mutating func open(
        _ opening: borrowing Listener.Opening, on connection: ServerConnection, at now: Instant
    ) -> Listener? {
        let listener = table.insert { key in
            Listener(opening, key: key, on: connection, at: now)
        }
        guard let listener else { return nil }
        listener.shares.forEach { $0.listeners += 1 }
        return listener
    }

    /// False if it was closed before.
    mutating func close(_ listener: Listener) -> Bool {
        guard table.remove(listener.key) != nil else { return false }
        listener.shares.forEach { $0.listeners -= 1 }
        return true
    }
}
