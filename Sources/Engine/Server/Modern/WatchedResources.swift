import Link
import Wire

/// How many listeners and sessions are told of each resource, and what the host knows of that.
///
/// The host hears of a resource's first subscriber and of its last, in the order of these changes
/// and as fast as it takes its events. A resource whose state is again what the host knows does not
/// wait any more, so each waits at most once.
struct WatchedResources: ~Copyable {
    private struct Entry {
        /// Nil in a free slot.
        var uri: ByteBuffer?
        /// How many subscribers it has.
        var count: Int32 = 0
        /// Its neighbours among those that wait; `next` of a free slot is the next free one.
        var previous: Int32 = -1
        var next: Int32 = -1
        /// Whether the host knows it to have subscribers.
        var isKnown = false
        /// Whether its last subscriber was a session.
        var wasOfSession = false

        /// Whether the host is to be told.
        var isNews: Bool { uri != nil && isKnown != (count > 0) }
    }

    private struct Key: Hashable {
        let uri: ByteBuffer

        static func == (one: Key, other: Key) -> Bool { one.uri.bytes.equals(other.uri.bytes) }

        func hash(into hasher: inout Hasher) { hasher.combine(bytes: uri.bytes) }
    }

    private var entries: [Entry] = []
    private var places: [Key: Int32] = [:]
    private var firstFree: Int32 = -1
    private var firstNews: Int32 = -1
    private var lastNews: Int32 = -1

    /// The memory of the resources that nobody watches any more, and that the host believes to be
    /// watched. It counts where that of their last subscribers did.
    private(set) var left = Left()

    struct Left: Equatable {
        var ofListeners = 0
        var ofSessions = 0

        mutating func add(_ bytes: Int, ofSession isOfSession: Bool) {
            if isOfSession { ofSessions += bytes } else { ofListeners += bytes }
        }
    }

    /// The memory of a URI and of its place in the table.
    static func bytes(of uri: ByteBuffer) -> Int { uri.heldBytes + 64 }

    /// How many resources there are, with those that nobody watches any more.
    var count: Int { places.count }

    /// The number of slots, including free ones.
    var slotCount: Int { entries.count }

    /// The memory of the tables: a dictionary has a third more buckets than its capacity.
    var heapBytes: Int {
        let bucket = MemoryLayout<Key>.stride + MemoryLayout<Int32>.stride
        return HeapBlock.size(of: entries) + places.capacity * 4 / 3 * bucket
    }

    /// What `left` counts, as measured on the heap; the tables are measured with others.
    var leftHeapBytes: Left {
        var bytes = Left()
        for entry in entries where entry.count == 0 {
            guard let uri = entry.uri else { continue }
            bytes.add(uri.heapBytes, ofSession: entry.wasOfSession)
        }
        return bytes
    }

    /// All that have subscribers.
    var uris: [ByteBuffer] { entries.compactMap { $0.count > 0 ? $0.uri : nil } }

    // MARK: Subscribers

    /// Counts a subscriber. Returns the buffer with the URI that all subscribers refer to.
    mutating func add(_ uri: ByteBuffer) -> ByteBuffer {
        let place = places[Key(uri: uri)].map { Int($0) } ?? insert(uri)
        if entries[place].count == 0, entries[place].isKnown { countLeft(place, -1) }
        changeCount(of: place, by: 1)
        return entries[place].uri ?? uri
    }

    /// Counts a subscriber that leaves, a session or a listener.
    mutating func remove(_ uri: ByteBuffer, ofSession isOfSession: Bool) {
        guard let place = places[Key(uri: uri)].map({ Int($0) }), entries[place].count > 0 else {
            return
        }
        changeCount(of: place, by: -1)
        guard entries[place].count == 0 else { return }
        guard entries[place].isKnown else { return free(place) }
        entries[place].wasOfSession = isOfSession
        countLeft(place, 1)
    }

    private mutating func changeCount(of place: Int, by change: Int32) {
        let wasNews = entries[place].isNews
        entries[place].count += change
        guard wasNews != entries[place].isNews else { return }
        if wasNews { unlink(place) } else { link(place) }
    }

    private mutating func countLeft(_ place: Int, _ sign: Int) {
        guard let uri = entries[place].uri else { return }
        left.add(
            sign * WatchedResources.bytes(of: uri), ofSession: entries[place].wasOfSession)
    }

    // MARK: The host

    /// Whether the host is to be told of a resource.
    @inline(__always)
    var hasNews: Bool { firstNews >= 0 }

    /// The resource that the host is to be told of next, and is, and whether it is watched.
    mutating func nextNews() -> (uri: ByteBuffer, isWatched: Bool)? {
        guard hasNews, let uri = entries[Int(firstNews)].uri else { return nil }
        let place = Int(firstNews)
        unlink(place)
        entries[place].isKnown.toggle()
        let isWatched = entries[place].isKnown
        if !isWatched {
            countLeft(place, -1)
            free(place)
        }
        return (uri, isWatched)
    }

    // MARK: Slots

    private mutating func insert(_ uri: ByteBuffer) -> Int {
        let place = firstFree < 0 ? entries.count : Int(firstFree)
        if place == entries.count {
            entries.append(Entry(uri: uri))
        } else {
            firstFree = entries[place].next
            entries[place] = Entry(uri: uri)
        }
        places[Key(uri: uri)] = Int32(place)
        return place
    }

    private mutating func free(_ place: Int) {
        if let uri = entries[place].uri { places[Key(uri: uri)] = nil }
        entries[place] = Entry(uri: nil, next: firstFree)
        firstFree = Int32(place)
        guard places.isEmpty else { return }
        entries = []
        places = [:]
        firstFree = -1
    }

    private mutating func link(_ place: Int) {
        entries[place].previous = lastNews
        entries[place].next = -1
        if lastNews >= 0 { entries[Int(lastNews)].next = Int32(place) }
        lastNews = Int32(place)
        if firstNews < 0 { firstNews = lastNews }
    }

    private mutating func unlink(_ place: Int) {
        let (previous, next) = (entries[place].previous, entries[place].next)
        if previous >= 0 { entries[Int(previous)].next = next } else { firstNews = next }
        if next >= 0 { entries[Int(next)].previous = previous } else { lastNews = previous }
    }
}

#if !hasFeature(Embedded)
    extension WatchedResources {
        /// A resource, as a test sees it.
        struct View {
            let uri: ByteBuffer
            let count: Int
            let isKnown: Bool
            let wasOfSession: Bool
        }

        var views: [View] {
            entries.compactMap { entry in
                entry.uri.map { uri in
                    View(
                        uri: uri, count: Int(entry.count), isKnown: entry.isKnown,
                        wasOfSession: entry.wasOfSession)
                }
            }
        }

        /// The resources that wait, in order.
        var news: [ByteBuffer] {
            var uris: [ByteBuffer] = []
            var place = firstNews
            while place >= 0, uris.count <= entries.count {
                if let uri = entries[Int(place)].uri { uris.append(uri) }
                place = entries[Int(place)].next
            }
            return uris
        }

        /// Whether a subscriber's buffer is the one of all subscribers.
        func refers(to uri: ByteBuffer) -> Bool {
            places[Key(uri: uri)].map { entries[Int($0)].uri === uri } ?? false
        }

        mutating func sabotageKnowledge() {
            entries.indices.first { entries[$0].count > 0 }.map { entries[$0].isKnown.toggle() }
        }
        mutating func sabotageNews() { firstNews = -1 }
        mutating func sabotageLeft() { left.ofListeners += 1 }
    }
#endif
