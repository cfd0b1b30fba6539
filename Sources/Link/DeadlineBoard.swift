import Wire

/// The deadlines of many elements, each of which waits for at most one of a few time-outs.
///
/// All elements of a time-out wait for the same duration, so a doubly linked list per time-out is
/// sorted by start time, and every operation takes constant time. It is changed several times for
/// each request: in arrays, every change would ask first whether they are shared.
@frozen @usableFromInline package struct DeadlineBoard: ~Copyable {
    @usableFromInline struct Node {
        var previous: Int32 = -1
        var next: Int32 = -1
        var list: Int32 = -1
        var deadline = Instant(milliseconds: 0)
    }

    @usableFromInline struct List {
        var first: Int32 = -1
        var last: Int32 = -1
        let timeout: Int64?
    }

    private var nodes = UnsafeMutableBufferPointer<Node>(start: nil, count: 0)
    private let lists: UnsafeMutableBufferPointer<List>
    private var armedCount = 0

    /// A board with one list per time-out, in milliseconds; nil never expires.
    package init(timeouts: [Int64?]) {
        lists = .allocate(capacity: timeouts.count)
        _ = lists.initialize(from: timeouts.map { List(timeout: $0) })
    }

    deinit {
        nodes.deallocate()
        lists.deallocate()
    }

    /// Starts the time-out `list` for the element at `index`, from `now`; it replaces any other.
    package mutating func arm(_ index: Int, _ list: Int, at now: Instant) {
        guard let timeout = lists[list].timeout else { return disarm(index) }
        let deadline = now.advanced(byMilliseconds: timeout)
        if isArmed(index) {
            guard nodes[index].list != list || nodes[index].deadline != deadline else { return }
            unlink(index)
        } else {
            if index >= nodes.count { grow(toHold: index) }
            armedCount += 1
        }
        link(index, list, deadline)
    }

    package func isArmed(_ index: Int) -> Bool {
        index < nodes.count && nodes[index].list >= 0
    }

    /// The time-out that an element waits for; nil if none.
    package func list(of index: Int) -> Int? {
        isArmed(index) ? Int(nodes[index].list) : nil
    }

    /// When the time-out of an element began that waits for one; nil for any other.
    package func start(of index: Int) -> Instant? {
        guard let list = list(of: index), let timeout = lists[list].timeout else { return nil }
        return nodes[index].deadline.advanced(byMilliseconds: -timeout)
    }

    package mutating func disarm(_ index: Int) {
        guard isArmed(index) else { return }
        unlink(index)
        nodes[index].list = -1
        armedCount -= 1
        if armedCount == 0, nodes.count > 64 {
            nodes.deallocate()
            nodes = UnsafeMutableBufferPointer(start: nil, count: 0)
        }
    }

    private mutating func grow(toHold index: Int) {
        let grown = UnsafeMutableBufferPointer<Node>.allocate(
            capacity: max(index + 1, 2 * nodes.count))
        grown.initialize(repeating: Node())
        for (index, node) in nodes.enumerated() { grown[index] = node }
        nodes.deallocate()
        nodes = grown
    }

    /// Inserts an element into a list, sorted. The search starts at the end, where a new deadline
    /// usually belongs.
    private func link(_ index: Int, _ list: Int, _ deadline: Instant) {
        var last = lists[list].last
        var next: Int32 = -1
        while last >= 0, nodes[Int(last)].deadline > deadline {
            next = last
            last = nodes[Int(last)].previous
        }
        let new = Int32(index)
        nodes[index] = Node(previous: last, next: next, list: Int32(list), deadline: deadline)
        if last >= 0 { nodes[Int(last)].next = new } else { lists[list].first = new }
        if next >= 0 { nodes[Int(next)].previous = new } else { lists[list].last = new }
    }

    private func unlink(_ index: Int) {
        let node = nodes[index]
        let list = Int(node.list)
        if node.previous >= 0 {
            nodes[Int(node.previous)].next = node.next
        } else {
            lists[list].first = node.next
        }
        if node.next >= 0 {
            nodes[Int(node.next)].previous = node.previous
        } else {
            lists[list].last = node.previous
        }
    }

    /// The earliest deadline.
    @inline(__always)
    package var next: Instant? {
        guard armedCount > 0 else { return nil }
        var earliest = Int64.max
        for list in lists where list.first >= 0 {
            earliest = min(earliest, nodes[Int(list.first)].deadline.milliseconds)
        }
        return Instant(milliseconds: earliest)
    }

    /// The element with the earliest deadline of a time-out.
    package func first(in list: Int) -> Int? {
        lists[list].first >= 0 ? Int(lists[list].first) : nil
    }

    /// Calls `body` for the elements of a time-out, the earliest deadline first, until it returns
    /// false or was called `limit` times.
    package func forEach(
        in list: Int, atMost limit: Int = .max, _ body: (_ index: Int, _ deadline: Instant) -> Bool
    ) {
        var index = lists[list].first
        var calls = 0
        while index >= 0, calls < limit, body(Int(index), nodes[Int(index)].deadline) {
            index = nodes[Int(index)].next
            calls += 1
        }
    }

    package var heapBytes: Int { HeapBlock.size(nodes.baseAddress) }

    /// Removes and returns one element whose deadline has passed, with its time-out.
    package mutating func popDue(at now: Instant) -> (index: Int, list: Int)? {
        for list in lists.indices {
            let first = Int(lists[list].first)
            guard first >= 0, nodes[first].deadline <= now else { continue }
            disarm(first)
            return (first, list)
        }
        return nil
    }
}
