import Session
import Testing
import Wire

private let one = RequestID.integer(1)
private let textOne = RequestID.string(Array("1".utf8))

private func key(_ number: UInt64) -> RequestKey { RequestKey(rawValue: number) }
private func call(_ number: UInt64) -> CallKey { CallKey(rawValue: number) }

@Suite("RequestLedger")
struct RequestLedgerTests {
    @Test("An id is taken while its request is open, and free again after that")
    func duplicates() {  // S-214
        var ledger = RequestLedger()
        #expect(ledger.open(one, as: key(10), atMost: 9) == .opened)
        #expect(ledger.open(one, as: key(11), atMost: 9) == .duplicate)
        #expect(ledger.find(one) == key(10))
        ledger.close(key(10))
        #expect(ledger.find(one) == nil)
        #expect(ledger.open(one, as: key(12), atMost: 9) == .opened)
    }

    @Test("1 and \"1\" are two requests")
    func typeExact() {  // S-013, S-214
        var ledger = RequestLedger()
        #expect(ledger.open(one, as: key(10), atMost: 9) == .opened)
        #expect(ledger.open(textOne, as: key(11), atMost: 9) == .opened)
        ledger.close(key(10))
        #expect(ledger.find(one) == nil)
        #expect(ledger.find(textOne) == key(11))
        #expect(ledger.requestKeys == [key(11)])
    }

    @Test("There are as many requests as there may be; a duplicate is called a duplicate even then")
    func requestLimit() {
        var ledger = RequestLedger()
        #expect(ledger.open(one, as: key(1), atMost: 1) == .opened)
        #expect(ledger.open(textOne, as: key(2), atMost: 1) == .full)
        #expect(ledger.open(one, as: key(3), atMost: 1) == .duplicate)
        #expect(ledger.openRequests == 1)
        ledger.close(key(2))
        #expect(ledger.openRequests == 1)
    }

    @Test("A call is answered once, by its own number")
    func answers() {  // S-243
        var ledger = RequestLedger()
        #expect(ledger.open(call(7), atMost: 9) == true)
        #expect(ledger.answered(.integer(8)) == nil)
        #expect(ledger.answered(.integer(-7)) == nil)
        #expect(ledger.answered(.integer(0)) == nil)
        #expect(ledger.answered(.string(Array("7".utf8))) == nil)
        #expect(ledger.answered(.integer(7)) == call(7))
        #expect(ledger.answered(.integer(7)) == nil)
    }

    @Test("A call that was given up cannot be answered")
    func closedCall() {
        var ledger = RequestLedger()
        #expect(ledger.open(call(1), atMost: 2) == true)
        #expect(ledger.open(call(2), atMost: 2) == true)
        #expect(ledger.open(call(3), atMost: 2) == false)
        #expect(ledger.close(call(1)) == true)
        #expect(ledger.close(call(1)) == false)
        #expect(ledger.answered(.integer(1)) == nil)
        #expect(ledger.openCalls == [call(2)])
    }
}
