import Seeds
import Session
import Testing
import Wire

private func read(_ text: String) -> SessionID? {
    var text = text
    return text.withUTF8 { SessionID(text: UnsafeRawBufferPointer($0)) }
}

private func write(_ id: SessionID) -> String {
    let output = ByteBuffer()
    id.append(to: output)
    return withExtendedLifetime(output) { String(decoding: output.bytes, as: UTF8.self) }
}

@Suite("SessionID")
struct SessionIDTests {
    @Test("An id survives the way over the wire, as 32 visible characters")
    func roundTrip() {  // S-201
        var random = SeededRandom(1)
        for _ in 0..<100 {
            let id = SessionID(high: random.next(), low: random.next())
            #expect(write(id).utf8.count == SessionID.textLength)
            #expect(write(id).utf8.allSatisfy { (0x21...0x7E).contains($0) })
            #expect(read(write(id)) == id)
        }
        #expect(write(SessionID(high: 1, low: 0xAB)) == "000000000000000100000000000000ab")
    }

    @Test(
        "What we cannot have given out is no id",
        arguments: [
            "", "0", "000000000000000100000000000000a", "000000000000000100000000000000abc",
            "000000000000000100000000000000AB", "000000000000000100000000000000ag",
            "-00000000000000100000000000000ab", " 00000000000000100000000000000ab",
            "0000000000000001 00000000000000a",
        ])
    func rejects(_ text: String) {  // S-205
        #expect(read(text) == nil)
    }

    @Test("Ids that differ in one half differ")
    func equality() {
        #expect(SessionID(high: 1, low: 2) != SessionID(high: 1, low: 3))
        #expect(SessionID(high: 1, low: 2) != SessionID(high: 3, low: 2))
        #expect(SessionID(high: 1, low: 2) != SessionID(high: 2, low: 1))
    }
}
