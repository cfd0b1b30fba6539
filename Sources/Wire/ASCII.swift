import CLibc

/// Comparing and splitting protocol text, which is handled as bytes.
extension UnsafeRawBufferPointer {
    /// Whether the bytes are exactly `text`.
    @inline(__always)
    package func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        guard let start = baseAddress, count > 0 else { return count == 0 }
        let other = UnsafeRawPointer(text.utf8Start)
        // Most names are short: two words at most, which may overlap.
        if count >= 8, count <= 16 {
            return start.isSame(as: other, UInt64.self, at: 0)
                && start.isSame(as: other, UInt64.self, at: count - 8)
        }
        if count >= 4, count < 8 {
            return start.isSame(as: other, UInt32.self, at: 0)
                && start.isSame(as: other, UInt32.self, at: count - 4)
        }
        return memcmp(start, other, count) == 0
    }

    /// Whether both hold the same bytes.
    package func equals(_ other: UnsafeRawBufferPointer) -> Bool {
        count == other.count && (count == 0 || memcmp(baseAddress!, other.baseAddress!, count) == 0)
    }

    /// Whether the bytes are `lowercase`, in any case. `lowercase` must be lower case.
    package func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index].asciiLowercased != lowercase.utf8Start[index] {
            return false
        }
        return true
    }

    package func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index].asciiLowercased != other[index].asciiLowercased {
            return false
        }
        return true
    }

    /// Whether both hold the same bytes. The time depends on the lengths alone.
    package func equalsInConstantTime(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<count { difference |= self[index] ^ other[index] }
        return difference == 0
    }

    package func hasPrefix(_ text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && prefixBytes(text.utf8CodeUnitCount).equals(text)
    }

    package func hasSuffix(_ text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && dropBytes(count - text.utf8CodeUnitCount).equals(text)
    }

    /// Where `text` begins for the first time.
    package func index(of text: StaticString) -> Int? {
        indices.first { dropBytes($0).hasPrefix(text) }
    }

    package func prefixBytes(_ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[0..<Swift.min(length, count)])
    }

    package func dropBytes(_ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[Swift.min(length, count)...])
    }

    /// The bytes without spaces and tabs at either end (RFC 9110 §5.6.3, OWS).
    @inline(__always)
    package var trimmed: UnsafeRawBufferPointer {
        guard let first, let last, first.isBlank || last.isBlank else { return self }
        return withoutBlanks
    }

    private var withoutBlanks: UnsafeRawBufferPointer {
        var start = 0
        var end = count
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }

    /// The value of two hexadecimal digits of either case; nil for anything else.
    package var hexadecimalByte: UInt8? {
        guard count == 2, let high = self[0].hexadecimalDigit, let low = self[1].hexadecimalDigit
        else { return nil }
        return high << 4 | low
    }

    /// The value of at most 16 lower-case hexadecimal digits; nil for anything else.
    package var hexadecimal: UInt64? {
        guard count > 0, count <= 16 else { return nil }
        if count == 16 { return sixteenDigits }
        var value: UInt64 = 0
        for byte in self {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte & 0xF)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - 87)
            default: return nil
            }
        }
        return value
    }

    /// The value of exactly 16 digits, computed in one vector.
    private var sixteenDigits: UInt64? {
        let text = baseAddress!.loadUnaligned(as: SIMD16<UInt8>.self)
        let digits = text &- SIMD16<UInt8>(repeating: UInt8(ascii: "0"))
        let letters = text &- SIMD16<UInt8>(repeating: UInt8(ascii: "a"))
        let areDigits = digits .<= SIMD16<UInt8>(repeating: 9)
        let areLetters = letters .<= SIMD16<UInt8>(repeating: 5)
        let digitMask = unsafeBitCast(areDigits, to: SIMD2<UInt64>.self)
        let letterMask = unsafeBitCast(areLetters, to: SIMD2<UInt64>.self)
        let either = digitMask | letterMask
        guard either[0] & either[1] == .max else { return nil }
        // In each half the most significant digit is in the lowest byte.
        let halves =
            unsafeBitCast(digits, to: SIMD2<UInt64>.self) & digitMask
            | unsafeBitCast(letters &+ SIMD16<UInt8>(repeating: 10), to: SIMD2<UInt64>.self)
            & letterMask
        func joined(_ nibbles: UInt64) -> UInt64 {
            var value = nibbles.bigEndian
            value = (value | value >> 4) & 0x00FF_00FF_00FF_00FF
            value = (value | value >> 8) & 0x0000_FFFF_0000_FFFF
            return (value | value >> 16) & 0xFFFF_FFFF
        }
        return joined(halves[0]) << 32 | joined(halves[1])
    }

    /// The index of the first `byte`.
    package func firstIndex(ofByte byte: UInt8) -> Int? {
        guard let start = baseAddress, count > 0,
            let found = memchr(start, Int32(byte), count)
        else { return nil }
        return UnsafeRawPointer(found) - start
    }

    /// The bytes before the first `separator`, and those after it; all of them if there is none.
    package func cut(at separator: UInt8) -> (
        head: UnsafeRawBufferPointer, tail: UnsafeRawBufferPointer?
    ) {
        guard let index = firstIndex(ofByte: separator) else { return (self, nil) }
        return (prefixBytes(index), dropBytes(index + 1))
    }

    /// Calls `body` with each part of a list, without the blanks around it.
    package func forEachPart(separatedBy separator: UInt8, _ body: (UnsafeRawBufferPointer) -> Void)
    {
        var rest: UnsafeRawBufferPointer? = self
        while let remaining = rest {
            let (part, tail) = remaining.cut(at: separator)
            body(part.trimmed)
            rest = tail
        }
    }
}

extension UnsafeRawPointer {
    @inline(__always)
    fileprivate func isSame<Word: FixedWidthInteger & BitwiseCopyable>(
        as other: UnsafeRawPointer, _ type: Word.Type, at offset: Int
    ) -> Bool {
        loadUnaligned(fromByteOffset: offset, as: type)
            == other.loadUnaligned(fromByteOffset: offset, as: type)
    }
}

extension UInt8 {
    package var asciiLowercased: UInt8 {
        self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self
    }

    package var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    package var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    /// The value of a hexadecimal digit of either case; nil for any other byte.
    package var hexadecimalDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self & 0xF
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
            self & 0xF + 9
        default: nil
        }
    }

    /// Whether a token may hold the byte (RFC 9110 §5.6.2): a method, or the name of a field.
    package var isTokenByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"),
            UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "^"), UInt8(ascii: "`"),
            UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// Its bytes, with ASCII letters in lower case.
    @inline(__always)
    package var lettersLowercased: Self {
        let ones = Self.max / 0xFF
        let sevenBits = self & (0x7F * ones)
        // The high bit of each byte tells whether it is at least A, and whether it is beyond Z.
        let isAtLeastA = sevenBits + (0x80 - Self(UInt8(ascii: "A"))) * ones
        let isBeyondZ = sevenBits + (0x7F - Self(UInt8(ascii: "Z"))) * ones
        let isCapital = (isAtLeastA ^ isBeyondZ) & ~self & (0x80 * ones)
        return self | isCapital >> 2
    }
}

extension StaticString {
    /// The text as bytes.
    package var rawBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
