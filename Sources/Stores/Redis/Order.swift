import CLibc
import CStore
import CStreamableHTTP
import StoreShared

/// What Redis is asked to do.
enum OrderKind: UInt8 {
    // Orders of the library, which are given again when the connection was lost.
    case keepSession
    case touchSession
    case forgetSession
    case releaseSession
    case begin
    case keep
    /// A message with which its stream ends.
    case keepLast
    /// A message that found no room in the queue.
    case lose
    case end
    case forgetEvents

    // Questions of the library, which fail then.
    case findSession
    case load

    // Messages: one to all nodes is sent again.
    case tellNode
    case tellAll

    // The module's own.
    /// Whether a session is still this node's.
    case check
    /// This node is alive.
    case refresh
    /// This node is no more.
    case farewell
    /// Whether a server of a cluster answers.
    case ping
    /// Whether the key of a node is there, and how many subscribers it has.
    case probeKey
    case probeChannel
    /// Looks for keys of sessions.
    case scan
    /// Removes a session with all that belongs to it, if it is this node's.
    case drop

    var isQuestion: Bool { self == .findSession || self == .load }

    var isOrder: Bool { rawValue <= OrderKind.forgetEvents.rawValue }

    var isOfStream: Bool {
        switch self {
        case .begin, .keep, .keepLast, .lose, .end: true
        default: false
        }
    }

    /// Whether it may wait for others: nobody waits for it, unless answers wait for the store.
    var isDeferrable: Bool { isOfStream || self == .touchSession }

    var survivesLoss: Bool { isOrder || self == .tellAll || self == .check }
}

/// An order, a question or a message in one piece of memory, with its texts.
struct Order: Equatable {
    fileprivate struct Head {
        var next: UnsafeMutablePointer<Head>?
        var kind: OrderKind
        var number: UInt64
        let load: UInt64
        let idle: UInt64
        let serial: UInt64
        var floor: UInt64
        let node: NodeName
        var place: Int32
        var isJoined: Bool
        let sessionCount: Int
        let streamCount: Int
        let textCount: Int
    }

    private let head: UnsafeMutablePointer<Head>

    private typealias Bytes = UnsafeRawBufferPointer

    /// Copies the texts. It must be given back with `free`.
    init(
        _ kind: OrderKind, number: UInt64 = 0, load: UInt64 = 0, idle: UInt64 = 0,
        serial: UInt64 = 0, node: NodeName = NodeName(), place: Int = 0,
        session: UnsafeRawBufferPointer = .none, stream: UnsafeRawBufferPointer = .none,
        text: UnsafeRawBufferPointer = .none
    ) {
        let size = Order.size(session.count, stream.count, text.count)
        guard let memory = malloc(size) else { abort() }  // There is no memory.
        head = memory.bindMemory(to: Head.self, capacity: 1)
        head.initialize(
            to: Head(
                next: nil, kind: kind, number: number, load: load, idle: idle, serial: serial,
                floor: serial, node: node, place: Int32(place), isJoined: false,
                sessionCount: session.count, streamCount: stream.count, textCount: text.count))
        var end = memory + MemoryLayout<Head>.stride
        for bytes in [session, stream, text] {
            if let start = bytes.baseAddress { memcpy(end, start, bytes.count) }
            end += bytes.count
        }
    }

    private init(_ head: UnsafeMutablePointer<Head>) { self.head = head }

    func free() { CLibc.free(head) }

    /// The size of an order with such texts, in bytes.
    static func size(_ session: Int, _ stream: Int, _ text: Int) -> Int {
        MemoryLayout<Head>.stride + session + stream + text
    }

    /// Its message is the last of its stream.
    func end() { head.pointee.kind = .keepLast }

    /// The one behind it in a queue.
    var next: Order? {
        get { head.pointee.next.map { Order($0) } }
        nonmutating set { head.pointee.next = newValue?.head }
    }

    var kind: OrderKind { head.pointee.kind }
    var number: UInt64 {
        get { head.pointee.number }
        nonmutating set { head.pointee.number = newValue }
    }
    /// The index of the server that it is sent to; of an order for all, whose answer is next.
    var place: Int {
        get { Int(head.pointee.place) }
        nonmutating set { head.pointee.place = Int32(newValue) }
    }
    var load: shttp_load { shttp_load(key: head.pointee.load) }
    var idle: UInt64 { head.pointee.idle }
    var serial: UInt64 { head.pointee.serial }
    /// The least serial of this one and those behind it.
    var floor: UInt64 {
        get { head.pointee.floor }
        nonmutating set { head.pointee.floor = newValue }
    }
    /// Whether the command, and the answer, of the order before it are for this one, too.
    var isJoined: Bool {
        get { head.pointee.isJoined }
        nonmutating set { head.pointee.isJoined = newValue }
    }
    var node: NodeName { head.pointee.node }

    var session: UnsafeRawBufferPointer { text(at: 0, head.pointee.sessionCount) }
    /// The stream; of a search the owner that is dead.
    var stream: UnsafeRawBufferPointer {
        text(at: head.pointee.sessionCount, head.pointee.streamCount)
    }
    /// The message, the record or the frame.
    var text: UnsafeRawBufferPointer {
        text(at: head.pointee.sessionCount + head.pointee.streamCount, head.pointee.textCount)
    }

    var size: Int {
        Order.size(head.pointee.sessionCount, head.pointee.streamCount, head.pointee.textCount)
    }

    /// By session; otherwise as they were given.
    static func sort(_ orders: inout [Order]) {
        qsort(&orders, orders.count, MemoryLayout<Order>.stride) { left, right in
            guard let left = left?.load(as: Order.self), let right = right?.load(as: Order.self)
            else { return 0 }
            let session = compare(left.session, right.session)
            if session != 0 { return session }
            return left.serial < right.serial ? -1 : 1
        }
    }

    private func text(at offset: Int, _ count: Int) -> UnsafeRawBufferPointer {
        let texts = UnsafeRawPointer(head) + MemoryLayout<Head>.stride
        return UnsafeRawBufferPointer(start: texts + offset, count: count)
    }
}

/// Whether two texts are the same.
func isEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    compare(one, other) == 0
}
