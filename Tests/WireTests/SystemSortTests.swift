import Testing
import Wire

@Suite("SystemSort")
struct SystemSortTests {
    @Test("Numbers, the smallest first")
    func numbers() {
        var numbers: [UInt64] = [3, .max, 0, 3, 1 << 63, 2]
        SystemSort.sort(&numbers)
        #expect(numbers == [0, 2, 3, 3, 1 << 63, .max])
        var none: [UInt64] = []
        SystemSort.sort(&none)
        #expect(none.isEmpty)
    }

    @Test("Rows by their weights, the largest first, and then in their own order")
    func rows() {
        let weights = [(1, 5), (2, 1), (1, 5), (2, 3), (0, 9), (1, 6)]
        var rows = weights.enumerated().map {
            SystemSort.Row(first: $1.0, second: $1.1, index: $0)
        }
        SystemSort.sortHeaviestFirst(&rows)
        #expect(rows.map(\.index) == [3, 1, 5, 0, 2, 4])
    }
}
