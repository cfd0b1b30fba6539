import Replay
import Testing
import Wire

private func message(_ text: String) -> ByteBuffer {
    let buffer = ByteBuffer()
    buffer.append(Array(text.utf8))
    return buffer
}

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
            let isKept = mailbox.keep(message(word), countMax: 3, byteMax: 3)
            #expect(isKept)
        }
        #expect(text(mailbox.takeAll()) == ["a", "b", "c"])
        #expect(mailbox.takeAll().isEmpty)
        #expect(mailbox.count == 0)
    }

    @Test("A message that would be one too many, or too long, changes nothing")
    func limits() {  // S-244
        var mailbox = PrimaryMailbox()
        let first = mailbox.keep(message("aaa"), countMax: 2, byteMax: 5)
        let tooLong = mailbox.keep(message("bbb"), countMax: 2, byteMax: 5)
        let second = mailbox.keep(message("cc"), countMax: 2, byteMax: 5)
        let tooMany = mailbox.keep(message(""), countMax: 2, byteMax: 5)
        #expect([first, tooLong, second, tooMany] == [true, false, true, false])
        #expect(text(mailbox.takeAll()) == ["aaa", "cc"])
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
                #expect(text(mailbox.takeAll()) == model)
                model = []
            } else {
                let word = String(repeating: "\(number % 10)", count: random(9))
                let bytes = model.reduce(0) { $0 + $1.utf8.count }
                let fits = model.count < 8 && bytes + word.utf8.count <= 24
                let isKept = mailbox.keep(message(word), countMax: 8, byteMax: 24)
                #expect(isKept == fits)
                if fits { model.append(word) }
            }
            #expect(mailbox.count == model.count)
        }
    }
}
