import Session
import Wire

/// The last heads of some connections, for their next requests are likely to have the same.
///
/// A connection has one place at most, by its own place in the table of connections, and may lose
/// it to another one: how many are kept is bounded.
struct KnownHeads: ~Copyable {
    private struct Place {
        var connection = ConnectionID(rawValue: 0)
        var head: RequestHead?
    }

    private let places: UnsafeMutablePointer<Place>

    private static var count: Int { 256 }

    init() {
        places = .allocate(capacity: KnownHeads.count)
        places.initialize(repeating: Place(), count: KnownHeads.count)
    }

    deinit {
        places.deinitialize(count: KnownHeads.count)
        places.deallocate()
    }

    private func place(of connection: ConnectionID) -> UnsafeMutablePointer<Place> {
        places + connection.index % KnownHeads.count
    }

    func head(of connection: ConnectionID) -> RequestHead? {
        let place = place(of: connection)
        return place.pointee.connection == connection ? place.pointee.head : nil
    }

    /// The head of a connection, which has come again; nil if its body has another length now, and
    /// somebody still looks at the head with the old one.
    mutating func head(of connection: ConnectionID, as recurrence: RequestHead.Recurrence)
        -> RequestHead?
    {
        let place = place(of: connection)
        if place.pointee.head?.equals(recurrence) == false {
            guard isKnownUniquelyReferenced(&place.pointee.head) else { return nil }
            place.pointee.head?.become(recurrence)
        }
        return place.pointee.head
    }

    /// Keeps the head of a connection, and gives back the one that was in its place.
    mutating func keep(_ head: RequestHead, of connection: ConnectionID) -> RequestHead? {
        let place = place(of: connection)
        var other: RequestHead? = head
        swap(&place.pointee.head, &other)
        place.pointee.connection = connection
        return other
    }

    /// Gives back what is kept of a connection.
    mutating func forget(_ connection: ConnectionID) -> RequestHead? {
        let place = place(of: connection)
        guard place.pointee.connection == connection else { return nil }
        var head: RequestHead?
        swap(&place.pointee.head, &head)
        return head
    }
}
