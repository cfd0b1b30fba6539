import CLibuv

/// A value that one thread publishes and any may read.
final class Published<Value> {
    private let mailbox = Mailbox<Value>()

    init(_ value: Value) {
        _ = mailbox.put(value)
    }

    var value: Value? { mailbox.peek }

    func publish(_ value: Value) { mailbox.replace(with: value) }
}

/// Things handed from some threads to another, in order. It holds the library's only lock.
package final class Mailbox<Element> {
    private let mutex: UnsafeMutablePointer<uv_mutex_t>
    private var elements: [Element] = []
    private var first = 0
    private var weight = 0

    package init() {
        mutex = .allocate(capacity: 1)
        uv_mutex_init(mutex)
    }

    deinit {
        uv_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package enum Receipt: Equatable {
        /// It is the only one: whoever empties the mailbox must be woken.
        case isFirst
        /// There are `count` now.
        case joined(count: Int)
        /// It would be too much, and was not taken.
        case full
    }

    /// Puts something in, unless all that is in would then weigh more than `limit`. The giver keeps
    /// nothing of it, so that only the taker's thread lets go of it.
    package func put(
        _ element: consuming Element, weighing weight: Int = 0, atMost limit: Int = .max
    )
        -> Receipt
    {
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        guard self.weight + weight <= limit else { return .full }
        self.weight += weight
        elements.append(element)
        let count = elements.count - first
        return count == 1 ? .isFirst : .joined(count: count)
    }

    /// The oldest, left where it is.
    fileprivate var peek: Element? {
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        return first < elements.count ? elements[first] : nil
    }

    /// Leaves nothing in but `element`.
    fileprivate func replace(with element: Element) {
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        first = 0
        if elements.count == 1 { elements[0] = element } else { elements = [element] }
    }

    /// Takes everything out, the oldest first.
    package func takeAll() -> [Element] {
        take(atMost: .max).taken
    }

    /// Takes the oldest out, and says how many are left.
    package func take(atMost limit: Int) -> (taken: [Element], left: Int) {
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        let count = elements.count - first
        guard count > limit else {
            weight = 0
            let taken = first == 0 ? elements : Array(elements[first...])
            elements = []
            first = 0
            return (taken, 0)
        }
        let taken = Array(elements[first..<first + limit])
        first += limit
        if first > elements.count / 2 {
            elements.removeFirst(first)
            first = 0
        }
        return (taken, count - limit)
    }
}
