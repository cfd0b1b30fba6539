/// A priority queue of actions by time, a binary heap. Actions with equal times run in the order in
/// which they were added.
struct Agenda {
    private struct Entry {
        let time: Int64
        let order: Int
        let action: () -> Void

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.order) < (right.time, right.order)
        }
    }

    private var heap: [Entry] = []
    private var entered = 0

    var isEmpty: Bool { heap.isEmpty }

    /// The time of the next action.
    var next: Int64? { heap.first?.time }

    mutating func add(at time: Int64, _ action: @escaping () -> Void) {
        entered += 1
        heap.append(Entry(time: time, order: entered, action: action))
        var index = heap.count - 1
        while index > 0, heap[index] < heap[(index - 1) / 2] {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func takeFirst() -> () -> Void {
        heap.swapAt(0, heap.count - 1)
        let first = heap.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            guard least != index else { return first.action }
            heap.swapAt(index, least)
            index = least
        }
    }
}
