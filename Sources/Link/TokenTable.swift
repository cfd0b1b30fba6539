import Wire

/// A random key; its low bits are its hash.
package protocol RandomKey: Equatable {
    var low: UInt64 { get }
}

/// A hash table for random keys that we generate, in constant time and without a hash function.
///
/// Open addressing with linear probing: a key is stored at the index given by its low bits, or in
/// the next free slot. Only keys that we generate are inserted, never a client's, so clients cannot
/// cause collisions. An empty table has no memory.
package struct TokenTable<Key: RandomKey, Value> {
    private var slots: [(key: Key, value: Value)?] = []
    package private(set) var count = 0

    package init() {}

    package var heapBytes: Int { HeapBlock.size(of: slots) }

    package subscript(key: Key) -> Value? {
        index(of: key).flatMap { slots[$0]?.value }
    }

    /// Inserts or replaces the value of a key.
    package mutating func set(_ key: Key, _ value: Value) {
        if let index = index(of: key) {
            slots[index] = (key, value)
            return
        }
        if 4 * (count + 1) > 3 * slots.count { resize(to: max(2, 2 * slots.count)) }
        insert(key, value)
        count += 1
    }

    /// Changes the value of a key in place, if there is one.
    package mutating func update(_ key: Key, _ change: (inout Value) -> Void) {
        guard let index = index(of: key), var value = slots[index]?.value else { return }
        change(&value)
        slots[index] = (key, value)
    }

    package mutating func remove(_ key: Key) {
        guard var hole = index(of: key) else { return }
        slots[hole] = nil
        count -= 1
        // Backward-shift deletion: later entries of the same probe sequence move into the hole, or
        // they would not be found.
        var index = next(hole)
        while let slot = slots[index] {
            let home = home(of: slot.key)
            if distance(from: home, to: index) >= distance(from: hole, to: index) {
                slots[hole] = slot
                slots[index] = nil
                hole = index
            }
            index = next(index)
        }
        if count == 0 {
            slots = []
        } else if slots.count > 64, 8 * count < slots.count {
            resize(to: slots.count / 2)
        }
    }

    private func index(of key: Key) -> Int? {
        guard count > 0 else { return nil }
        var index = home(of: key)
        while let slot = slots[index] {
            if slot.key == key { return index }
            index = next(index)
        }
        return nil
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        var index = home(of: key)
        while slots[index] != nil { index = next(index) }
        slots[index] = (key, value)
    }

    /// `capacity` is a power of two.
    private mutating func resize(to capacity: Int) {
        let old = slots
        slots = [(key: Key, value: Value)?](repeating: nil, count: capacity)
        for slot in old {
            if let slot { insert(slot.key, slot.value) }
        }
    }

    private func home(of key: Key) -> Int {
        Int(truncatingIfNeeded: key.low) & (slots.count - 1)
    }

    private func next(_ index: Int) -> Int { (index + 1) & (slots.count - 1) }

    private func distance(from start: Int, to end: Int) -> Int {
        (end - start) & (slots.count - 1)
    }
}
