import Wire

/// A slot map: elements are found by integer keys in constant time.
///
/// A key is the element's index in the low bits and a serial number above. Serial numbers are never
/// reused, so a stale key finds nothing. An empty table has no memory.
package struct SlotTable<Key: SlotKey, Element: AnyObject>: ~Copyable {
    private struct Slot {
        /// The element's key or, in a free slot, the index of the next free one (serial number 0,
        /// so it is never a valid key).
        var key: UInt64
        var element: Element?
    }

    private var slots: [Slot] = []
    /// The head of the free list, the slot freed last; `slots.count` if there is none.
    private var firstFree = 0
    private var serial: UInt64

    package private(set) var count = 0

    /// `serial` is the start of the serial numbers. With different starts, keys of one table are
    /// invalid in another.
    package init(after serial: UInt64 = 0) {
        self.serial = serial & (1 << 40 - 1)
    }

    /// The maximum number of elements.
    package static var capacity: Int { 1 << 20 }

    package subscript(key: Key) -> Element? {
        let index = key.index
        guard index < slots.count, slots[index].key == key.rawValue else { return nil }
        return slots[index].element
    }

    /// The number of slots, including free ones.
    package var slotCount: Int { slots.count }

    /// The element at an index; nil if the slot is free.
    package subscript(index index: Int) -> Element? {
        index < slots.count ? slots[index].element : nil
    }

    /// Adds the element that `make` builds for its new key; nil if the table is full.
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

    /// The numbers of all keys, in no order; a later key has a higher one.
    package var numbers: [UInt64] {
        slots.compactMap { $0.element == nil ? nil : $0.key }
    }

    /// A copy of all elements, so that the caller may change the table while iterating.
    package var elements: [Element] {
        slots.compactMap { $0.element }
    }
}
