import Link
import Session
import Testing

private let c1 = ConnectionID(rawValue: 1)
private let c2 = ConnectionID(rawValue: 2)

@Suite("EventStream")
struct EventStreamTests {
    @Test("The newest connection carries the stream, and names the one that must end")
    func takeover() {  // S-231
        var stream = EventStream(StreamToken(high: 1, low: 2))
        #expect(stream.connection == nil)
        #expect(stream.attach(c1) == nil)
        #expect(stream.attach(c2) == c1)
        #expect(stream.connection == c2)
    }

    @Test("The loss of a superseded connection says nothing about the stream")
    func lateLoss() {
        var stream = EventStream(StreamToken(high: 1, low: 2))
        _ = stream.attach(c1)
        _ = stream.attach(c2)
        #expect(stream.connectionLost(c1) == false)
        #expect(stream.connection == c2)
        #expect(stream.connectionLost(c2) == true)
        #expect(stream.connection == nil)
        #expect(stream.connectionLost(c2) == false)
    }

    @Test("Events are numbered from 1; 0 is the place before them, and the last number the present")
    func numbering() {  // M-020, S-238
        let token = StreamToken(high: 1, low: 2)
        var stream = EventStream(token)
        #expect(stream.position == EventID(stream: token, sequence: 0))
        for number in 1...3 as ClosedRange<UInt64> {
            #expect(stream.next() == EventID(stream: token, sequence: number))
        }
        #expect(stream.position == EventID(stream: token, sequence: 3))
    }

    @Test("The numbers go on over every connection that carries the stream")
    func reconnection() {  // M-022
        var stream = EventStream(StreamToken(high: 1, low: 2))
        _ = stream.attach(c1)
        _ = stream.next()
        _ = stream.connectionLost(c1)
        _ = stream.next()
        _ = stream.attach(c2)
        #expect(stream.next().sequence == 3)
    }
}
