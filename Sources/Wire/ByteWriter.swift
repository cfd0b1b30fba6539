import CLibc

/// Text that is stored at a pointer, which moves on behind it: for `ByteBuffer.append(upTo:)`,
/// where there is room for all of it, so that nothing is checked for each of many short parts.
extension UnsafeMutableRawPointer {
    @inline(__always)
    package mutating func put(_ text: StaticString) {
        memcpy(self, text.utf8Start, text.utf8CodeUnitCount)
        self += text.utf8CodeUnitCount
    }

    @inline(__always)
    package mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        memcpy(self, source, bytes.count)
        self += bytes.count
    }

    /// Stores a number as sixteen hexadecimal digits.
    @inline(__always)
    package mutating func put(hex16 value: UInt64) {
        write_hexadecimal(value.bigEndian, self)
        self += 16
    }

    /// Stores a number in decimal. There must be room for 20 bytes, the most digits that it can
    /// have; bytes behind the last digit may change.
    @inline(__always)
    package mutating func put(decimal value: UInt64) {
        guard value < 100 else { return put(long: value) }
        let number = UInt16(truncatingIfNeeded: value)
        let tens = (number &* 103) &>> 10
        let both = (tens | (number &- tens &* 10) &<< 8) &+ 0x3030
        // In memory the tens come first; if there are none, only the ones are stored.
        storeBytes(of: (tens == 0 ? both &>> 8 : both).littleEndian, as: UInt16.self)
        self += tens == 0 ? 1 : 2
    }

    @inline(never)
    private mutating func put(long value: UInt64) { put(digits: value) }

    /// The same where short numbers are not the most frequent ones.
    @inline(__always)
    mutating func put(digits value: UInt64) {
        guard value < 100_000_000 else { return put(huge: value) }
        put(digits: value, atLeast: 1)
    }

    @inline(never)
    private mutating func put(huge value: UInt64) {
        let (high, low) = value.quotientAndRemainder(dividingBy: 100_000_000)
        put(digits: high)
        put(digits: low, atLeast: 8)
    }

    /// Stores a number below 100,000,000, with zeros before it if it has fewer digits.
    @inline(__always)
    private mutating func put(digits value: UInt64, atLeast lengthMin: Int) {
        var rest = UInt32(truncatingIfNeeded: value)
        var word: UInt64 = 0  // The first digit in the lowest byte.
        var length = 0
        repeat {
            word = word << 8 | UInt64(rest % 10 + UInt32(UInt8(ascii: "0")))
            rest /= 10
            length += 1
        } while rest > 0 || length < lengthMin
        storeBytes(of: word.littleEndian, as: UInt64.self)
        self += length
    }
}
