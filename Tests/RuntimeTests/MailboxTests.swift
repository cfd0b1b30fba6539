import Foundation
import Runtime
import Testing

@Suite("Mailbox")
struct MailboxTests {
    @Test("Things come out in the order in which they went in, and the first one rings")
    func order() {
        let mailbox = Mailbox<Int>()
        #expect(mailbox.put(1) == .isFirst)
        #expect(mailbox.put(2) == .joined(count: 2))
        #expect(mailbox.takeAll() == [1, 2])
        #expect(mailbox.takeAll() == [])
        #expect(mailbox.put(3) == .isFirst)
    }

    @Test("A part can be taken, and the rest stays in order")
    func parts() {
        let mailbox = Mailbox<Int>()
        for number in 0..<10 { _ = mailbox.put(number) }
        let first = mailbox.take(atMost: 3)
        #expect(first.taken == [0, 1, 2] && first.left == 7)
        #expect(mailbox.put(10) == .joined(count: 8))
        let second = mailbox.take(atMost: 6)
        #expect(second.taken == [3, 4, 5, 6, 7, 8] && second.left == 2)
        let third = mailbox.take(atMost: 6)
        #expect(third.taken == [9, 10] && third.left == 0)
    }

    @Test("What would weigh too much is not taken, and emptying it makes room")
    func weight() {
        let mailbox = Mailbox<Int>()
        #expect(mailbox.put(1, weighing: 6, atMost: 10) == .isFirst)
        #expect(mailbox.put(2, weighing: 5, atMost: 10) == .full)
        #expect(mailbox.put(3, weighing: 4, atMost: 10) == .joined(count: 2))
        #expect(mailbox.takeAll() == [1, 3])
        #expect(mailbox.put(4, weighing: 10, atMost: 10) == .isFirst)
    }

    @Test("Threads lose nothing, and each one's things keep their order")
    func threads() {
        // A mailbox is for many threads by its making, which the compiler cannot see.
        nonisolated(unsafe) let mailbox = Mailbox<(thread: Int, number: Int)>()
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            for number in 0..<1_000 { _ = mailbox.put((thread, number)) }
        }
        let all = mailbox.takeAll()
        for thread in 0..<4 {
            #expect(all.filter { $0.thread == thread }.map(\.number) == Array(0..<1_000))
        }
    }
}
