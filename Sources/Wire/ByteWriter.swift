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

    /// Stores a number in decimal: at most 20 digits.
    @inline(__always)
    package mutating func put(decimal value: UInt64) {
        guard value < 100 else { return put(digits: value) }
        let number = UInt16(truncatingIfNeeded: value)
        let tens = (number &* 103) &>> 10
        let both = (tens | (number &- tens &* 10) &<< 8) &+ 0x3030
        // In memory the tens come first; if there are none, only the ones are stored.
        storeBytes(of: (tens == 0 ? both &>> 8 : both).littleEndian, as: UInt16.self)
        self += tens == 0 ? 1 : 2
    }

    @inline(never)
    private mutating func put(digits value: UInt64) {
        var length = 1
        var rest = value / 10
        while rest > 0 {
            length &+= 1
            rest /= 10
        }
        rest = value
        var place = length
        while place > 0 {
            place &-= 1
            let digit = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            storeBytes(of: digit, toByteOffset: place, as: UInt8.self)
            rest /= 10
        }
        self += length
    }
}
