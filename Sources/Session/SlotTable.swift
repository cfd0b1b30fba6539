import Wire

/// Things that come and go, found by integer keys in constant time.
///
/// A key holds the element's place in its low bits and a serial number above. Serial numbers are
/// never used again, so a stale key finds nothing. An empty table holds no memory.
package struct SlotTable<Key: SlotKey, Element: AnyObject> {
    private struct Slot {
        /// The element's key; in a place that is free, the next free place, which is no key, for
        /// it has no serial number.
        var key: UInt64
        var element: Element?
    }

    private var slots: [Slot] = []
    /// The free place that was left last; as many as there are places if there is none.
    private var firstFree = 0
    private var serial: UInt64

    package private(set) var count = 0

    /// `serial` is where serial numbers begin: elsewhere, and keys of another table find nothing.
    package init(after serial: UInt64 = 0) {
        self.serial = serial & (1 << 40 - 1)
    }

    /// The most elements that a table can hold.
    package static var capacity: Int { 1 << 20 }

    package subscript(key: Key) -> Element? {
        let index = key.index
        guard index < slots.count, slots[index].key == key.rawValue else { return nil }
        return slots[index].element
    }

    /// How many places there are, some of them free.
    package var placeCount: Int { slots.count }

    /// The element at a place; nil if the place is free.
    package subscript(index index: Int) -> Element? {
        index < slots.count ? slots[index].element : nil
    }

    /// Adds the element that `make` builds for the key it is given; nil if the table is full.
    package mutating func insert(_ make: (Key) -> Element) -> Element? {
        guard count < SlotTable.capacity else { return nil }
        serial += 1
        let index = firstFree
        let key = Key(rawValue: serial << Key.indexBits | UInt64(index))
        let element = make(key)
        let slot = Slot(key: key.rawValue, element: element)
        if index == slots.count {
            slots.append(slot)
            firstFree = slots.count
        } else {
            firstFree = Int(slots[index].key)
            slots[index] = slot
        }
        count += 1
        return element
    }

    @discardableResult
    package mutating func remove(_ key: Key) -> Element? {
        let index = key.index
        guard index < slots.count, slots[index].key == key.rawValue, slots[index].element != nil
        else { return nil }
        var slot = Slot(key: UInt64(firstFree), element: nil)
        swap(&slot, &slots[index])
        firstFree = index
        count -= 1
        if count == 0, slots.count > 64 {
            slots = []
            firstFree = 0
        }
        return slot.element
    }

    package var heapBytes: Int { HeapBlock.size(of: slots) }

    /// All elements there are now, so that the caller may change the table meanwhile.
    package var elements: [Element] {
        slots.compactMap { $0.element }
    }
}
