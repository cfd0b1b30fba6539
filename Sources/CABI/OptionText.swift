import CStreamableHTTP
import Wire

/// An option that can be set from text: a row of `optionTable`.
struct OptionText {
    private let form: UInt8
    private let offset: Int
    /// "name=number name=number".
    private let choices: UnsafeRawBufferPointer

    init?(named name: UnsafeRawBufferPointer) {
        var found: UnsafeRawBufferPointer?
        optionTable.rawBytes.forEachPart(separatedBy: UInt8(ascii: "\n")) { row in
            if row.cut(at: UInt8(ascii: " ")).head.equals(name) { found = row }
        }
        guard let row = found?.dropBytes(name.count + 1), let form = row.first else { return nil }
        let (offset, choices) = row.dropBytes(2).cut(at: UInt8(ascii: " "))
        self.form = form
        self.offset = Int(OptionText.number(offset, radix: 10) ?? 0)
        self.choices = choices ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Sets the field; false if the value is invalid, or the caller's struct has no such field.
    func set(
        _ value: UnsafePointer<CChar>, in options: UnsafeMutablePointer<shttp_server_options>
    ) -> Bool {
        let field = UnsafeMutableRawPointer(options) + offset
        let size = options.pointee.struct_size
        guard size >= 0, size <= 1 << 16 else { return false }
        let room = size - offset
        guard let bytes = text(value) else { return false }
        switch form {
        case UInt8(ascii: "s"):
            guard room >= MemoryLayout<UnsafePointer<CChar>>.size else { return false }
            field.storeBytes(of: value, as: UnsafePointer<CChar>.self)
        case UInt8(ascii: "b"):
            guard room >= MemoryLayout<shttp_bytes>.size else { return false }
            field.storeBytes(of: shttp_bytes(bytes), as: shttp_bytes.self)
        default:
            guard room >= MemoryLayout<UInt32>.size, let number = number(bytes) else {
                return false
            }
            field.storeBytes(of: number, as: UInt32.self)
        }
        return true
    }

    private func number(_ value: UnsafeRawBufferPointer) -> UInt32? {
        switch form {
        case UInt8(ascii: "f"):
            if value.equals("true") { return 1 }
            return value.equals("false") ? 0 : OptionText.number(value, radix: 10)
        case UInt8(ascii: "t"):
            return value.equals("never") ? .max : OptionText.number(value, radix: 10)
        case UInt8(ascii: "o"): return OptionText.number(value, radix: 8)
        case UInt8(ascii: "c"):
            var chosen: UInt32?
            choices.forEachPart(separatedBy: UInt8(ascii: " ")) { choice in
                let (name, number) = choice.cut(at: UInt8(ascii: "="))
                if name.equals(value), let number {
                    chosen = OptionText.number(number, radix: 10)
                }
            }
            return chosen
        default: return OptionText.number(value, radix: 10)
        }
    }

    private static func number(_ digits: UnsafeRawBufferPointer, radix: UInt32) -> UInt32? {
        guard digits.count > 0 else { return nil }
        var number: UInt32 = 0
        for byte in digits {
            guard byte.isDigit else { return nil }
            let digit = UInt32(byte - UInt8(ascii: "0"))
            let (product, isTooLong) = number.multipliedReportingOverflow(by: radix)
            let (sum, isTooLarge) = product.addingReportingOverflow(digit)
            guard digit < radix, !isTooLong, !isTooLarge else { return nil }
            number = sum
        }
        return number
    }
}
