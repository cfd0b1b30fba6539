import CLibc
import CStreamableHTTP
import StoreShared

/// What a store is asked to do.
enum OrderKind: UInt8 {
    case keepSession
    case touchSession
    case findSession
    case forgetSession
    case begin
    case keep
    /// A message that found no room in the queue.
    case lose
    case end
    case load
    case forgetEvents
    /// Nothing: a question that has been answered, or an order that is written.
    case done

    var isQuestion: Bool { self == .findSession || self == .load }
}

/// An order in a batch. Its texts follow it in memory.
struct Order: Equatable {
    fileprivate struct Head {
        var kind: OrderKind
        let server: OpaquePointer?
        var number: UInt64
        let load: UInt64
        let idle: UInt64
        let serial: UInt64
        let sessionCount: Int
        let streamCount: Int
        let textCount: Int
    }

    fileprivate static let headSize = MemoryLayout<Head>.stride

    fileprivate let head: UnsafeMutablePointer<Head>

    fileprivate init(at place: UnsafeMutableRawPointer) {
        head = place.assumingMemoryBound(to: Head.self)
    }

    var kind: OrderKind { head.pointee.kind }
    var server: OpaquePointer? { head.pointee.server }
    var number: UInt64 { head.pointee.number }
    var load: shttp_load { shttp_load(key: head.pointee.load) }
    var idle: UInt64 { head.pointee.idle }
    var serial: UInt64 { head.pointee.serial }

    var session: UnsafeRawBufferPointer { text(at: 0, head.pointee.sessionCount) }
    var stream: UnsafeRawBufferPointer {
        text(at: head.pointee.sessionCount, head.pointee.streamCount)
    }
    /// The message, or the record.
    var text: UnsafeRawBufferPointer {
        text(at: head.pointee.sessionCount + head.pointee.streamCount, head.pointee.textCount)
    }

    /// The size in a batch, in bytes.
    fileprivate var size: Int {
        let head = head.pointee
        return Order.size(head.sessionCount + head.streamCount + head.textCount)
    }

    fileprivate static func size(_ texts: Int) -> Int { (headSize + texts + 7) & ~7 }

    /// Whether this one was given earlier than another of its batch.
    func precedes(_ other: Order) -> Bool { head < other.head }

    func markDone() { head.pointee.kind = .done }

    func isOfSession(_ other: Order) -> Bool { compare(session, other.session) == 0 }

    func isOfStream(_ other: Order) -> Bool { compare(stream, other.stream) == 0 }

    /// By session and stream, those of a session itself first; otherwise as they were given.
    static func sort(_ orders: inout [Order]) {
        guard orders.count > 1 else { return }
        qsort(&orders, orders.count, MemoryLayout<Order>.stride) { left, right in
            guard let left = left?.load(as: Order.self), let right = right?.load(as: Order.self)
            else { return 0 }
            let session = compare(left.session, right.session)
            if session != 0 { return session }
            let stream = compare(left.stream, right.stream)
            if stream != 0 { return stream }
            return left.precedes(right) ? -1 : 1
        }
    }

    private func text(at offset: Int, _ count: Int) -> UnsafeRawBufferPointer {
        let texts = UnsafeRawPointer(head) + Order.headSize
        return UnsafeRawBufferPointer(start: texts + offset, count: count)
    }
}

/// Orders in the order in which they were given, in one piece of memory.
struct OrderBatch: ~Copyable {
    private var start: UnsafeMutableRawPointer?
    private var capacity = 0
    /// The size of all orders, in bytes.
    private(set) var size = 0
    /// Where the last notes of lost messages are, of one stream each.
    private var losses: [Int] = []

    /// How many streams may lose messages by turns, and take no more memory than one note each.
    private static let lossesMax = 64

    /// Memory that an empty batch keeps.
    private static let idleCapacity = 512 << 10

    init() {}

    deinit { free(start) }

    var isEmpty: Bool { size == 0 }

    /// The size of an order with these texts.
    static func size(_ order: shttp_store_order, text: shttp_bytes) -> Int {
        Order.size(order.session.len + order.stream.len + text.len)
    }

    mutating func append(
        _ kind: OrderKind, _ order: shttp_store_order, text: shttp_bytes, for server: OpaquePointer?
    ) {
        if kind == .lose {
            if extendLoss(to: order) { return }
            if losses.count == OrderBatch.lossesMax { losses.removeFirst() }
            losses.append(self.size)
        }
        let size = OrderBatch.size(order, text: text)
        let place = makeRoom(size)
        Order(at: place).head.initialize(
            to: Order.Head(
                kind: kind, server: server, number: order.number, load: order.load.key,
                idle: order.idle_ms, serial: order.serial, sessionCount: order.session.len,
                streamCount: order.stream.len, textCount: text.len))
        let texts = place + Order.headSize
        copy(order.session, to: texts)
        copy(order.stream, to: texts + order.session.len)
        copy(text, to: texts + order.session.len + order.stream.len)
        self.size += size
    }

    /// A stream that loses one message after the other takes no more memory than one that loses
    /// one: the last number is what counts.
    private func extendLoss(to order: shttp_store_order) -> Bool {
        guard let start else { return false }
        for place in losses.reversed() {
            let before = Order(at: start + place)
            guard compare(before.session, bytes(order.session)) == 0,
                compare(before.stream, bytes(order.stream)) == 0
            else { continue }
            before.head.pointee.number = order.number
            return true
        }
        return false
    }

    /// Moves all orders of another batch to the end of this one.
    mutating func take(_ other: inout OrderBatch) {
        if isEmpty {
            swap(&self, &other)
        } else if let start = other.start, !other.isEmpty {
            memcpy(makeRoom(other.size), start, other.size)
            size += other.size
            other.removeAll()
        }
    }

    /// Removes the orders that are done.
    mutating func removeDone() {
        guard let start else { return }
        var (offset, end) = (0, 0)
        while offset < size {
            let order = Order(at: start + offset)
            let size = order.size
            if order.kind != .done {
                if end < offset { memmove(start + end, start + offset, size) }
                end += size
            }
            offset += size
        }
        size = end
        losses.removeAll()
    }

    mutating func removeAll() {
        size = 0
        losses.removeAll()
        guard capacity > OrderBatch.idleCapacity else { return }
        free(start)
        start = nil
        capacity = 0
    }

    /// Valid until the batch is changed.
    borrowing func forEach<Fault: Error>(_ body: (Order) throws(Fault) -> Void) throws(Fault) {
        guard let start else { return }
        var offset = 0
        while offset < size {
            let order = Order(at: start + offset)
            try body(order)
            offset += order.size
        }
    }

    private func bytes(_ text: shttp_bytes) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.data, count: text.len)
    }

    private func copy(_ bytes: shttp_bytes, to place: UnsafeMutableRawPointer) {
        if let data = bytes.data { memcpy(place, data, bytes.len) }
    }

    /// Returns where the next `size` bytes go.
    private mutating func makeRoom(_ size: Int) -> UnsafeMutableRawPointer {
        if self.size + size > capacity {
            capacity = max(self.size + size, capacity * 2, 16 << 10)
            start = realloc(start, capacity)
        }
        guard let start else { abort() }  // There is no memory.
        return start + self.size
    }
}
