import Link
import Wire

/// The resources that one listener, or one session, is told of.
struct Subscriptions {
    private struct Entry {
        var uri: ByteBuffer
        let hash: Int
        /// The number of the event that was last given to the listener's connection for it.
        var given: UInt64 = 0
    }

    private var entries: [Entry] = []

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }
    var uris: [ByteBuffer] { entries.map { $0.uri } }

    /// The memory that a URI takes. It counts with each subscriber, although all have one buffer.
    static func bytes(of uri: ByteBuffer) -> Int {
        WatchedResources.bytes(of: uri) + 2 * MemoryLayout<Entry>.stride
    }

    /// A buffer with a URI and no room for more: all with the same text have the same size.
    static func exact(_ uri: ByteBuffer) -> ByteBuffer {
        uri.capacity == uri.count ? uri : ByteBuffer(copying: uri.bytes)
    }

    var heldBytes: Int { entries.reduce(0) { $0 + Subscriptions.bytes(of: $1.uri) } }
    var heapBytes: Int { entries.reduce(HeapBlock.size(of: entries)) { $0 + $1.uri.heapBytes } }

    func contains(_ uri: UnsafeRawBufferPointer) -> Bool {
        index(of: uri, Subscriptions.hash(uri)) != nil
    }

    /// Adds a URI; false if it is there already.
    mutating func add(_ uri: ByteBuffer) -> Bool {
        let hash = Subscriptions.hash(uri.bytes)
        guard index(of: uri.bytes, hash) == nil else { return false }
        entries.append(Entry(uri: uri, hash: hash))
        return true
    }

    /// Replaces each buffer by another one with the same text and of the same size.
    mutating func replaceEach(_ other: (ByteBuffer) -> ByteBuffer) {
        for index in entries.indices { entries[index].uri = other(entries[index].uri) }
    }

    /// Removes and returns a URI; nil if it is not there.
    mutating func remove(_ uri: UnsafeRawBufferPointer) -> ByteBuffer? {
        guard let index = index(of: uri, Subscriptions.hash(uri)) else { return nil }
        let removed = entries[index].uri
        entries.swapAt(index, entries.count - 1)
        entries.removeLast()
        return removed
    }

    /// Removes and returns all.
    mutating func takeAll() -> [ByteBuffer] {
        let uris = self.uris
        entries = []
        return uris
    }

    /// How a change of one resource concerns the subscriber.
    enum Match {
        case none
        /// It has subscribed to that resource, with the entry at an index.
        case exact(Int)
        /// To one that the host counts it to.
        case covered
    }

    func match(_ uri: ByteBuffer, _ covering: [ByteBuffer]) -> Match {
        guard !entries.isEmpty else { return .none }
        func index(_ uri: ByteBuffer) -> Int? {
            self.index(of: uri.bytes, Subscriptions.hash(uri.bytes))
        }
        if let index = index(uri) { return .exact(index) }
        return covering.contains { index($0) != nil } ? .covered : .none
    }

    /// Notes the number of an event that tells of the entry at `index`. False if the last one has
    /// not left the backlog: a subscriber learns that something has changed, not how often (S-158).
    mutating func note(_ index: Int, event: UInt64, composed: UInt64) -> Bool {
        guard entries[index].given <= composed else { return false }
        entries[index].given = event
        return true
    }

    private static func hash(_ uri: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: uri)
        return hasher.finalize()
    }

    private func index(of uri: UnsafeRawBufferPointer, _ hash: Int) -> Int? {
        entries.firstIndex { $0.hash == hash && $0.uri.bytes.equals(uri) }
    }
}
