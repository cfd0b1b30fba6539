import CLibc

/// Sorting with the C library's function, which takes little of this library's size.
package enum SystemSort {
    /// What is sorted by two weights, and stands for an element of another array.
    package struct Row {
        package let first: Int
        package let second: Int
        package let index: Int

        package init(first: Int, second: Int, index: Int) {
            self.first = first
            self.second = second
            self.index = index
        }
    }

    /// The smallest first.
    package static func sort(_ numbers: inout [UInt64]) {
        qsort(&numbers, numbers.count, MemoryLayout<UInt64>.stride) { left, right in
            guard let left, let right else { return 0 }
            let (one, other) = (left.load(as: UInt64.self), right.load(as: UInt64.self))
            return one < other ? -1 : one > other ? 1 : 0
        }
    }

    /// The largest weights first, and equal ones in the order of their indices.
    package static func sortHeaviestFirst(_ rows: inout [Row]) {
        qsort(&rows, rows.count, MemoryLayout<Row>.stride) { left, right in
            guard let left, let right else { return 0 }
            let (one, other) = (left.load(as: Row.self), right.load(as: Row.self))
            if one.first != other.first { return one.first > other.first ? -1 : 1 }
            if one.second != other.second { return one.second > other.second ? -1 : 1 }
            return one.index < other.index ? -1 : 1
        }
    }
}
