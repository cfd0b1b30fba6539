import CLibc

/// What things take on the heap, by the C library's word. For tests that hold counts to it.
package enum HeapBlock {
    /// What goes before a block.
    private static var headerBytes: Int { 8 }

    package static func size(_ block: UnsafeMutableRawPointer?) -> Int {
        block.map { malloc_usable_size($0) + headerBytes } ?? 0
    }

    package static func size(of object: some AnyObject) -> Int {
        size(Unmanaged.passUnretained(object).toOpaque())
    }

    /// An array's elements, which are not objects, or are not counted.
    package static func size<Element>(of array: [Element]) -> Int {
        array.capacity == 0 ? 0 : 32 + array.capacity * MemoryLayout<Element>.stride + headerBytes
    }
}
