/// Finds the end of a section of header lines, and checks its lines against RFC 9112.
///
/// llhttp 8.1 also accepts a bare LF as a line end (RFC 9112 §2.2), a line that starts with a blank
/// as a continuation (§5.2), and a line without a name. A proxy may parse any of them differently,
/// which is how requests are smuggled; all parsers agree about what passes here.
struct LineScanner {
    enum Finding {
        case needsMore
        /// The empty line that ends the section has been read.
        case end
        case malformed
    }

    private enum State {
        case lineStart
        case line
        /// A CR was read; `isEmpty` if it begins its line.
        case carriageReturn(isEmpty: Bool)
    }

    private var state = State.lineStart
    /// The number of complete lines.
    private(set) var lineCount = 0
    /// The length of the first line, and its last eight bytes.
    private(set) var firstLineCount = 0
    private var firstLineEnd: UInt64 = 0

    /// Whether the first line may hold tabs: a reason phrase may, a request line may not.
    private let startLineHasTabs: Bool

    init(startLineHasTabs: Bool = false) {
        self.startLineHasTabs = startLineHasTabs
    }

    /// Whether the first line ends like a request line (RFC 9112 §3): with `HTTP/` and one digit on
    /// each side of a dot. llhttp checks the digits.
    var isRequestLine: Bool {
        firstLineEnd & 0xFFFF_FFFF_FF00_FF00 == 0x4854_5450_2F00_2E00  // HTTP/d.d
            && UInt8(truncatingIfNeeded: firstLineEnd >> 16).isDigit
            && UInt8(truncatingIfNeeded: firstLineEnd).isDigit
    }

    /// Scans up to the end of the section. Returns how many bytes belong to it or, if it is
    /// malformed, how many precede the first that is wrong.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> (finding: Finding, count: Int) {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            switch state {
            case .lineStart:
                switch byte {
                case 0x0D: state = .carriageReturn(isEmpty: true)
                case 0x0A, UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: ":"):
                    return (.malformed, index)
                default:
                    state = .line
                    continue
                }
            case .line:
                let count = bytes.dropBytes(index).countBeforeControl
                if lineCount == 0 { note(bytes.dropBytes(index).prefixBytes(count)) }
                index += count
                guard index < bytes.count else { return (.needsMore, index) }
                switch bytes[index] {
                case 0x0D: state = .carriageReturn(isEmpty: false)
                case UInt8(ascii: "\t") where lineCount > 0 || startLineHasTabs: break
                default: return (.malformed, index)
                }
            case .carriageReturn(let isEmpty):
                guard byte == 0x0A else { return (.malformed, index) }
                state = .lineStart
                lineCount += 1
                if isEmpty { return (.end, index + 1) }
            }
            index += 1
        }
        return (.needsMore, index)
    }

    private mutating func note(_ bytes: UnsafeRawBufferPointer) {
        firstLineCount += bytes.count
        for byte in bytes.dropBytes(max(0, bytes.count - 8)) {
            firstLineEnd = firstLineEnd << 8 | UInt64(byte)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// How many bytes precede the first control character; all of them if there is none.
    fileprivate var countBeforeControl: Int {
        guard let start = baseAddress else { return 0 }
        var index = 0
        let firstPrintable = SIMD16<UInt8>(repeating: 0x20)
        while count - index >= 16 {
            let block = start.loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
            let controls = unsafeBitCast(block .< firstPrintable, to: SIMD2<UInt64>.self)
            if controls[0] != 0 { return index + controls[0].trailingZeroBitCount >> 3 }
            if controls[1] != 0 { return index + 8 + controls[1].trailingZeroBitCount >> 3 }
            index += 16
        }
        while index < count, self[index] >= 0x20 { index += 1 }
        return index
    }
}
