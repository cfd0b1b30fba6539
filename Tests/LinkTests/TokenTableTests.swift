import Link
import Seeds
import Testing

@Suite("TokenTable")
struct TokenTableTests {
    private typealias Table = TokenTable<StreamToken, Int>

    @Test("It behaves like a dictionary, however its keys collide", arguments: 0..<30)
    func model(_ seed: Int) {
        var random = SeededRandom(UInt64(seed))
        var table = Table()
        var model: [StreamToken: Int] = [:]
        // Few different low bits: most keys want a place that is taken.
        let mask: UInt64 = [0x3, 0xFF, .max][seed % 3]
        for number in 0..<2_000 {
            let grows = (number / 400).isMultiple(of: 2)
            let known = model.keys.randomElement(using: &random)
            let key =
                Int.random(in: 0..<10, using: &random) < (grows ? 6 : 2)
                ? StreamToken(high: random.next(), low: random.next() & mask)
                : known ?? StreamToken(high: 0, low: 0)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4 where key != known, 0..<1:
                table.set(key, number)
                model[key] = number
            case 1..<4:
                table.update(key) { $0 += 1 }
                if let value = model[key] { model[key] = value + 1 }
            default:
                if grows, key != known {
                    table.set(key, number)
                    model[key] = number
                } else {
                    table.remove(key)
                    model[key] = nil
                }
            }
            #expect(table.count == model.count)
            #expect(table[key] == model[key])
        }
        for (key, value) in model { #expect(table[key] == value) }
        for key in model.keys {
            table.remove(key)
            #expect(table[key] == nil)
        }
        #expect(table.count == 0)
    }

    @Test("A stranger's key finds nothing, in an empty table or another")
    func strangers() {
        var table = Table()
        #expect(table[StreamToken(high: 1, low: 1)] == nil)
        table.remove(StreamToken(high: 1, low: 1))
        table.update(StreamToken(high: 1, low: 1)) { _ in Issue.record("there is nothing") }
        table.set(StreamToken(high: 1, low: 1), 7)
        #expect(table[StreamToken(high: 2, low: 1)] == nil)
        #expect(table[StreamToken(high: 1, low: 1)] == 7)
    }
}
