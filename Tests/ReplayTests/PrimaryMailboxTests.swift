import Replay
import Testing
import Wire

private func message(_ text: String) -> ByteBuffer {
    let buffer = ByteBuffer()
    buffer.append(Array(text.utf8))
    return buffer
}

/// The memory that a message of so many bytes takes in a mailbox.
private func cost(_ length: Int) -> Int { 8 + 64 + (length > 0 ? length + 16 : 0) }

private func text(_ messages: [ByteBuffer]) -> [String] {
    messages.map { message in
        withExtendedLifetime(message) { String(decoding: message.bytes, as: UTF8.self) }
    }
}

@Suite("PrimaryMailbox")
struct PrimaryMailboxTests {
    @Test("Messages come out in the order in which they went in, once")
    func order() {  // S-244
        var mailbox = PrimaryMailbox()
        for word in ["a", "b", "c"] {
            let change = mailbox.keep(message(word), countMax: 3, byteMax: 3 * cost(1))
            #expect(change == cost(1))
        }
        let (messages, change) = mailbox.takeAll()
        #expect(text(messages) == ["a", "b", "c"])
        #expect(change == -3 * cost(1))
        #expect(mailbox.takeAll().messages.isEmpty)
        #expect(mailbox.count == 0)
    }

    @Test("A message that would be one too many, or too long, changes nothing")
    func limits() {  // S-244
        var mailbox = PrimaryMailbox()
        let byteMax = cost(3) + cost(2)
        let first = mailbox.keep(message("aaa"), countMax: 2, byteMax: byteMax)
        let tooLong = mailbox.keep(message("bbb"), countMax: 2, byteMax: byteMax)
        let second = mailbox.keep(message("cc"), countMax: 2, byteMax: byteMax)
        let tooMany = mailbox.keep(message(""), countMax: 2, byteMax: .max)
        #expect([first, tooLong, second, tooMany] == [cost(3), nil, cost(2), nil])
        #expect(text(mailbox.takeAll().messages) == ["aaa", "cc"])
    }

    @Test("A message in two mailboxes is in memory once, until both have let go of it")
    func shared() {
        var mailboxes = [PrimaryMailbox(), PrimaryMailbox()]
        let all = message("all")
        var changes: [Int?] = []
        for index in 0..<2 {
            changes.append(mailboxes[index].keep(all, countMax: 1, byteMax: cost(3)))
        }
        #expect(changes == [cost(3), 8])
        #expect(mailboxes.map { $0.byteCount } == [cost(3), cost(3)])
        #expect((0..<2).map { mailboxes[$0].takeAll().change } == [-8, -cost(3)])
    }

    @Test("It behaves like an array with two limits", arguments: 1...20)
    func model(_ seed: UInt64) {
        var state = seed
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var mailbox = PrimaryMailbox()
        var model: [String] = []
        for number in 0..<300 {
            if random(12) == 0 {
                #expect(text(mailbox.takeAll().messages) == model)
                model = []
            } else {
                let word = String(repeating: "\(number % 10)", count: random(9))
                let bytes = model.reduce(0) { $0 + cost($1.utf8.count) }
                let fits = model.count < 8 && bytes + cost(word.utf8.count) <= 500
                let change = mailbox.keep(message(word), countMax: 8, byteMax: 500)
                #expect((change != nil) == fits)
                if fits { model.append(word) }
            }
            #expect(mailbox.count == model.count)
        }
    }
}
