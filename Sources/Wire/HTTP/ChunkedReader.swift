/// Decodes the chunked transfer coding (RFC 9112 §7.1).
///
/// llhttp is not used: 8.1 refuses a second chunk extension, which recipients must ignore (§7.1.1),
/// and unless built in strict mode it accepts any two bytes as the line end after a chunk's data.
struct ChunkedReader {
    enum Step {
        /// The bytes used were framing. If there are more, read on.
        case framing
        /// The bytes used were data.
        case data
        case end
        case malformed
        /// Extensions and trailers exceed the limits.
        case tooLarge
    }

    private enum State {
        /// In a size, after this many digits.
        case size(digits: Int)
        /// In blanks after a size; only an extension may follow.
        case blanks
        case chunkExtension
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case lastLineFeed
        case ended
    }

    private var state = State.size(digits: 0)
    /// The unread bytes of the current chunk's data.
    private var left: UInt64 = 0
    /// How many bytes and lines of extensions and trailers may still follow.
    private var bytesLeft: Int
    private var linesLeft: Int

    /// `lineCount` lines came in the head.
    init(_ limits: Limits, after lineCount: Int) {
        bytesLeft = limits.headerBytes
        linesLeft = limits.headerCount - lineCount
    }

    /// Reads up to the next change between framing and data, or to the end.
    mutating func read(_ bytes: UnsafeRawBufferPointer) -> (step: Step, used: Int) {
        if case .data = state {
            let count = Int(min(left, UInt64(bytes.count)))
            left -= UInt64(count)
            if left == 0 { state = .dataCarriageReturn }
            return (.data, count)
        }
        for index in 0..<bytes.count {
            guard accept(bytes[index]) else { return (.malformed, index) }
            guard bytesLeft >= 0, linesLeft >= 0 else { return (.tooLarge, index) }
            switch state {
            case .data: return (.framing, index + 1)
            case .ended: return (.end, index + 1)
            default: break
            }
        }
        return (.framing, bytes.count)
    }

    /// Consumes a byte of framing; false if it is malformed.
    private mutating func accept(_ byte: UInt8) -> Bool {
        switch state {
        case .size(let digits): return acceptSize(byte, digits)
        case .blanks, .chunkExtension: return acceptExtension(byte)
        case .sizeLineFeed:
            state = left > 0 ? .data : .trailerStart
            return byte == 0x0A
        case .dataCarriageReturn:
            state = .dataLineFeed
            return byte == 0x0D
        case .dataLineFeed:
            state = .size(digits: 0)
            return byte == 0x0A
        case .lastLineFeed:
            state = .ended
            return byte == 0x0A
        case .trailerStart where byte == 0x0D:  // Ends the section; does not count as a line.
            return acceptTrailer(byte)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed:
            bytesLeft -= 1
            return acceptTrailer(byte)
        case .data, .ended:
            return false
        }
    }

    private mutating func acceptSize(_ byte: UInt8, _ digits: Int) -> Bool {
        if let digit = byte.hexadecimalDigit {
            // More digits than 64 bits have: beyond any limit.
            guard digits < 16 else { return false }
            left = left << 4 | UInt64(digit)
            state = .size(digits: digits + 1)
            return true
        }
        guard digits > 0 else { return false }
        return acceptExtension(byte)
    }

    /// Extensions are ignored, whatever they say (RFC 9112 §7.1.1).
    private mutating func acceptExtension(_ byte: UInt8) -> Bool {
        if case .chunkExtension = state {
            if byte == 0x0D {
                state = .sizeLineFeed
                return true
            }
            bytesLeft -= 1
            return byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t")
        }
        switch byte {
        case UInt8(ascii: ";"):
            state = .chunkExtension
        case UInt8(ascii: " "), UInt8(ascii: "\t"):
            bytesLeft -= 1
            state = .blanks
        case 0x0D:
            if case .blanks = state { return false }
            state = .sizeLineFeed
        default: return false
        }
        return true
    }

    /// Trailers are dropped, but must be header lines (RFC 9112 §7.1.2).
    private mutating func acceptTrailer(_ byte: UInt8) -> Bool {
        switch state {
        case .trailerStart where byte == 0x0D:
            state = .lastLineFeed
        case .trailerStart:
            linesLeft -= 1
            state = .trailerName
            return byte.isTokenByte
        case .trailerName where byte == UInt8(ascii: ":"):
            state = .trailerValue
        case .trailerName:
            return byte.isTokenByte
        case .trailerValue where byte == 0x0D:
            state = .trailerLineFeed
        case .trailerValue:
            return byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t")
        default:
            state = .trailerStart
            return byte == 0x0A
        }
        return true
    }
}
