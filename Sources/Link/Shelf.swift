import Wire

/// A stack of objects that nobody uses, at most `capacity` of them.
@frozen @usableFromInline package struct Shelf<Thing: AnyObject>: ~Copyable {
    private let things: UnsafeMutablePointer<Thing>
    private let capacity: Int
    private var count = 0

    package init(capacity: Int) {
        self.capacity = capacity
        things = .allocate(capacity: capacity)
    }

    deinit {
        things.deinitialize(count: count)
        things.deallocate()
    }

    package var isFull: Bool { count == capacity }

    /// The thing that was given last.
    package var top: Thing? { count > 0 ? things[count - 1] : nil }

    package mutating func take() -> Thing? {
        guard count > 0 else { return nil }
        count -= 1
        return (things + count).move()
    }

    /// Keeps a thing, if there is room.
    package mutating func give(_ thing: consuming Thing) {
        guard !isFull else { return }
        (things + count).initialize(to: thing)
        count += 1
    }
}

/// A shelf of buffers, with a limit for their capacities together.
struct BufferShelf: ~Copyable {
    private var shelf: Shelf<ByteBuffer>
    private var bytes = 0
    private let bytesMax: Int

    init(capacity: Int, bytesMax: Int) {
        shelf = Shelf(capacity: capacity)
        self.bytesMax = bytesMax
    }

    mutating func take() -> ByteBuffer? {
        let buffer = shelf.take()
        bytes -= buffer?.capacity ?? 0
        return buffer
    }

    mutating func give(_ buffer: consuming ByteBuffer) {
        guard !shelf.isFull, bytes + buffer.capacity <= bytesMax else { return }
        bytes += buffer.capacity
        shelf.give(buffer)
    }
}
