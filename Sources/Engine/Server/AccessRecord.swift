import Link
import Session
import Wire

/// One HTTP exchange from the first byte of its request to the last byte of its response, for the
/// operator's records.
///
/// What a client has sent is limited in length, and has only printable ASCII in it.
package final class AccessRecord {
    /// Where the client is.
    package let peer: ByteBuffer?
    /// The method and the target of the request line; nil if no head could be read.
    package private(set) var httpMethod: ByteBuffer?
    package private(set) var target: ByteBuffer?
    /// The HTTP status; 0 if the connection ended before there was one.
    package fileprivate(set) var status = 0
    package fileprivate(set) var principal: Principal?
    package fileprivate(set) var session: SessionKey?
    /// The JSON-RPC method; nil if there was none, or if it was not read.
    package fileprivate(set) var method: ByteBuffer?
    /// The bytes of the request that were read.
    package fileprivate(set) var bytesReceived: UInt64 = 0
    /// The bytes of the response that the socket has taken.
    package fileprivate(set) var bytesSent: UInt64 = 0
    /// How long it took, until the socket had taken all.
    package fileprivate(set) var microseconds: UInt64 = 0
    /// Whether the connection ended before the response did, mostly because the client has gone.
    package fileprivate(set) var isCut = false

    private let start: UInt64
    /// Where the response begins and, once it is complete, ends among the connection's output.
    private let outputStart: UInt64
    fileprivate var outputEnd: UInt64?

    private static var targetBytesMax: Int { 256 }

    fileprivate init(_ peer: ByteBuffer?, at outputStart: UInt64, _ microseconds: UInt64) {
        self.peer = peer
        self.outputStart = outputStart
        start = microseconds
    }

    fileprivate func note(_ head: RequestHead) {
        httpMethod = LogLine.part(head.methodName)
        target = LogLine.target(head.targetBytes, atMost: AccessRecord.targetBytesMax)
    }

    /// Notes who has made the request; before the head, that was another one.
    fileprivate func note(_ exchange: Exchange) {
        if httpMethod != nil { principal = exchange.principal }
    }

    /// The socket has taken all, or will take no more.
    fileprivate func end(handed: UInt64, at microseconds: UInt64) {
        let end = outputEnd ?? .max
        isCut = handed < end
        bytesSent = max(outputStart, min(handed, end)) - outputStart
        self.microseconds = microseconds >= start ? microseconds - start : 0
    }

    /// Its memory, without the peer's address, which is the connection's.
    var heldBytes: Int {
        AccessRecord.ownBytes + (httpMethod?.heldBytes ?? 0) + (target?.heldBytes ?? 0)
            + (method?.heldBytes ?? 0)
    }

    private static var ownBytes: Int { 180 }
    /// About the memory of a record while its exchange is under way.
    static var openBytes: Int { 800 }

    var heapBytes: Int {
        HeapBlock.size(of: self) + (httpMethod?.heapBytes ?? 0) + (target?.heapBytes ?? 0)
            + (method?.heapBytes ?? 0)
    }
}

/// The records of a connection: of the exchange under way, and of those before it whose responses
/// the socket has not all taken. A connection has none if nobody wants records.
final class AccessBook {
    private var current: AccessRecord?
    private var ended: [AccessRecord] = []
    /// The memory of those that wait for the socket: it counts as unread by the client.
    private(set) var heldBytes = 0

    /// The memory of a book without a record.
    static var ownBytes: Int { 64 }

    /// `count` bytes of a request were read. Begins its record, unless there is one.
    func received(
        _ count: Int, from connection: ServerConnection, at microseconds: @autoclosure () -> UInt64
    ) {
        let record =
            current
            ?? AccessRecord(connection.peer, at: connection.outbox.queuedBytes, microseconds())
        record.bytesReceived += UInt64(count)
        current = record
    }

    /// Whether an exchange is under way.
    var isOpen: Bool { current != nil }

    @inline(never)
    func note(_ head: RequestHead) {
        current?.note(head)
    }

    @inline(never)
    func note(_ session: ServerSession) {
        current?.session = session.key
    }

    @inline(never)
    func note(method: UnsafeRawBufferPointer) {
        current?.method = LogLine.part(method)
    }

    @inline(never)
    func note(_ status: Int) {
        current?.status = status
    }

    /// The exchange is over, and its response is queued completely. Returns by how much the memory
    /// of what waits changes.
    func endExchange(on connection: ServerConnection) -> Int {
        guard let record = current else { return 0 }
        current = nil
        record.outputEnd = connection.outbox.queuedBytes
        record.note(connection.exchange)
        ended.append(record)
        heldBytes += record.heldBytes
        return record.heldBytes
    }

    /// Takes out the next record whose response the socket has taken.
    func popHanded(
        _ handed: UInt64, at microseconds: @autoclosure () -> UInt64
    ) -> AccessRecord? {
        guard let first = ended.first, first.outputEnd ?? .max <= handed else { return nil }
        ended.removeFirst()
        if ended.isEmpty { ended = [] }
        heldBytes -= first.heldBytes
        first.end(handed: handed, at: microseconds())
        return first
    }

    /// Takes out all records: the connection has ended.
    func takeAll(on connection: ServerConnection, at microseconds: UInt64) -> [AccessRecord] {
        var all: [AccessRecord] = []
        swap(&all, &ended)
        heldBytes = 0
        if let record = current {
            current = nil
            record.note(connection.exchange)
            all.append(record)
        }
        for record in all { record.end(handed: connection.outbox.handedBytes, at: microseconds) }
        return all
    }

    /// The memory of the book and the current record, and that of what waits.
    var heapBytes: (own: Int, waiting: Int) {
        (
            HeapBlock.size(of: self) + (current?.heapBytes ?? 0) + HeapBlock.size(of: ended),
            ended.reduce(0) { $0 + $1.heapBytes }
        )
    }
}
