/// Text in UTF-8 (RFC 3629).
package enum UTF8Text {
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard var next = bytes.baseAddress else { return true }
        let end = next + bytes.count
        var hasSeparator = false
        while next < end {
            while end - next >= 16, isASCII(next) { next += 16 }
            guard next < end else { break }
            if next.load(as: UInt8.self) < 0x80 {
                next += 1
            } else if !skip(&next, end, &hasSeparator) {
                return false
            }
        }
        return true
    }

    /// Whether 16 bytes are ASCII.
    private static func isASCII(_ bytes: UnsafeRawPointer) -> Bool {
        let both =
            bytes.loadUnaligned(as: UInt64.self)
            | bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        return both & 0x8080_8080_8080_8080 == 0
    }

    /// Skips characters beyond ASCII, at least one; false if they are not well-formed. Sets
    /// `hasSeparator` at one that some readers take for a line end: U+0085, U+2028 or U+2029.
    static func skip(
        _ next: inout UnsafeRawPointer, _ end: UnsafeRawPointer, _ hasSeparator: inout Bool
    ) -> Bool {
        var place = next
        defer { next = place }
        repeat {
            let lead = place.load(as: UInt8.self)
            // The bounds exclude overlong forms, surrogates, and code points beyond U+10FFFF.
            let (length, least, most): (Int, UInt8, UInt8)
            switch lead {
            case 0xC2...0xDF: (length, least, most) = (2, 0x80, 0xBF)
            case 0xE0: (length, least, most) = (3, 0xA0, 0xBF)
            case 0xED: (length, least, most) = (3, 0x80, 0x9F)
            case 0xE1...0xEF: (length, least, most) = (3, 0x80, 0xBF)
            case 0xF0: (length, least, most) = (4, 0x90, 0xBF)
            case 0xF1...0xF3: (length, least, most) = (4, 0x80, 0xBF)
            case 0xF4: (length, least, most) = (4, 0x80, 0x8F)
            default: return false
            }
            guard end - place >= length else { return false }
            let second = place.load(fromByteOffset: 1, as: UInt8.self)
            guard second >= least, second <= most else { return false }
            for offset in 2..<max(length, 2)
            where place.load(fromByteOffset: offset, as: UInt8.self) & 0xC0 != 0x80 {
                return false
            }
            if lead == 0xC2, second == 0x85 { hasSeparator = true }
            if lead == 0xE2, second == 0x80,
                place.load(fromByteOffset: 2, as: UInt8.self) & 0xFE == 0xA8
            {
                hasSeparator = true
            }
            place += length
        } while place < end && place.load(as: UInt8.self) >= 0x80
        return true
    }
}
