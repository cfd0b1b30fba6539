import Link
import Seeds
import Testing

@Suite("DeadlineBoard")
struct DeadlineBoardTests {
    @Test("What is armed comes due after its time-out, once")
    func due() {
        var board = DeadlineBoard(timeouts: [10, 5])
        board.arm(3, 0, at: Instant(milliseconds: 0))
        board.arm(1, 1, at: Instant(milliseconds: 2))
        #expect(board.next == Instant(milliseconds: 7))
        #expect(board.popDue(at: Instant(milliseconds: 6)) == nil)
        let first = board.popDue(at: Instant(milliseconds: 10))
        let second = board.popDue(at: Instant(milliseconds: 10))
        #expect(Set([first?.index, second?.index]) == [1, 3])
        #expect(board.popDue(at: Instant(milliseconds: 100)) == nil)
        #expect(board.next == nil)
    }

    @Test("One thing waits for one time-out: the last it was armed with")
    func rearmed() {
        var board = DeadlineBoard(timeouts: [10, 5])
        board.arm(0, 0, at: Instant(milliseconds: 0))
        board.arm(0, 1, at: Instant(milliseconds: 0))
        #expect(board.next == Instant(milliseconds: 5))
        let due = board.popDue(at: Instant(milliseconds: 50))
        #expect(due?.list == 1)
        #expect(board.popDue(at: Instant(milliseconds: 50)) == nil)
    }

    @Test("Arming with no time-out takes it off the board")
    func unbounded() {
        var board = DeadlineBoard(timeouts: [10, nil])
        board.arm(0, 0, at: Instant(milliseconds: 0))
        board.arm(0, 1, at: Instant(milliseconds: 0))
        #expect(board.next == nil)
        board.disarm(7)
        board.disarm(0)
        #expect(board.popDue(at: Instant(milliseconds: .max)) == nil)
    }

    @Test("It behaves like a list that is searched each time", arguments: 0..<20)
    func model(_ seed: Int) {
        struct Entry: Equatable {
            let list: Int
            let deadline: Int64
        }
        let timeouts: [Int64?] = [7, nil, 30, 3]
        var random = SeededRandom(UInt64(seed))
        var board = DeadlineBoard(timeouts: timeouts)
        var model: [Int: Entry] = [:]
        var now: Int64 = 0
        for _ in 0..<1_000 {
            now += Int64.random(in: 0...2, using: &random)
            let index = Int.random(in: 0..<100, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                board.disarm(index)
                model[index] = nil
            case 1...5:
                let list = Int.random(in: 0..<timeouts.count, using: &random)
                board.arm(index, list, at: Instant(milliseconds: now))
                model[index] = timeouts[list].map { Entry(list: list, deadline: now + $0) }
            default:
                while let due = board.popDue(at: Instant(milliseconds: now)) {
                    let entry = model.removeValue(forKey: due.index)
                    #expect(entry?.list == due.list)
                    #expect((entry?.deadline ?? .max) <= now)
                }
                #expect(model.values.allSatisfy { $0.deadline > now })
            }
            #expect(board.next?.milliseconds == model.values.map(\.deadline).min())
        }
    }
}
