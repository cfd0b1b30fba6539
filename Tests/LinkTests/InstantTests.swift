import Link
import Testing

@Suite("Instant")
struct InstantTests {
    @Test("Instants are ordered, and move by milliseconds")
    func order() {
        let start = Instant(milliseconds: 5)
        #expect(start < start.advanced(byMilliseconds: 1))
        #expect(start.advanced(byMilliseconds: 3) == Instant(milliseconds: 8))
    }
}
