/// A key from a `SlotTable`. It identifies one element: a key is never reused.
package protocol SlotKey: Hashable, Sendable {
    var rawValue: UInt64 { get }
    init(rawValue: UInt64)
}

extension SlotKey {
    /// The number of low bits of a key that are its element's index.
    package static var indexBits: UInt64 { 20 }

    /// The index of the key's element, for parallel tables.
    package var index: Int { Int(rawValue & ((1 << Self.indexBits) - 1)) }
}

/// The key of a TCP connection or a similar one.
package struct ConnectionID: SlotKey {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}
