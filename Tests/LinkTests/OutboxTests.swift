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

    private func text(_ output: Output?) -> String? {
        output.map { output in
            var bytes: [UInt8] = []
            output.forEachPiece { bytes += Array($0) }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    @Test("What is sealed is taken without what follows it, and all of it in order")
    func sealed() {
        var spare = Spare(limits: Limits(), indexing: ExtensionFields())
        var outbox = Outbox()
        let long = ByteBuffer()
        for _ in 0..<20_000 { long.append(UInt8(ascii: "x")) }
        _ = outbox.append(&spare) { $0.append("one") }
        #expect(text(outbox.take(upTo: 0)) == nil)
        outbox.seal()
        outbox.seal()
        let first = outbox.queuedBytes
        _ = outbox.append(&spare) { $0.append("two") }
        _ = outbox.append(long: long)
        outbox.seal()
        let second = outbox.queuedBytes
        _ = outbox.append(&spare) { $0.append("three") }

        #expect(text(outbox.take(upTo: first)) == "one")
        #expect(text(outbox.take(upTo: first)) == nil)
        #expect(Bool(outbox.isBlocked))
        #expect(Int(outbox.untakenBytes) == 20_008)
        #expect(text(outbox.take(upTo: second))?.count == 20_003)
        #expect(text(outbox.take(upTo: .max)) == "three")
        _ = outbox.sent(3 + 20_003 + 5)
        #expect(Bool(outbox.isDrained))
        #expect(Int(outbox.unsentBytes) == 0)
    }
}
