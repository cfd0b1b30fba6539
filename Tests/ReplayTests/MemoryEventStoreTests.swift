import Link
import Replay
import Session
import Testing
import Wire

private func at(_ milliseconds: Int64) -> Instant { Instant(milliseconds: milliseconds) }

extension MemoryEventStore {
    /// Keeps an event of ten bytes.
    fileprivate func keep(_ stream: StreamToken, _ sequence: UInt64, _ place: Int, _ now: Int64) {
        let message = ByteBuffer()
        message.append("0123456789")
        let id = EventID(stream: stream, sequence: sequence)
        keep(StoredEvent(id: id, message: message), of: session(place), at: at(now))
    }

    /// How many events follow the cursor; nil for a gap.
    fileprivate func told(_ stream: StreamToken, after sequence: UInt64, _ place: Int) -> Int? {
        let cursor = EventID(stream: stream, sequence: sequence)
        guard case .all(let events, _) = load(after: cursor, of: session(place), at: at(0)) else {
            return nil
        }
        return events.count
    }
}

private func session(_ place: Int) -> SessionIdentity {
    SessionIdentity(
        key: SessionKey(rawValue: 1 << 20 | UInt64(place)),
        id: SessionID(high: 0, low: UInt64(place)))
}

@Suite("MemoryEventStore")
struct MemoryEventStoreTests {
    private let streams = (0..<3).map { StreamToken(high: 1, low: UInt64($0)) }
    /// Sessions 0 and 1 are of one address.
    private let shares: [Shares] = {
        let one = Share()
        return [one, one, Share()].map { Shares(address: $0, principal: nil) }
    }()

    /// The memory that a session with so many of these events takes: room doubles while it is
    /// small.
    private func held(_ events: Int) -> Int {
        [0, 56, 112, 224, 224][events] + (events > 0 ? 16 : 0)
    }

    private func store(_ change: (inout MemoryEventStore.Bounds) -> Void) -> MemoryEventStore {
        var bounds = MemoryEventStore.Bounds()
        change(&bounds)
        let store = MemoryEventStore(bounds)
        for place in 0..<3 {
            store.open(session(place), in: shares[place])
            store.begin(streams[place], of: session(place))
        }
        return store
    }

    @Test("What has become too old is gone, though nobody has looked yet")
    func tooOld() {  // S-245
        let store = store { $0.age = 10 }
        store.keep(streams[0], 1, 0, 5)
        let cursor = EventID(stream: streams[0], sequence: 0)
        func isThere(_ now: Int64) -> Bool {
            guard case .all = store.load(after: cursor, of: session(0), at: at(now)) else {
                return false
            }
            return true
        }
        #expect(isThere(14))
        #expect(!isThere(15))
    }

    @Test(
        "When all keep too much, the oldest events go, half of their session's, as things are now")
    func eviction() {  // S-245
        func fill(_ store: MemoryEventStore) {
            store.keep(streams[0], 1, 0, 1)
            store.keep(streams[1], 1, 1, 2)
            // The events that session 0 has now are younger than that of session 1.
            store.keep(streams[0], 2, 0, 3)
            store.keep(streams[0], 3, 0, 4)
            store.keep(streams[2], 1, 2, 5)
            store.keep(streams[2], 2, 2, 6)
        }
        let roomy = store { $0.events = 2 }
        fill(roomy)
        let store = store {
            $0.events = 2
            $0.totalBytes = roomy.byteCount
        }
        fill(store)
        #expect(store.byteCount == roomy.byteCount)
        store.keep(streams[1], 2, 1, 7)
        #expect(store.byteCount <= roomy.byteCount)
        #expect(store.told(streams[1], after: 0, 1) == nil)
        #expect(store.told(streams[1], after: 1, 1) == 1)
        #expect(store.told(streams[0], after: 1, 0) == 2)
        #expect(store.told(streams[2], after: 0, 2) == 2)
    }

    @Test("Sessions with events of the same moment give way one after the other")
    func ties() {
        let store = store { $0.totalBytes = 2 * held(1) }
        for place in 0..<3 { store.keep(streams[place], 1, place, 1) }
        #expect(store.byteCount == 2 * held(1))
        for place in 0..<3 { store.keep(streams[place], 2, place, 1) }
        #expect(store.byteCount <= 2 * held(1))
    }

    @Test("Who has its share gives way to itself, and to nobody else")
    func share() {
        let store = store { $0.addressBytes = held(2) + held(1) }
        store.keep(streams[2], 1, 2, 0)
        store.keep(streams[0], 1, 0, 1)
        store.keep(streams[1], 1, 1, 2)
        store.keep(streams[1], 2, 1, 3)
        #expect(shares[0].address?.replayBytes == held(2) + held(1))
        store.keep(streams[0], 2, 0, 4)
        #expect(store.told(streams[0], after: 0, 0) == nil)
        #expect(store.told(streams[0], after: 1, 0) == 1)
        #expect(store.told(streams[1], after: 0, 1) == 2)
        #expect(store.told(streams[2], after: 0, 2) == 1)
        #expect(shares[0].address?.replayBytes == held(2) + held(1))
        for place in 0..<3 { store.forget(session(place)) }
        #expect(store.byteCount == 0)
        #expect(shares.allSatisfy { $0.address?.replayBytes == 0 })
    }

    @Test("An event goes when it is too old, whatever its session has kept since")
    func age() {  // S-245
        let store = store { $0.age = 100 }
        store.keep(streams[0], 1, 0, 10)
        store.keep(streams[0], 2, 0, 60)
        #expect(store.nextDeadline == at(110))
        store.deadlineReached(at: at(110))
        #expect(store.told(streams[0], after: 1, 0) == 1)
        #expect(store.nextDeadline == at(160))
        store.deadlineReached(at: at(160))
        #expect(store.byteCount == 0)
        #expect(store.nextDeadline == nil)
    }
}
