import Engine
import Foundation
import Runtime
import Session
import Testing

/// An event with a number to know it by.
private func event(_ number: Int) -> HostEvent {
    let event = HostEvent(.notification)
    event.request = RequestKey(rawValue: UInt64(number))
    return event
}

private func numbers(_ events: [HostEvent]) -> [Int] {
    events.map { Int($0.request?.rawValue ?? 0) }
}

extension EventQueue {
    /// What the loop does in a turn with these events; says whether the host is too far behind.
    fileprivate func turn(_ events: Range<Int>, _ recycle: (HostEvent) -> Void = { _ in }) -> Bool {
        for number in events { _ = add(event(number)) }
        defer { wakeHost() }
        return handOver(recycle)
    }

    fileprivate var isReadable: Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Foundation.poll(&poll, 1, 0) == 1
    }
}

@Suite("EventQueue")
struct EventQueueTests {
    private let queue = EventQueue(countMax: 10, bytesMax: 1 << 20)

    @Test("Events come out in order, in portions, and the host is woken while some wait")
    func order() {
        var taken: [HostEvent] = []
        #expect(!queue.isReadable)
        #expect(!queue.turn(0..<5))
        #expect(queue.isReadable)
        #expect(!queue.exchange(&taken, atMost: 3))
        #expect(numbers(taken) == [0, 1, 2])
        #expect(queue.isReadable)
        #expect(!queue.turn(5..<7))
        #expect(!queue.exchange(&taken, atMost: 3))
        #expect(numbers(taken) == [3, 4, 5])
        #expect(!queue.exchange(&taken, atMost: 3))
        #expect(numbers(taken) == [6])
        #expect(!queue.isReadable)
        #expect(!queue.exchange(&taken, atMost: 3))
        #expect(taken.isEmpty)
        #expect(!queue.turn(7..<8))
        #expect(queue.isReadable)
    }

    @Test("What the host is done with comes back to the loop, once")
    func returned() {
        var taken: [HostEvent] = []
        var returned: [HostEvent] = []
        _ = queue.turn(0..<3)
        _ = queue.exchange(&taken, atMost: 2)
        _ = queue.turn(3..<4) { returned.append($0) }
        #expect(returned.isEmpty)
        _ = queue.exchange(&taken, atMost: 9)
        _ = queue.exchange(&taken, atMost: 9)
        _ = queue.turn(4..<5) { returned.append($0) }
        #expect(numbers(returned) == [0, 1, 2, 3])
        _ = queue.turn(5..<6) { returned.append($0) }
        #expect(returned.count == 4)
    }

    @Test("A host that is behind is not read for, until it has taken everything")
    func congestion() {
        var taken: [HostEvent] = []
        #expect(!queue.turn(0..<9))
        #expect(queue.turn(9..<10))
        #expect(!queue.exchange(&taken, atMost: 4))
        #expect(queue.turn(10..<11))
        #expect(!queue.exchange(&taken, atMost: 4))
        #expect(queue.exchange(&taken, atMost: 4))
        #expect(!queue.exchange(&taken, atMost: 4))
        #expect(!queue.turn(11..<12))
    }

    @Test("What events hold is counted from when they are made until they are back, and bounded")
    func memory() {
        let own = event(0).heldBytes
        let queue = EventQueue(countMax: 100, bytesMax: 3 * own)
        var taken: [HostEvent] = []
        #expect(!queue.turn(0..<2))
        #expect(queue.turn(2..<3))
        #expect(queue.heldBytes == 3 * own)
        #expect(queue.exchange(&taken, atMost: 9))
        #expect(!queue.exchange(&taken, atMost: 9))
        for count in 1...2 {
            #expect(!queue.turn(count..<count + 1))
            #expect(queue.heldBytes == count * own)
        }
    }

    @Test("A turn with many events hands them over before its end")
    func portions() {
        let dues = (0..<10).map { queue.add(event($0)) }
        #expect(dues == Array(repeating: false, count: 9) + [true])
        let large = EventQueue(countMax: 4096, bytesMax: 1 << 20)
        #expect((0..<4096).first { large.add(event($0)) } == 63)
    }
}
