import Link
import Seeds
import Testing

private final class Element {
    let number: Int

    init(_ number: Int) {
        self.number = number
    }
}

@Suite("SlotTable")
struct SlotTableTests {
    private typealias Table = SlotTable<ConnectionID, Element>

    @Test("A stale key finds nothing, though its slot is taken again")
    func staleKey() throws {
        var table = Table()
        var stale: [ConnectionID] = []
        for number in 0..<100 {
            var key = ConnectionID(rawValue: 0)
            let element = try #require(
                table.insert {
                    key = $0
                    return Element(number)
                })
            #expect(table[key] === element)
            #expect(key.index == 0)
            #expect(stale.allSatisfy { table[$0] == nil })
            #expect(table.remove(key) === element)
            #expect(table.remove(key) == nil)
            stale.append(key)
        }
        #expect(Set(stale).count == 100)
        #expect(table.count == 0)
    }

    @Test(
        "Keys that nobody was given find nothing",
        arguments: [0, 1, 2, 1 << 20, 3 << 20, 1 << 20 | 5, .max] as [UInt64])
    func strangeKey(_ raw: UInt64) {
        var table = Table()
        #expect(table[ConnectionID(rawValue: raw)] == nil)
        for number in 0..<2 { _ = table.insert { _ in Element(number) } }
        let first = ConnectionID(rawValue: raw)
        if raw != 1 << 20 { #expect(table[first] == nil) }
        #expect(table[index: 7] == nil)
    }

    @Test("A free slot has no element, and is not freed again")
    func freeSlot() {
        var table = Table()
        var first = ConnectionID(rawValue: 0)
        for number in 0..<2 {
            _ = table.insert {
                if number == 0 { first = $0 }
                return Element(number)
            }
        }
        table.remove(first)
        #expect(table.remove(ConnectionID(rawValue: 0)) == nil)
        #expect(table.count == 1)
        for number in 2..<4 { _ = table.insert { _ in Element(number) } }
        #expect(table.elements.map { $0.number }.sorted() == [1, 2, 3])
    }

    @Test("It behaves like a dictionary whose keys are never used twice", arguments: 0..<20)
    func model(_ seed: Int) throws {
        var random = SeededRandom(UInt64(seed))
        var table = Table()
        var model: [ConnectionID: Int] = [:]
        var given: [ConnectionID] = []
        for number in 0..<600 {
            let grows = (number / 150).isMultiple(of: 2)
            if Int.random(in: 0..<10, using: &random) < (grows ? 7 : 2) {
                let inserted = table.insert { key in
                    given.append(key)
                    return Element(number)
                }
                #expect(inserted?.number == number)
                model[given[given.count - 1]] = number
            } else if let key = given.randomElement(using: &random) {
                #expect(table.remove(key)?.number == model.removeValue(forKey: key))
            }
            #expect(table.count == model.count)
            if let key = given.randomElement(using: &random) {
                #expect(table[key]?.number == model[key])
            }
        }
        #expect(Set(given).count == given.count)
        for key in given {
            #expect(table[key]?.number == model[key])
            if let number = model[key] {
                #expect(table[index: key.index]?.number == number)
            }
        }
        #expect(table.elements.map(\.number).sorted() == model.values.sorted())
    }

    @Test("It holds as many as its keys can tell apart, and no more")
    func capacity() {
        var table = Table()
        let element = Element(0)
        for _ in 0..<Table.capacity { _ = table.insert { _ in element } }
        #expect(table.count == Table.capacity)
        #expect(table.insert { _ in element } == nil)
    }
}
