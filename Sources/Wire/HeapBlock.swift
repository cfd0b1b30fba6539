import CLibc

/// Sizes of heap blocks as the C library reports them, for tests of the counted memory.
package enum HeapBlock {
    /// The allocator's header before a block.
    private static var headerBytes: Int { 8 }

    package static func size(_ block: UnsafeMutableRawPointer?) -> Int {
        block.map { malloc_usable_size($0) + headerBytes } ?? 0
    }

    package static func size(of object: some AnyObject) -> Int {
        size(Unmanaged.passUnretained(object).toOpaque())
    }

    /// The storage of an array, without the objects that its elements refer to.
    package static func size<Element>(of array: [Element]) -> Int {
        array.capacity == 0 ? 0 : 32 + array.capacity * MemoryLayout<Element>.stride + headerBytes
    }
}
