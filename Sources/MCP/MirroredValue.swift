import Wire

/// The value of a header field that repeats one of the body, so that intermediaries need not read
/// the body (S-103, S-107, S-108).
package enum MirroredValue {
    /// As it stands in the header.
    case text(UnsafeRawBufferPointer)
    /// What its Base64 form stands for.
    case decoded(ByteBuffer)
    /// Neither text that a header may hold, nor the Base64 form of text in UTF-8.
    case invalid

    @inline(__always) private static var prefix: StaticString { "=?base64?" }
    @inline(__always) private static var suffix: StaticString { "?=" }

    /// Reads the value of a field, which has to stay while this is used.
    @_optimize(speed)
    package init(_ value: UnsafeRawBufferPointer) {
        let value = value.trimmed
        guard value.hasPrefix(MirroredValue.prefix), value.hasSuffix(MirroredValue.suffix) else {
            self = value.allSatisfy(MirroredValue.isLegal) ? .text(value) : .invalid
            return
        }
        let code = value.dropBytes(MirroredValue.prefix.utf8CodeUnitCount)
        // In `=?base64?=` the markers share a byte. Readers would disagree, so nobody may send it.
        guard code.count >= MirroredValue.suffix.utf8CodeUnitCount,
            let decoded = Base64.decode(
                code.prefixBytes(code.count - MirroredValue.suffix.utf8CodeUnitCount)),
            withExtendedLifetime(decoded, { UTF8Text.isValid(decoded.bytes) })
        else {
            self = .invalid
            return
        }
        self = .decoded(decoded)
    }

    /// Visible ASCII, a blank, or a tab, which cannot be at either end.
    private static func isLegal(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F || byte == UInt8(ascii: "\t")
    }

    /// Whether it can be a mirror: it is one of something.
    package var isValid: Bool {
        guard case .invalid = self else { return true }
        return false
    }

    /// Whether `value` is a string, and this is exactly its text.
    package func equals(_ value: JSONValue) -> Bool {
        withText { value.means($0) }
    }

    /// Whether this mirrors an argument: a string exactly, an integer by its number, a boolean by
    /// its name. Nothing mirrors any other value.
    package func mirrors(_ value: JSONValue) -> Bool {
        if value.isString { return equals(value) }
        return withText { text in
            if text.equals(value.text) { return MirroredValue.canMirror(value) }
            guard let number = JSONNumber(value), number.isInteger,
                let mirror = JSONValue(text, depthMax: 0), mirror.text.count == text.count
            else { return false }
            return JSONNumber(mirror) == number
        }
    }

    /// Whether a header field can mirror `value`: a string, an integer or a boolean.
    package static func canMirror(_ value: JSONValue) -> Bool {
        value.isString || value.text.equals("true") || value.text.equals("false")
            || JSONNumber(value)?.isInteger == true
    }

    private func withText(_ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        switch self {
        case .text(let text): body(text)
        case .decoded(let text): withExtendedLifetime(text) { body(text.bytes) }
        case .invalid: false
        }
    }
}
