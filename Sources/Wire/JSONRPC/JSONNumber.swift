/// A number of JSON text, exactly as large as it is written. Equal numbers are equal, however they
/// are written: `42`, `42.0` and `4.2e1`.
package struct JSONNumber: Equatable {
    private let isNegative: Bool
    /// From the first digit that is not zero to the last, perhaps with a point among them; empty
    /// for zero.
    private let digits: UnsafeRawBufferPointer
    /// The power of ten of the last digit.
    private let exponent: Int

    /// Nil if the value is no number, or one whose exponent has more than 15 digits.
    package init?(_ value: JSONValue) {
        let isNegative = value.text.first == UInt8(ascii: "-")
        let text = value.text.dropBytes(isNegative ? 1 : 0)
        guard text.first?.isDigit == true else { return nil }
        let end = text.firstIndex { $0 | 0x20 == UInt8(ascii: "e") } ?? text.count
        let written = text.prefixBytes(end)
        var digits = written
        while let first = digits.first, !JSONNumber.isSignificant(first) {
            digits = digits.dropBytes(1)
        }
        guard digits.count > 0 else {
            self.isNegative = false
            self.digits = digits
            exponent = 0
            return
        }
        guard var exponent = JSONNumber.exponent(text.dropBytes(end + 1)) else { return nil }
        if let point = written.firstIndex(ofByte: UInt8(ascii: ".")) {
            exponent -= written.count - point - 1
        }
        while let last = digits.last, !JSONNumber.isSignificant(last) {
            if last == UInt8(ascii: "0") { exponent += 1 }
            digits = digits.prefixBytes(digits.count - 1)
        }
        self.isNegative = isNegative
        self.digits = digits
        self.exponent = exponent
    }

    /// Whether nothing is left after the point.
    package var isInteger: Bool { exponent >= 0 }

    package static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        guard left.isNegative == right.isNegative, left.exponent == right.exponent else {
            return false
        }
        var rest = right.digits
        for digit in left.digits where digit.isDigit {
            if rest.first == UInt8(ascii: ".") { rest = rest.dropBytes(1) }
            guard rest.first == digit else { return false }
            rest = rest.dropBytes(1)
        }
        return rest.count == 0
    }

    /// Neither a zero nor the point.
    private static func isSignificant(_ byte: UInt8) -> Bool {
        byte.isDigit && byte != UInt8(ascii: "0")
    }

    /// The value of what stands after the `e`, if anything does.
    private static func exponent(_ text: UnsafeRawBufferPointer) -> Int? {
        let isNegative = text.first == UInt8(ascii: "-")
        var value = 0
        for byte in text where byte.isDigit {
            value = value * 10 + Int(byte & 0xF)
            guard value < 1_000_000_000_000_000 else { return nil }
        }
        return isNegative ? -value : value
    }
}
