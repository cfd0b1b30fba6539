import CLibc

/// Comparisons and cuts of protocol text, which is bytes to us.
extension UnsafeRawBufferPointer {
    /// Whether the bytes are exactly `text`.
    package func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount
            && (count == 0 || memcmp(baseAddress!, text.utf8Start, count) == 0)
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

    /// Whether both hold the same bytes, in a time that tells no more than their lengths.
    package func equalsInConstantTime(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<count { difference |= self[index] ^ other[index] }
        return difference == 0
    }

    package func hasPrefix(_ text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && prefixBytes(text.utf8CodeUnitCount).equals(text)
    }

    package func prefixBytes(_ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[0..<Swift.min(length, count)])
    }

    package func dropBytes(_ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[Swift.min(length, count)...])
    }

    /// The bytes without spaces and tabs at either end (RFC 9110 §5.6.3, OWS).
    package var trimmed: UnsafeRawBufferPointer {
        var start = 0
        var end = count
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }

    /// The number that at most 16 lower-case hexadecimal digits make; nil if they are none.
    package var hexadecimal: UInt64? {
        guard count > 0, count <= 16 else { return nil }
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

    /// Where `byte` first stands.
    package func firstIndex(ofByte byte: UInt8) -> Int? {
        guard let start = baseAddress, count > 0,
            let found = memchr(start, Int32(byte), count)
        else { return nil }
        return UnsafeRawPointer(found) - start
    }

    /// The bytes before the first `separator`, and those behind it; all of them if there is none.
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

extension UInt8 {
    package var asciiLowercased: UInt8 {
        self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self
    }

    package var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    package var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
}

extension StaticString {
    /// The text as bytes.
    package var rawBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
