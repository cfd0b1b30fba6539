import Link
import Testing
import Wire

private func written(_ id: EventID) -> String {
    let output = ByteBuffer()
    EventIDCodec.append(id, to: output)
    return withExtendedLifetime(output) { String(decoding: output.bytes, as: UTF8.self) }
}

private func read(_ text: String) -> EventID? {
    var text = text
    return text.withUTF8 { EventIDCodec.read(UnsafeRawBufferPointer($0)) }
}

private let token = "0000000000000001ffffffffffffffff"

@Suite("EventIDCodec")
struct EventIDCodecTests {
    @Test(
        "An id reads back from its text, which is visible ASCII and short",
        arguments: [
            (0, 0, 0), (1, 2, 1), (.max, .max, 10), (0, .max, 4_294_967_296),
            (1 << 63, 1, 999_999_999), (7, 1 << 63, UInt64(Int64.max)),
        ] as [(UInt64, UInt64, UInt64)])
    func roundTrip(_ high: UInt64, _ low: UInt64, _ sequence: UInt64) {  // S-232, M-020
        let id = EventID(stream: StreamToken(high: high, low: low), sequence: sequence)
        let text = written(id)
        #expect(read(text) == id)
        #expect(text.utf8.allSatisfy { (0x21...0x7E).contains($0) })
        #expect(text.utf8.count <= 128)
    }

    @Test("The text is 32 hexadecimal digits, a dot and a decimal number")
    func shape() {  // S-232
        let id = EventID(stream: StreamToken(high: 1, low: .max), sequence: 20)
        #expect(written(id) == token + ".20")
        #expect(read(token + ".9223372036854775807")?.sequence == UInt64(Int64.max))
    }

    @Test("Anything else is no id", arguments: malformed)
    func strangers(_ text: String) {  // S-235
        #expect(read(text) == nil)
    }

    private static let malformed: [String] = [
        "", ".", "1", ".1", "x.1", token, token + ".", token + "1", token + "..1",
        token + ".1.", token + ".1.1", token + ".-1", token + ".+1", token + ".0x1",
        token + ".1e3", token + ".1 ", token + ". 1", " " + token + ".1", token + " .1",
        token + ".１", token + ".a", token + ".1\u{0}",
        // Another text for a number that is written differently.
        token + ".00", token + ".01", token + ".0000000000000000001",
        // Numbers that are too large, for 63 bits and for 20 digits.
        token + ".9223372036854775808", token + ".18446744073709551615",
        token + ".18446744073709551616", token + ".99999999999999999999",
        token + ".184467440737095516150", token + ".100000000000000000000",
        // Streams that are too short, too long, or not hexadecimal in our way.
        token.dropLast() + ".1", token + "0.1", "0" + token + ".1",
        token.uppercased() + ".1", token.dropLast() + "g.1", token.dropLast() + "F.1",
        "-000000000000001ffffffffffffffff.1", "0x00000000000001ffffffffffffffff.1",
        // More than 128 bytes.
        token + "." + String(repeating: "1", count: 128), String(repeating: "a", count: 200),
        String(repeating: "0", count: 160) + ".1",
    ]

    @Test("Every single byte that changes makes another id, or none", arguments: 0..<34)
    func changes(_ place: Int) {
        let text = Array((token + ".7").utf8)
        for byte in UInt8.min...UInt8.max where byte != text[place] {
            var changed = text
            changed[place] = byte
            let id = changed.withUnsafeBytes { EventIDCodec.read($0) }
            #expect(id.map { Array(written($0).utf8) == changed } ?? true)
        }
    }
}
