import StoreShared

/// What was asked of Redis and is not answered yet, in its order: first what was sent, then what
/// was not.
///
/// Its size is bounded. A message beyond `bytesMax` is replaced by the note that it is lost; all
/// else is small, and taken up to twice as much. Beyond that nothing fits, and all is given up.
final class OrderQueue {
    private var first: Order?
    private var last: Order?
    private var lastSent: Order?
    /// The size of all, in bytes, and of what is sent.
    private(set) var size = 0
    private var sentSize = 0
    /// How many orders of the library there are.
    private var orderCount = 0
    /// The last one that `group` has sorted, unless that is sent.
    private var lastGrouped: Order?
    /// The last notes of lost messages that are not sent, of one stream each.
    private var losses: [Order] = []

    /// What another server of a cluster is to get, in its order, once all else that was sent is
    /// answered.
    private var redirected: [Order] = []
    /// How often in a row that was sent again without anything behind it being answered.
    private(set) var redirections = 0
    /// How much of it is not answered since.
    private var resentCount = 0

    private let bytesMax: Int

    /// How many are sorted at once: the loop, and the word of what is kept, wait meanwhile.
    private static let sortedMax = 2_048
    /// The most that waits for others, in bytes.
    private static let gatheredMax = 256 << 10
    /// How much goes into one command: Redis does nothing else meanwhile.
    private static let groupMax = 64
    private static let groupSizeMax = 1 << 20

    /// How many streams may lose messages by turns, and take no more memory than one note each.
    private static let lossesMax = 64

    init(bytesMax: UInt64) {
        self.bytesMax = bytesMax == 0 ? .max / 4 : Int(min(bytesMax, UInt64(Int.max / 4)))
    }

    deinit { removeAll() }

    var isEmpty: Bool { first == nil }
    var hasOrders: Bool { orderCount > 0 }

    /// Whether a message of so many bytes fits.
    func hasRoom(for size: Int) -> Bool { self.size + size <= bytesMax }

    /// Whether so much is not sent that it should not wait for others.
    var hasMuchUnsent: Bool { size - sentSize > min(OrderQueue.gatheredMax, bytesMax / 4) }

    /// Whether something fits that must not be missing.
    func canTake(_ size: Int) -> Bool { self.size + size <= 2 * bytesMax }

    // MARK: In

    func append(_ order: Order) {
        count(order, 1)
        if let last { last.next = order } else { first = order }
        last = order
        guard order.kind == .lose else { return }
        if losses.count == OrderQueue.lossesMax { losses.removeFirst() }
        losses.append(order)
    }

    /// Puts it before all that was not sent.
    func insert(_ order: Order) {
        guard let before = lastSent ?? first else { return append(order) }
        count(order, 1)
        if lastSent == nil {
            order.next = first
            first = order
        } else {
            order.next = before.next
            before.next = order
            if order.next == nil { last = order }
        }
    }

    /// A stream that loses one message after the other takes no more memory than one that loses
    /// one: the last number is what counts. False: there is no note of it.
    func extendLoss(
        of session: UnsafeRawBufferPointer, _ stream: UnsafeRawBufferPointer, to number: UInt64
    ) -> Bool {
        for note in losses.reversed()
        where isEqual(note.stream, stream) && isEqual(note.session, session) {
            note.number = number
            return true
        }
        return false
    }

    /// Ends a stream with the last order, if that is its message and is not sent.
    func end(_ session: UnsafeRawBufferPointer, _ stream: UnsafeRawBufferPointer) -> Bool {
        guard let last, last != lastSent, last.kind == .keep, isEqual(last.stream, stream),
            isEqual(last.session, session)
        else { return false }
        last.end()
        return true
    }

    /// Sorts what is to be sent next by session, up to the first order that somebody waits for:
    /// what is of one session goes into one command. Nothing is sorted twice.
    func group() {
        guard lastGrouped == nil, let head = unsent, head.kind.isDeferrable,
            head.next?.kind.isDeferrable ?? false
        else { return }
        var run: [Order] = []
        var rest: Order? = head
        while let order = rest, order.kind.isDeferrable, run.count < OrderQueue.sortedMax {
            run.append(order)
            rest = order.next
        }
        Order.sort(&run)
        if rest == nil { last = run.last }
        lastGrouped = run.last
        var floor = UInt64.max
        for order in run.reversed() {
            floor = min(floor, order.serial)
            order.floor = floor
            order.next = rest
            rest = order
        }
        if let lastSent { lastSent.next = rest } else { first = rest }
    }

    // MARK: Out

    /// How many orders are to be sent next in one command: several if they are for streams of one
    /// session.
    var groupCount: Int {
        guard let head = unsent, head.kind.isOfStream else { return 1 }
        var (count, size) = (1, head.size)
        var each = head.next
        while let order = each, count < OrderQueue.groupMax, order.kind.isOfStream,
            size + order.size <= OrderQueue.groupSizeMax, isEqual(order.session, head.session)
        {
            (count, size) = (count + 1, size + order.size)
            each = order.next
        }
        return count
    }

    /// So many orders are sent, and wait for one answer.
    func take(_ count: Int) {
        for place in 0..<count {
            guard let order = unsent else { return }
            order.isJoined = place > 0
            lastSent = order
            sentSize += order.size
            if order == lastGrouped { lastGrouped = nil }
            if order.kind == .lose { losses.removeAll { $0 == order } }
        }
    }

    /// What the next answer is for; nil if nothing was asked.
    var awaited: Order? { lastSent == nil ? nil : first }

    var unsent: Order? { lastSent == nil ? first : lastSent?.next }

    /// Removes what the next answer is for; nil if nothing was asked. The caller frees it.
    func removeAnswered() -> Order? {
        guard let order = awaited else { return nil }
        first = order.next
        if first == nil { last = nil }
        if order == lastSent { lastSent = nil }
        sentSize -= order.size
        count(order, -1)
        if resentCount > 0 {
            resentCount -= 1
        } else if redirected.isEmpty {
            redirections = 0
        }
        return order
    }

    /// Removes what the last answer was for, too; nil if that is all. The caller frees it.
    func removeJoined() -> Order? {
        guard let order = awaited, order.isJoined else { return nil }
        return removeAnswered()
    }

    // MARK: Redirections

    var isRedirecting: Bool { !redirected.isEmpty }

    /// An order that was removed as answered is to be sent again.
    func redirect(_ order: Order) {
        redirected.append(order)
        count(order, 1)
    }

    /// All that was sent is answered: what was redirected is to be sent next.
    func resend() {
        redirections += 1
        resentCount = redirected.count
        putBack()
    }

    private func putBack() {
        for order in redirected.reversed() {
            order.next = first
            first = order
            if order.next == nil { last = order }
        }
        redirected.removeAll()
    }

    /// The least serial of the orders of the library; nil if there is none.
    var leastSerial: UInt64? {
        guard hasOrders else { return nil }
        var each = first
        while let order = each {
            if order.kind.isOrder { return order.floor }
            each = order.next
        }
        return nil
    }

    // MARK: All of them

    /// The answers will not come: all is to be sent again, but for what is returned, which the
    /// caller frees.
    func rewind() -> [Order] {
        putBack()
        redirections = 0
        resentCount = 0
        var removed: [Order] = []
        var each = first
        first = nil
        last = nil
        lastSent = nil
        lastGrouped = nil
        size = 0
        sentSize = 0
        orderCount = 0
        losses.removeAll()
        while let order = each {
            each = order.next
            order.next = nil
            if order.kind.survivesLoss { append(order) } else { removed.append(order) }
        }
        return removed
    }

    /// Removes the questions that were not sent.
    func removeUnsentQuestions() {
        var before = lastSent
        while let order = before == nil ? first : before?.next {
            guard order.kind.isQuestion else {
                before = order
                continue
            }
            if let before { before.next = order.next } else { first = order.next }
            if last == order { last = before }
            count(order, -1)
            order.free()
        }
    }

    func removeAll() {
        putBack()
        while let order = first {
            first = order.next
            order.free()
        }
        last = nil
        lastSent = nil
        lastGrouped = nil
        size = 0
        sentSize = 0
        orderCount = 0
        losses.removeAll()
    }

    private func count(_ order: Order, _ sign: Int) {
        size += sign * order.size
        if order.kind.isOrder { orderCount += sign }
    }
}
