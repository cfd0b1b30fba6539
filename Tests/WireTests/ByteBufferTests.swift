import Testing
import Wire

@Suite("ByteBuffer")
struct ByteBufferTests {
    @Test("It holds what was appended, in order, whatever it outgrew on the way")
    func growth() {
        let buffer = ByteBuffer()
        var expected: [UInt8] = []
        for length in 0..<200 {
            let part = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* length) }
            buffer.append(part)
            buffer.append(UInt8(ascii: "|"))
            expected += part + [UInt8(ascii: "|")]
        }
        #expect(Array(buffer.bytes) == expected)
        #expect(buffer.count == expected.count)
    }

    @Test(
        "Numbers are written in decimal",
        arguments: [0, 9, 10, -1, 4_096, Int64.max, Int64.min])
    func decimal(_ value: Int64) {
        #expect(ByteBuffer.text { $0.append(decimal: value) } == String(value))
    }

    @Test(
        "Numbers without a sign are written in decimal",
        arguments: [
            0, 7, 9, 10, 99, 100, 99_999_999, 100_000_000, 100_000_007, 1_000_000_000_000_000,
            1 << 63, UInt64.max,
        ])
    func unsignedDecimal(_ value: UInt64) {
        #expect(ByteBuffer.text { $0.append(decimal: value) } == String(value))
    }

    @Test("A line's name is lowered, letters only, and its value is not", arguments: 0..<20)
    func lowercasing(_ length: Int) {
        for byte in UInt8.min...(.max) {
            for place in 0..<length {
                var bytes = [UInt8](repeating: UInt8(ascii: "Z"), count: length)
                bytes[place] = byte
                let buffer = ByteBuffer()
                bytes.withUnsafeBytes { buffer.appendLine(lowercasing: $0, $0) }
                let name = bytes.map { $0.asciiLowercased }
                let line = length == 0 ? [] : name + [0x3A, 0x20] + bytes + [0x0D, 0x0A]
                #expect(Array(buffer.bytes) == line)
            }
        }
    }

    @Test("A byte is written as two hexadecimal digits", arguments: UInt8.min...UInt8.max)
    func hexadecimal(_ value: UInt8) {
        let digits = (value < 16 ? "0" : "") + String(value, radix: 16)
        #expect(ByteBuffer.text { $0.append(hex2: value) } == digits)
    }

    @Test(
        "A part that is taken out leaves what stands around it",
        arguments: [(0..<0, "abcd"), (0..<1, "bcd"), (1..<3, "ad"), (2..<4, "ab"), (0..<4, "")])
    func removal(_ range: Range<Int>, _ rest: String) {
        let buffer = "abcd".buffer
        buffer.remove(range)
        #expect(buffer.text == rest)
    }

    @Test("Eight digits are written over what stands there, and never past the end")
    func overwriting() {
        let buffer = "ab00000000cd".buffer
        buffer.overwrite(at: 2, hex8: 0x1F)
        #expect(buffer.text == "ab0000001fcd")
        buffer.overwrite(at: 5, hex8: 0)
        #expect(buffer.text == "ab0000001fcd")
    }

    @Test("Bytes leave at the end")
    func shortening() {
        let buffer = "cdef".buffer
        buffer.truncate(to: 3)
        #expect(buffer.text == "cde")
        buffer.truncate(to: 9)
        #expect(buffer.text == "cde")
        buffer.removeAll()
        #expect(buffer.isEmpty)
        #expect(buffer.capacity > 0)
    }

    @Test("An empty buffer owns nothing, and reserved room is used without a move")
    func room() {
        let buffer = ByteBuffer()
        #expect(buffer.capacity == 0)
        buffer.append("")
        #expect(buffer.capacity == 0)
        buffer.reserve(1000)
        buffer.append("a")
        let start = buffer.bytes.baseAddress
        buffer.append([UInt8](repeating: 0, count: 999))
        #expect(buffer.bytes.baseAddress == start)
    }

    @Test("A part of it, and another buffer's content")
    func parts() {
        let buffer = "abcdef".buffer
        #expect(buffer[1..<3].text == "bc")
        buffer.append("xy".buffer)
        #expect(buffer.text == "abcdefxy")
    }
}
