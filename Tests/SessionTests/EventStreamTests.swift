import Session
import Testing

private let c1 = ConnectionID(rawValue: 1)
private let c2 = ConnectionID(rawValue: 2)

@Suite("EventStream")
struct EventStreamTests {
    @Test("The newest connection carries the stream, and names the one that must end")
    func takeover() {  // S-231
        var stream = EventStream()
        #expect(stream.connection == nil)
        #expect(stream.attach(c1) == nil)
        #expect(stream.attach(c2) == c1)
        #expect(stream.connection == c2)
    }

    @Test("The loss of a superseded connection says nothing about the stream")
    func lateLoss() {
        var stream = EventStream()
        _ = stream.attach(c1)
        _ = stream.attach(c2)
        #expect(stream.connectionLost(c1) == false)
        #expect(stream.connection == c2)
        #expect(stream.connectionLost(c2) == true)
        #expect(stream.connection == nil)
        #expect(stream.connectionLost(c2) == false)
    }
}
