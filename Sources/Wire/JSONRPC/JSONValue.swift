/// One JSON value as text, known to be valid. It points into the bytes that it was read from.
package struct JSONValue {
    /// The value's text, without blanks around it.
    package let text: UnsafeRawBufferPointer

    /// `text` is known to be valid, and to have no blanks around it.
    init(valid text: UnsafeRawBufferPointer) {
        self.text = text
    }

    /// The text of another value.
    package init(trusted text: UnsafeRawBufferPointer) {
        self.text = text
    }

    /// Reads one JSON value, which `bytes` must be all of; nil if they are not, or nest arrays and
    /// objects deeper than `depthMax`.
    package init?(_ bytes: UnsafeRawBufferPointer, depthMax: Int) {
        var hasLineEnd = false
        self.init(bytes, depthMax: depthMax, hasLineEnd: &hasLineEnd)
    }

    /// The same, and sets `hasLineEnd` if some reader would find a line end within the value.
    package init?(_ bytes: UnsafeRawBufferPointer, depthMax: Int, hasLineEnd: inout Bool) {
        guard var scanner = JSONScanner(bytes) else { return nil }
        let start = scanner.next
        scanner.hasLineEnd = false
        guard scanner.value(JSONScanner.depth(depthMax)) else { return nil }
        hasLineEnd = scanner.hasLineEnd
        text = UnsafeRawBufferPointer(start: start, count: scanner.next - start)
        guard scanner.isAtEnd() else { return nil }
    }

    /// Whether `bytes` are refused because they nest arrays and objects deeper than `depthMax`.
    package static func nestsTooDeep(_ bytes: UnsafeRawBufferPointer, depthMax: Int) -> Bool {
        guard var scanner = JSONScanner(bytes) else { return false }
        return !scanner.value(JSONScanner.depth(depthMax)) && scanner.isTooDeep
    }

    package var isObject: Bool { text.first == UInt8(ascii: "{") }
    package var isArray: Bool { text.first == UInt8(ascii: "[") }
    package var isString: Bool { text.first == UInt8(ascii: "\"") }

    /// Whether this is an integer, however large.
    package var isInteger: Bool {
        let digits = text.first == UInt8(ascii: "-") ? text.dropBytes(1) : text
        return digits.count > 0 && digits.allSatisfy { $0.isDigit }
    }

    /// The member of an object, the last of that name; nil if there is none, or this is no object.
    package subscript(name: StaticString) -> JSONValue? { self[name.rawBytes] }

    package subscript(name: UnsafeRawBufferPointer) -> JSONValue? {
        guard isObject, var scanner = JSONScanner(text, trusting: true) else { return nil }
        var found: JSONValue?
        let isObject = scanner.object(JSONScanner.depth(.max)) { key, value in
            if key.means(name) { found = JSONValue(valid: value) }
        }
        return isObject ? found : nil
    }

    /// Calls `body` with each member of an object, in order; with none if this is no object. The
    /// value `known`, found earlier, is not scanned again.
    @inline(__always)
    package func forEachMember(
        knowing known: JSONValue? = nil, _ body: (JSONName, JSONValue) -> Void
    ) {
        guard isObject, var scanner = JSONScanner(text, trusting: true) else { return }
        _ = scanner.object(JSONScanner.depth(.max), knowing: known?.text) {
            body($0, JSONValue(valid: $1))
        }
    }

    /// The same where speed matters less than size: not inlined.
    @inline(never)
    package func eachMember(_ body: (JSONName, JSONValue) -> Void) {
        forEachMember(body)
    }

    @inline(never)
    package static func eachMember(
        of object: UnsafeRawBufferPointer, _ body: (JSONName, JSONValue) -> Void
    ) {
        JSONValue(valid: object).forEachMember(body)
    }

    /// The same for a text that is known to be a valid object.
    package static func forEachMember(
        of object: UnsafeRawBufferPointer, _ body: (JSONName, JSONValue) -> Void
    ) {
        JSONValue(valid: object).forEachMember(body)
    }

    /// Whether this is an object without members.
    package var isEmptyObject: Bool {
        var isEmpty = isObject
        forEachMember { _, _ in isEmpty = false }
        return isEmpty
    }

    /// The elements of an array; none for anything else.
    package var elements: [JSONValue] { elements(atMost: .max) }

    /// The first elements of an array that a peer has sent, which may have very many.
    package func elements(atMost limit: Int) -> [JSONValue] {
        guard isArray, var scanner = JSONScanner(text, trusting: true) else { return [] }
        var elements: [JSONValue] = []
        _ = scanner.array(JSONScanner.depth(.max)) { element in
            if elements.count < limit { elements.append(JSONValue(valid: element)) }
        }
        return elements
    }

    @inline(__always)
    package var isNull: Bool { text.equals("null") }

    /// Whether this is a string whose decoded text is `text`.
    package func means(_ text: UnsafeRawBufferPointer) -> Bool {
        guard isString else { return false }
        return JSONName(UnsafeRawBufferPointer(rebasing: self.text[1..<self.text.count - 1]))
            .means(text)
    }

    /// A string as it is between its quotes; nil for anything else.
    package var name: JSONName? {
        isString
            ? JSONName(UnsafeRawBufferPointer(rebasing: text[1..<text.count - 1])) : nil
    }

    /// A string's decoded text; nil for anything else. A lone surrogate becomes three bytes that
    /// are not UTF-8; `append(jsonString:)` encodes them as the same surrogate again.
    package var string: ByteBuffer? {
        guard isString else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: text[1..<text.count - 1])
        return JSONName(content).decoded ?? ByteBuffer(copying: content)
    }

    /// The value of an integer of 64 bits; nil for anything else.
    package var integer: Int64? {
        let digits = text.first == UInt8(ascii: "-") ? text.dropBytes(1) : text
        guard digits.count > 0 else { return nil }
        let sign: Int64 = digits.count < text.count ? -1 : 1
        var value: Int64 = 0
        for byte in digits {
            guard byte.isDigit else { return nil }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = product.addingReportingOverflow(sign * Int64(byte & 0xF))
            guard !isTooLarge, !overflows else { return nil }
            value = sum
        }
        return value
    }

    /// The value at a JSON pointer (RFC 6901); nil if there is none. In a text that is not JSON the
    /// result is undefined, but safe.
    package static func find(
        _ pointer: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer
    ) -> JSONValue? {
        guard pointer.count > 0 else { return JSONValue(text, depthMax: .max) }
        guard let start = JSONScanner(text)?.next else { return nil }
        var place = JSONValue(
            valid: UnsafeRawBufferPointer(
                start: start, count: text.count - (start - text.baseAddress!)))
        let hasEscape = pointer.firstIndex(ofByte: UInt8(ascii: "~")) != nil
        var rest = pointer
        while rest.count > 0 {
            guard rest[0] == UInt8(ascii: "/") else { return nil }
            rest = rest.dropBytes(1)
            let token = rest.prefixBytes(rest.firstIndex(ofByte: UInt8(ascii: "/")) ?? rest.count)
            rest = rest.dropBytes(token.count)
            guard let child = hasEscape ? place.find(escaped: token) : place.find(token) else {
                return nil
            }
            place = child
        }
        return place
    }

    private func find(escaped token: UnsafeRawBufferPointer) -> JSONValue? {
        let unescaped = JSONValue.unescaped(token)
        return withExtendedLifetime(unescaped) { find(unescaped.bytes) }
    }

    /// A pointer's token, decoded.
    private static func unescaped(_ token: UnsafeRawBufferPointer) -> ByteBuffer {
        let output = ByteBuffer()
        var rest = token
        while let byte = rest.first {
            let isEscape = rest.hasPrefix("~0") || rest.hasPrefix("~1")
            let plain = rest.hasPrefix("~1") ? UInt8(ascii: "/") : UInt8(ascii: "~")
            output.append(isEscape ? plain : byte)
            rest = rest.dropBytes(isEscape ? 2 : 1)
        }
        return output
    }

    private func find(_ token: UnsafeRawBufferPointer) -> JSONValue? {
        isArray ? element(token) : self[token]
    }

    private func element(_ index: UnsafeRawBufferPointer) -> JSONValue? {
        guard index.first?.isDigit == true, let number = JSONValue(index, depthMax: 0)?.integer,
            var scanner = JSONScanner(text, trusting: true)
        else { return nil }
        var left = number
        var found: JSONValue?
        let isArray = scanner.array(JSONScanner.depth(.max)) { element in
            if left == 0 { found = JSONValue(valid: element) }
            left -= 1
        }
        return isArray ? found : nil
    }
}

/// A string's text between its quotes, not decoded.
package struct JSONName {
    package let text: UnsafeRawBufferPointer
    /// Whether it contains escape sequences.
    let hasEscape: Bool

    init(_ text: UnsafeRawBufferPointer, hasEscape: Bool) {
        self.text = text
        self.hasEscape = hasEscape
    }

    init(_ text: UnsafeRawBufferPointer) {
        self.init(text, hasEscape: text.firstIndex(ofByte: UInt8(ascii: "\\")) != nil)
    }

    /// The decoded text; nil if there is nothing to decode. Lone surrogates become three bytes.
    package var decoded: ByteBuffer? {
        guard hasEscape else { return nil }
        let output = ByteBuffer()
        var rest = text
        while rest.count > 0 {
            guard rest[0] == UInt8(ascii: "\\"), var scanner = JSONScanner(rest),
                let code = scanner.escape()
            else {
                output.append(rest[0])
                rest = rest.dropBytes(1)
                continue
            }
            output.append(codePoint: code)
            rest = rest.dropBytes(scanner.next - rest.baseAddress!)
        }
        return output
    }

    /// Whether the decoded text is `name`.
    @inline(__always)
    package func means(_ name: StaticString) -> Bool { means(name.rawBytes) }

    /// The same where speed matters less than size: not inlined.
    @inline(never)
    package func isNamed(_ name: StaticString) -> Bool { means(name.rawBytes) }

    @inline(__always)
    package func means(_ name: UnsafeRawBufferPointer) -> Bool {
        hasEscape ? isDecoded(to: name) : text.count == name.count && text.equals(name)
    }

    private func isDecoded(to name: UnsafeRawBufferPointer) -> Bool {
        guard let decoded else { return false }
        return withExtendedLifetime(decoded) { decoded.bytes.equals(name) }
    }
}

extension ByteBuffer {
    /// Appends a string's text in UTF-8, with U+FFFD for lone surrogates.
    package func append(decoding name: JSONName) {
        guard let decoded = name.decoded else { return append(name.text) }
        decoded.replaceSurrogates()
        append(decoded)
    }

    /// Appends a code point in UTF-8, or a surrogate in the same scheme.
    fileprivate func append(codePoint code: UInt32) {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | code >> shift & 0x3F) }
        switch code {
        case ..<0x80:
            append(UInt8(code))
        case ..<0x800:
            append(UInt8(0xC0 | code >> 6))
            append(tail(0))
        case ..<0x1_0000:
            append(UInt8(0xE0 | code >> 12))
            append(tail(6))
            append(tail(0))
        default:
            append(UInt8(truncatingIfNeeded: 0xF0 | code >> 18))
            append(tail(12))
            append(tail(6))
            append(tail(0))
        }
    }

    /// Replaces surrogates with U+FFFD, which makes the text UTF-8.
    func replaceSurrogates() {
        for index in 0..<max(count - 2, 0) where bytes[index] == 0xED && bytes[index + 1] >= 0xA0 {
            let replacement: StaticString = "\u{FFFD}"
            replace(index..<index + 3, with: replacement.rawBytes)
        }
    }
}
