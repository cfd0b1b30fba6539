import Testing
import Wire

@testable import Link

@Suite struct OutboxTests {
    @Test("A long message that had to wait holds no more memory than is counted")
    func longMessageOfTheBacklog() {
        var spare = Spare(limits: Limits(), indexing: ExtensionFields())
        var outbox = Outbox()
        _ = outbox.append(&spare) { $0.append("head") }
        _ = outbox.take()
        let text = ByteBuffer()
        for _ in 0..<16_500 { text.append(UInt8(ascii: "x")) }
        guard case .waits = outbox.give(.essential, text, nil, .untilClose, &spare) else {
            Issue.record("the event did not wait for the head")
            return
        }
        _ = outbox.sent(4)
        _ = outbox.composeBacklog(.untilClose, &spare)

        var held = 0
        _ = outbox.forEachBuffer {
            held += $0.heldBytes
        } waiting: {
            held += $0.heldBytes
        }
        #expect(outbox.unsentBytes > 16_500)
        #expect(held < outbox.unsentBytes + outbox.unsentBytes / 4)
    }
}
