import Link
import Replay
import Seeds
import Testing
import Wire

private func message(_ text: String) -> ByteBuffer {
    let buffer = ByteBuffer()
    buffer.append(Array(text.utf8))
    return buffer
}

private func at(_ milliseconds: Int64) -> Instant { Instant(milliseconds: milliseconds) }

private func stream(_ number: Int) -> StreamToken { StreamToken(high: 1, low: UInt64(number)) }

private func event(_ stream: StreamToken, _ sequence: UInt64) -> EventID {
    EventID(stream: stream, sequence: sequence)
}

/// The memory that an event with a message of so many bytes takes: with its header, and a message
/// that is shared with an object of its own.
private func cost(_ length: Int, isShared: Bool = false) -> Int {
    40 + (isShared && length > 0 ? 8 + 64 + length + 16 : (length + 7) & ~7)
}

extension EventLog {
    /// The answer as `2:text` for each event; nil for a gap.
    fileprivate func told(after cursor: EventID) -> [String]? {
        guard case .all(let events, _) = events(after: cursor) else { return nil }
        return events.map { event in
            let (id, message) = (event.id, event.message)
            let text = withExtendedLifetime(message) {
                String(decoding: message.bytes, as: UTF8.self)
            }
            return "\(id.stream == cursor.stream ? "" : "another's ")\(id.sequence):\(text)"
        }
    }
}

@Suite("EventLog")
struct EventLogTests {
    private let a = stream(1)
    private let b = stream(2)

    @Test("An event of a stream that has ended is not kept")
    func endedStream() {
        let log = EventLog()
        log.begin(a)
        log.append(StoredEvent(id: event(a, 1), message: message("x")), at: at(0))
        log.end(a)
        log.append(StoredEvent(id: event(a, 2), message: message("y")), at: at(0))
        #expect(log.count == 1 && log.told(after: event(a, 0)) == ["1:x"])
    }

    @Test("What other logs hold too is not a log's own, and leaves nothing behind")
    func sharedEvents() {
        let log = EventLog()
        log.begin(a)
        let shared = message("to all")
        for number in 1...2 {
            log.append(
                StoredEvent(id: event(a, UInt64(number)), message: shared, isShared: true),
                at: at(0))
        }
        #expect(log.ownBytes < log.heldBytes)
        log.trim(countMax: 0, bytesMax: .max, before: nil)
        #expect(log.ownBytes == 0 && log.heldBytes == 0)
    }

    /// Two streams, their events among each other.
    private var log: EventLog {
        let log = EventLog()
        log.begin(a)
        log.begin(b)
        for (index, id) in [event(a, 1), event(b, 1), event(a, 2), event(b, 2), event(a, 3)]
            .enumerated()
        {
            log.append(StoredEvent(id: id, message: message("\(index)")), at: at(Int64(index)))
        }
        return log
    }

    @Test("A cursor brings what its own stream sent after it, in order")
    func cursors() {  // S-233, M-021
        #expect(log.told(after: event(a, 0)) == ["1:0", "2:2", "3:4"])
        #expect(log.told(after: event(a, 2)) == ["3:4"])
        #expect(log.told(after: event(a, 3)) == [])
        #expect(log.told(after: event(b, 1)) == ["2:3"])
        #expect(log.told(after: event(stream(3), 0)) == nil)
    }

    @Test("A cursor that is still to come is no cursor")
    func future() {  // S-235
        #expect(log.told(after: event(a, 4)) == nil)
        #expect(log.told(after: event(a, .max)) == nil)
    }

    @Test("The answer tells whether the stream has ended")
    func ended() {  // S-236
        let log = log
        log.end(a)
        guard case .all(_, let aHasEnded) = log.events(after: event(a, 3)),
            case .all(_, let bHasEnded) = log.events(after: event(b, 2))
        else { return #expect(Bool(false), "a gap") }
        #expect(aHasEnded)
        #expect(!bHasEnded)
    }

    @Test("The oldest events go first, and cursors before them are void")
    func eviction() {  // S-245
        let log = log
        log.trim(countMax: 9, bytesMax: 3 * cost(1) + 1, before: at(-1))
        #expect(log.count == 3)
        #expect(log.byteCount == 3 * cost(1))
        #expect(log.oldest == at(2))
        #expect(log.told(after: event(a, 0)) == nil)
        #expect(log.told(after: event(a, 1)) == ["2:2", "3:4"])
        #expect(log.told(after: event(b, 0)) == nil)
        #expect(log.told(after: event(b, 1)) == ["2:3"])
    }

    @Test("A stream whose events are all gone still knows its last cursor")
    func emptied() {
        let log = log
        log.trim(countMax: 0, bytesMax: .max, before: at(-1))
        #expect(log.byteCount == 0 && log.heldBytes == 0)
        #expect(log.oldest == nil)
        #expect(log.told(after: event(a, 2)) == nil)
        #expect(log.told(after: event(a, 3)) == [])
    }

    @Test("A stream that has ended is forgotten with its last event")
    func forgotten() {  // M-023
        let log = log
        log.end(a)
        #expect(log.told(after: event(a, 2)) == ["3:4"])
        log.trim(countMax: 0, bytesMax: .max, before: at(-1))
        #expect(log.told(after: event(a, 3)) == nil)
        #expect(log.told(after: event(b, 2)) == [])
    }

    @Test("A stream of one event has ended with it")
    func whole() {  // S-236
        let log = EventLog()
        log.append(whole: a, message("one"), at: at(0))
        log.append(whole: b, message("two"), at: at(1))
        #expect(log.told(after: event(a, 0)) == ["1:one"])
        #expect(log.told(after: event(b, 1)) == [])
        #expect(log.told(after: event(b, 2)) == nil)
        guard case .all(_, hasEnded: true) = log.events(after: event(a, 1)) else {
            return #expect(Bool(false), "it goes on")
        }
        log.trim(countMax: 1, bytesMax: .max, before: at(-1))
        #expect(log.told(after: event(a, 0)) == nil)
        #expect(log.told(after: event(b, 0)) == ["1:two"])
    }

    @Test("Age counts from an event's own time, and the limit itself is too old")
    func age() {  // S-245
        let log = log
        log.trim(countMax: 9, bytesMax: .max, before: at(1))
        #expect(log.oldest == at(2))
    }

    @Test("An event that is larger than the limit alone is not kept")
    func tooLarge() {
        let log = EventLog()
        log.begin(a)
        log.append(StoredEvent(id: event(a, 1), message: message("12345")), at: at(0))
        log.trim(countMax: 9, bytesMax: cost(5) - 1, before: at(-1))
        #expect(log.byteCount == 0)
        #expect(log.told(after: event(a, 0)) == nil)
        #expect(log.told(after: event(a, 1)) == [])
    }

    @Test(
        "What a log holds is not a quarter more than its bound",
        arguments: [5_000, 20_000, 40_000, 60_000, 100_000, 1 << 20])
    func held(bytesMax: Int) {
        let log = EventLog(bytesMax: bytesMax)
        log.begin(a)
        for number in 1...UInt64(3 * bytesMax / 400) {
            let text = message(String(repeating: "x", count: Int(number * 37 % 600)))
            log.append(StoredEvent(id: event(a, number), message: text), at: at(0))
            log.trim(countMax: .max, bytesMax: bytesMax, before: nil)
            #expect(log.heldBytes <= bytesMax + bytesMax / 4)
        }
        #expect(log.byteCount > bytesMax - 1_000)
    }

    @Test("A message for many is not copied, and goes when the last of them has no use for it")
    func shared() {
        weak var kept: ByteBuffer?
        let logs = [EventLog(), EventLog()]
        do {
            let all = message("all")
            kept = all
            for log in logs {
                log.begin(a)
                log.append(StoredEvent(id: event(a, 1), message: all, isShared: true), at: at(0))
            }
        }
        #expect(logs[1].told(after: event(a, 0)) == ["1:all"])
        if case .all(let events, _) = logs[1].events(after: event(a, 0)) {
            #expect(events.first?.message === kept)
        }
        #expect(logs[0].byteCount == cost(3, isShared: true))
        // It is in memory once, and neither of them has it alone.
        let changes = logs.map { $0.takeChange() }
        #expect(changes[0] - changes[1] == 64 + 3 + 16)
        #expect(logs[0].ownBytes == changes[1] && logs[1].ownBytes == changes[1])
        for log in logs {
            #expect(kept != nil)
            log.trim(countMax: 0, bytesMax: .max, before: nil)
        }
        #expect(logs.map { $0.takeChange() } == [-changes[1], -changes[0]])
        #expect(kept == nil)
    }

    /// What the log shall be: lists, and no cleverness.
    private struct Model {
        struct Kept {
            let id: EventID
            let text: String
            let time: Int64
            var isShared = false
        }

        var kept: [Kept] = []
        var gone: [StreamToken: UInt64] = [:]
        var ended: Set<StreamToken> = []
        var bytes: Int { kept.reduce(0) { $0 + cost($1.text.utf8.count, isShared: $1.isShared) } }

        mutating func trim(_ count: Int, _ bytesMax: Int, _ limit: Int64) {
            let most = kept.count > count ? count - count / 16 : count
            while let oldest = kept.first,
                kept.count > most || bytes > bytesMax || oldest.time <= limit
            {
                gone[oldest.id.stream] = oldest.id.sequence
                kept.removeFirst()
            }
            forget()
        }

        mutating func forget() {
            for stream in ended where !kept.contains(where: { $0.id.stream == stream }) {
                gone[stream] = nil
            }
        }

        func told(after cursor: EventID) -> [String]? {
            guard let last = gone[cursor.stream], last <= cursor.sequence else { return nil }
            return kept.filter { $0.id.stream == cursor.stream && $0.id.sequence > cursor.sequence }
                .map { "\($0.id.sequence):\($0.text)" }
        }
    }

    @Test("It answers like a list: all or a gap, never a part, never another's", arguments: 1...40)
    func model(_ seed: UInt64) {  // M-021, S-234, S-245
        var random = SeededRandom(seed)
        func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
        let log = EventLog()
        var model = Model()
        var last: [StreamToken: UInt64] = [:]
        var now: Int64 = 0
        var held = 0
        // As a store is used: for each event that comes, one goes.
        let isSteady = seed % 2 == 0
        for step in 0..<600 {
            now += Int64(number(3))
            let one = stream(number(6))
            switch number(10) {
            case 0 where model.gone[one] == nil:
                log.begin(one)
                model.gone[one] = 0
                model.ended.remove(one)
                last[one] = 0
            case 1 where model.gone[one] != nil && number(3) == 0:
                log.end(one)
                model.ended.insert(one)
                model.forget()
            case 2 where model.gone[one] == nil:
                last[one] = 1
                log.append(whole: one, message("whole"), at: at(now))
                model.gone[one] = 0
                model.ended.insert(one)
                model.kept.append(.init(id: event(one, 1), text: "whole", time: now))
            case 3:
                let (count, bytes) = (number(100), number(6_000))
                let limit = now - Int64(10 + number(200))
                model.trim(count, bytes, limit)
                log.trim(countMax: count, bytesMax: bytes, before: at(limit))
            default:
                guard let sequence = last[one], model.gone[one] != nil,
                    !model.ended.contains(one)
                else { continue }
                let id = event(one, sequence + 1)
                last[one] = id.sequence
                let text = String(repeating: "\(step % 10)", count: number(9))
                let isShared = number(3) == 0
                log.append(
                    StoredEvent(id: id, message: message(text), isShared: isShared), at: at(now))
                model.kept.append(.init(id: id, text: text, time: now, isShared: isShared))
            }
            if isSteady {
                model.trim(20, .max, .min)
                log.trim(countMax: 20, bytesMax: .max, before: nil)
            }
            #expect(log.count == model.kept.count)
            #expect(log.byteCount == model.bytes)
            // What is unused of its memory is a third at most, once there is much.
            #expect(log.heldBytes <= max(8_192, log.byteCount * 3 / 2 + 64))
            held += log.takeChange()
            #expect(held == log.heldBytes)
            #expect(log.oldest?.milliseconds == model.kept.first?.time)
            let asked = stream(number(7))
            let cursor = event(asked, UInt64(number(Int(last[asked] ?? 3) + 1)))
            #expect(log.told(after: cursor) == model.told(after: cursor))
        }
    }
}
