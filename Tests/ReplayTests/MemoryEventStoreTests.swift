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

private func session(_ place: Int) -> SessionKey { SessionKey(rawValue: 1 << 20 | UInt64(place)) }

@Suite("MemoryEventStore")
struct MemoryEventStoreTests {
    private let streams = (0..<3).map { StreamToken(high: 1, low: UInt64($0)) }

    private func store(_ change: (inout MemoryEventStore.Bounds) -> Void) -> MemoryEventStore {
        var bounds = MemoryEventStore.Bounds()
        change(&bounds)
        let store = MemoryEventStore(bounds)
        for place in 0..<3 { store.begin(streams[place], of: session(place)) }
        return store
    }

    @Test("When all keep too much, the session with the oldest event gives way, as things are now")
    func eviction() {  // S-245
        let store = store {
            $0.events = 2
            $0.totalBytes = 50
        }
        store.keep(streams[0], 1, 0, 1)
        store.keep(streams[1], 1, 1, 2)
        // The events that session 0 has now are younger than that of session 1.
        store.keep(streams[0], 2, 0, 3)
        store.keep(streams[0], 3, 0, 4)
        store.keep(streams[2], 1, 2, 5)
        store.keep(streams[2], 2, 2, 6)
        #expect(store.byteCount == 50)
        store.keep(streams[1], 2, 1, 7)
        #expect(store.byteCount == 40)
        #expect(store.told(streams[1], after: 0, 1) == nil)
        #expect(store.told(streams[0], after: 1, 0) == 2)
        #expect(store.told(streams[2], after: 0, 2) == 2)
    }

    @Test("Sessions with events of the same moment give way one after the other")
    func ties() {
        let store = store { $0.totalBytes = 20 }
        for place in 0..<3 { store.keep(streams[place], 1, place, 1) }
        #expect(store.byteCount == 20)
        for place in 0..<3 { store.keep(streams[place], 2, place, 1) }
        #expect(store.byteCount <= 20)
    }

    @Test("An event goes when it is too old, whatever its session has kept since")
    func age() {  // S-245
        let store = store { $0.age = 100 }
        store.keep(streams[0], 1, 0, 10)
        store.keep(streams[0], 2, 0, 60)
        #expect(store.nextDeadline == at(110))
        store.deadlineReached(at: at(110))
        #expect(store.byteCount == 10)
        #expect(store.nextDeadline == at(160))
        store.deadlineReached(at: at(160))
        #expect(store.byteCount == 0)
        #expect(store.nextDeadline == nil)
    }
}
