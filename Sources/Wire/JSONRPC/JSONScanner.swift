import CLibc

/// Scans JSON text (RFC 8259) without building a tree: validates it, and finds where its parts
/// begin and end. Messages are only passed on, so nothing more is needed, and a tree of each would
/// cost more than everything else that is done for it.
///
/// It accepts the whole grammar, and so more than jansson, whose trees cannot hold NUL in members'
/// names, lone surrogates, or numbers beyond a double: a message with any of them still reaches
/// hosts that read bytes.
struct JSONScanner {
    private(set) var next: UnsafeRawPointer
    private let end: UnsafeRawPointer

    /// jansson's own limit. Both recurse into nested values.
    private static var depthMax: Int { 2048 }

    /// Whether strings are known to be valid, and are not checked again.
    private let isTrusting: Bool
    /// Whether the last name contains escape sequences.
    private var hasEscape = false
    /// Set at anything that some reader takes for a line end: CR or LF between the parts of a
    /// value, or one of Unicode's separators in a string.
    var hasLineEnd = false
    /// Whether a value was refused because it nests too deep.
    private(set) var isTooDeep = false

    /// Starts at the first byte that is not blank; nil if there is none.
    init?(_ bytes: UnsafeRawBufferPointer, trusting: Bool = false) {
        guard let start = bytes.baseAddress else { return nil }
        isTrusting = trusting
        next = start
        end = start + bytes.count
        skipBlanks()
        if next == end { return nil }
    }

    /// How many bytes at the beginning of a text stand in a JSON string as they are: printable
    /// ASCII, but quotes and backslashes.
    static func plainCount(_ text: UnsafeRawBufferPointer) -> Int {
        guard let start = text.baseAddress else { return 0 }
        var scanner = JSONScanner(from: start, to: start + text.count)
        scanner.skipPlain()
        return scanner.next - start
    }

    private init(from start: UnsafeRawPointer, to end: UnsafeRawPointer) {
        isTrusting = false
        next = start
        self.end = end
    }

    /// Whether only blanks are left.
    mutating func isAtEnd() -> Bool {
        skipBlanks()
        return next == end
    }

    /// How deep arrays and objects may nest, where the caller's limit is `limit`.
    static func depth(_ limit: Int) -> Int { min(limit, depthMax) }

    var isAtObject: Bool { isAt("{") }
    var isAtArray: Bool { isAt("[") }
    var isAtString: Bool { isAt("\"") }

    private func isAt(_ byte: Unicode.Scalar) -> Bool {
        next < end && current == UInt8(ascii: byte)
    }

    @inline(__always)
    private var current: UInt8 { next.load(as: UInt8.self) }

    // MARK: Values

    /// Skips one value, in which arrays and objects nest no deeper than `depth`; false if it is not
    /// valid.
    @inline(never)
    mutating func value(_ depth: Int) -> Bool {
        guard next < end else { return false }
        switch current {
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "{"): return object(depth) { _, _ in }
        case UInt8(ascii: "["): return array(depth) { _ in }
        case UInt8(ascii: "t"): return literal("true")
        case UInt8(ascii: "f"): return literal("false")
        case UInt8(ascii: "n"): return literal("null")
        default: return number()
        }
    }

    /// Skips an object, and calls `member` with each member's name and value. The value `known`,
    /// found earlier, is not scanned again.
    @inline(__always)
    mutating func object(
        _ depth: Int, knowing known: UnsafeRawBufferPointer? = nil,
        _ member: (JSONName, UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        members(of: depth) { name, scanner in
            let start = scanner.next
            if let known, start == known.baseAddress {
                scanner.next += known.count
            } else {
                guard scanner.value(depth - 1) else { return false }
            }
            member(name, UnsafeRawBufferPointer(start: start, count: scanner.next - start))
            return true
        }
    }

    /// Skips an object; `pass` skips the value of each member.
    @inline(__always)
    mutating func members(
        of depth: Int, _ pass: (JSONName, inout JSONScanner) -> Bool
    ) -> Bool {
        guard depth > 0 else {
            isTooDeep = true
            return false
        }
        next += 1
        skipBlanks()
        guard !isAt("}") else {
            next += 1
            return true
        }
        while isAtString {
            let start = next + 1
            guard string(isName: true) else { return false }
            let written = UnsafeRawBufferPointer(start: start, count: next - 1 - start)
            let name = JSONName(written, hasEscape: hasEscape)
            skipBlanks()
            guard isAt(":") else { return false }
            next += 1
            skipBlanks()
            guard pass(name, &self) else { return false }
            skipBlanks()
            guard next < end else { return false }
            let byte = current
            next += 1
            if byte == UInt8(ascii: "}") { return true }
            guard byte == UInt8(ascii: ",") else { return false }
            skipBlanks()
        }
        return false
    }

    /// Skips an array, and calls `element` with each element.
    @inline(__always)
    mutating func array(_ depth: Int, _ element: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard depth > 0 else {
            isTooDeep = true
            return false
        }
        next += 1
        skipBlanks()
        guard !isAt("]") else {
            next += 1
            return true
        }
        while true {
            let start = next
            guard value(depth - 1) else { return false }
            element(UnsafeRawBufferPointer(start: start, count: next - start))
            skipBlanks()
            guard next < end else { return false }
            let byte = current
            next += 1
            if byte == UInt8(ascii: "]") { return true }
            guard byte == UInt8(ascii: ",") else { return false }
            skipBlanks()
        }
    }

    private mutating func literal(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard end - next >= length, memcmp(next, text.utf8Start, length) == 0 else { return false }
        next += length
        return true
    }

    @inline(__always)
    private mutating func skipBlanks() {
        if next < end, current <= 0x20 { skipSomeBlanks() }
    }

    @inline(never)
    private mutating func skipSomeBlanks() {
        while next < end {
            switch current {
            case UInt8(ascii: " "), UInt8(ascii: "\t"): break
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"): hasLineEnd = true
            default: return
            }
            next += 1
        }
    }

    // MARK: Strings

    /// Skips a string, from quote to quote. Most are short and plain.
    @inline(__always)
    private mutating func string(isName: Bool = false) -> Bool {
        next += 1
        hasEscape = false
        if end - next >= 16, let place = JSONScanner.first(JSONScanner.specials(next)),
            next.load(fromByteOffset: place, as: UInt8.self) == UInt8(ascii: "\"")
        {
            next += place + 1
            return true
        }
        return isTrusting ? trustedString(isName: isName) : checkedString(isName: isName)
    }

    private mutating func checkedString(isName: Bool) -> Bool {
        while true {
            skipPlain()
            guard next < end else { return false }
            switch current {
            case UInt8(ascii: "\""):
                next += 1
                return true
            case UInt8(ascii: "\\"):
                hasEscape = true
                guard escape() != nil else { return false }
            case 0x80...:
                guard UTF8Text.skip(&next, end, &hasLineEnd) else { return false }
            default: return false
            }
        }
    }

    /// Skips a string that is known to be valid.
    private mutating func trustedString(isName: Bool) -> Bool {
        // It ends at the first quote with no escape before it.
        let start = next
        while let found = memchr(next, Int32(UInt8(ascii: "\"")), end - next) {
            let quote = UnsafeRawPointer(found)
            next = quote + 1
            var escape = quote - 1
            while escape >= start, escape.load(as: UInt8.self) == UInt8(ascii: "\\") { escape -= 1 }
            guard (quote - escape) & 1 == 1 else { continue }
            if isName {
                hasEscape = memchr(start, Int32(UInt8(ascii: "\\")), quote - start) != nil
            }
            return true
        }
        return false
    }

    private typealias Mask = SIMDMask<SIMD16<Int8>>

    /// Skips plain bytes: no quotes, escapes, controls or non-ASCII.
    @inline(__always)
    private mutating func skipPlain() {
        var isFirst = true
        while end - next >= 16 {
            if let place = JSONScanner.first(JSONScanner.specials(next)) {
                next += place
                return
            }
            next += 16
            // A string that is not short is usually long.
            while isFirst, end - next >= 128, JSONScanner.arePlain(next) { next += 128 }
            isFirst = false
        }
        while next < end, current >= 0x20, current < 0x80, current != UInt8(ascii: "\""),
            current != UInt8(ascii: "\\")
        {
            next += 1
        }
    }

    /// Whether 128 bytes are plain.
    @inline(__always)
    private static func arePlain(_ bytes: UnsafeRawPointer) -> Bool {
        // XOR 2 maps '"' (0x22) to 0x20, next to the controls: one unsigned comparison finds both.
        let turned = SIMD16<UInt8>(repeating: 2)
        let first: UInt8 = UInt8(ascii: "\"") ^ 2 + 1
        let backslash = SIMD16<UInt8>(repeating: UInt8(ascii: "\\") ^ 2)
        var most = SIMD16<UInt8>()
        var least = SIMD16<UInt8>(repeating: .max)
        for place in 0..<8 {
            let block =
                bytes.loadUnaligned(fromByteOffset: 16 * place, as: SIMD16<UInt8>.self) ^ turned
            let rank = block &- SIMD16(repeating: first)
            most.replace(with: rank, where: rank .> most)
            let difference = block ^ backslash
            least.replace(with: difference, where: difference .< least)
        }
        return JSONScanner.first(
            (most .>= SIMD16(repeating: 0x80 - first)) .| (least .== SIMD16())) == nil
    }

    /// The index of the first of sixteen bytes whose mask is set.
    @inline(__always)
    private static func first(_ mask: Mask) -> Int? {
        let halves = unsafeBitCast(mask, to: SIMD2<UInt64>.self)
        if halves[0] != 0 { return halves[0].trailingZeroBitCount >> 3 }
        if halves[1] != 0 { return 8 + halves[1].trailingZeroBitCount >> 3 }
        return nil
    }

    /// A mask of those of sixteen bytes that are not plain.
    @inline(__always)
    private static func specials(_ bytes: UnsafeRawPointer) -> Mask {
        let block = bytes.loadUnaligned(as: SIMD16<Int8>.self)
        // As signed, bytes beyond 0x7F are negative: one comparison finds them and the controls.
        let printable = SIMD16<Int8>(repeating: 0x20)
        let quote = SIMD16(repeating: Int8(bitPattern: UInt8(ascii: "\"")))
        let backslash = SIMD16(repeating: Int8(bitPattern: UInt8(ascii: "\\")))
        return (block .< printable) .| (block .== quote) .| (block .== backslash)
    }

    /// Skips an escape sequence and returns its code point; nil if it is malformed.
    mutating func escape() -> UInt32? {
        guard end - next >= 2 else { return nil }
        let letter = next.load(fromByteOffset: 1, as: UInt8.self)
        next += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt32(letter)
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): return codePoint()
        default: return nil
        }
    }

    /// Skips the digits after `\u`, and the low half of a surrogate pair if it follows.
    private mutating func codePoint() -> UInt32? {
        guard let first = fourDigits() else { return nil }
        guard (0xD800...0xDBFF).contains(first), end - next >= 6,
            current == UInt8(ascii: "\\"),
            next.load(fromByteOffset: 1, as: UInt8.self) == UInt8(ascii: "u")
        else { return first }
        let escape = next
        next += 2
        guard let second = fourDigits() else { return nil }
        guard (0xDC00...0xDFFF).contains(second) else {
            next = escape
            return first
        }
        return 0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00)
    }

    private mutating func fourDigits() -> UInt32? {
        guard end - next >= 4 else { return nil }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = current.hexadecimalDigit else { return nil }
            value = value << 4 | UInt32(digit)
            next += 1
        }
        return value
    }

    // MARK: Numbers

    private mutating func number() -> Bool {
        if current == UInt8(ascii: "-") { next += 1 }
        if isAt("0") {
            next += 1
        } else {
            guard digits() else { return false }
        }
        if isAt(".") {
            next += 1
            guard digits() else { return false }
        }
        if isAt("e") || isAt("E") {
            next += 1
            if isAt("+") || isAt("-") { next += 1 }
            guard digits() else { return false }
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = next
        while next < end, current.isDigit { next += 1 }
        return next > start
    }
}
