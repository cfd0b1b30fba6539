import Wire

/// The last heads of some connections, since the next request of a connection often has the same.
///
/// A hash table without chains: a connection's index selects one slot, which the next connection
/// with the same remainder takes over. Each head is kept with the principal that it was authorized
/// for, so that a head which recurs can only act for that one.
@frozen @usableFromInline package struct KnownHeads: ~Copyable {
    @usableFromInline struct Slot {
        var connection = ConnectionID(rawValue: 0)
        var head: RequestHead?
        /// Nil without authorization.
        var principal: Principal?
    }

    private let slots: UnsafeMutablePointer<Slot>

    private static var count: Int { 256 }

    init() {
        slots = .allocate(capacity: KnownHeads.count)
        slots.initialize(repeating: Slot(), count: KnownHeads.count)
    }

    deinit {
        slots.deinitialize(count: KnownHeads.count)
        slots.deallocate()
    }

    private func slot(of connection: ConnectionID) -> UnsafeMutablePointer<Slot> {
        slots + connection.index % KnownHeads.count
    }

    /// Whether `head` is kept as that of a connection.
    func holds(_ head: RequestHead, of connection: ConnectionID) -> Bool {
        let slot = slot(of: connection)
        return slot.pointee.connection == connection && slot.pointee.head === head
    }

    /// A head that recurs, with the principal that it was authorized for.
    struct Match {
        /// Nil if the body has another length and somebody still holds the head: then `known` is
        /// to be copied.
        let head: RequestHead?
        let known: RequestHead
        let principal: Principal?
        let recurrence: RequestHead.Recurrence
    }

    /// Returns the head of a connection, with the length of its new body, if `bytes` begin with an
    /// equal one and a body of at most `bodyMax` bytes.
    @inline(__always)
    mutating func match(
        _ bytes: UnsafeRawBufferPointer, of connection: ConnectionID, bodyMax: Int
    ) -> Match? {
        let slot = slot(of: connection)
        guard slot.pointee.connection == connection,
            let recurrence = slot.pointee.head?.recurrence(in: bytes),
            recurrence.bodyCount <= bodyMax
        else { return nil }
        var isCurrent = slot.pointee.head?.equals(recurrence) == true
        if !isCurrent, isKnownUniquelyReferenced(&slot.pointee.head) {
            slot.pointee.head?.become(recurrence)
            isCurrent = true
        }
        guard let known = slot.pointee.head else { return nil }
        return Match(
            head: isCurrent ? known : nil, known: known, principal: slot.pointee.principal,
            recurrence: recurrence)
    }

    /// Keeps the head of a connection, and returns the one that was in its slot.
    mutating func keep(
        _ head: RequestHead, of connection: ConnectionID, as principal: Principal?
    ) -> RequestHead? {
        let slot = slot(of: connection)
        var other: RequestHead? = head
        swap(&slot.pointee.head, &other)
        slot.pointee.connection = connection
        slot.pointee.principal = principal
        return other
    }

    /// Removes the head of a connection, and returns it.
    mutating func forget(_ connection: ConnectionID) -> RequestHead? {
        let slot = slot(of: connection)
        guard slot.pointee.connection == connection else { return nil }
        var head: RequestHead?
        swap(&slot.pointee.head, &head)
        slot.pointee.principal = nil
        return head
    }
}
