import CJansson

/// jansson's value. Public for the C function that returns one.
public typealias JSONNode = json_t

/// A JSON text parsed by jansson, for C hosts that read messages with it. The only code that uses
/// jansson.
package final class JSONTree {
    /// No number has more bytes as JSON text.
    package static var numberBytesMax: Int { 32 }

    private let node: UnsafeMutablePointer<json_t>

    /// Nil if jansson cannot represent the text: NUL in a member's name, a lone surrogate, a number
    /// beyond a double.
    package init?(_ text: UnsafeRawBufferPointer) {
        guard let start = text.baseAddress else { return nil }
        let bytes = start.assumingMemoryBound(to: CChar.self)
        let flags = Int(JSON_DECODE_ANY | JSON_ALLOW_NUL)
        // An integer beyond 64 bits is legal in a payload that is only passed on.
        guard
            let tree = json_loadb(bytes, text.count, flags, nil)
                ?? json_loadb(bytes, text.count, flags | Int(JSON_DECODE_INT_AS_REAL), nil)
        else { return nil }
        node = tree
    }

    deinit {
        json_decref(node)
    }

    package var root: UnsafePointer<JSONNode> { UnsafePointer(node) }

    /// The value of a number; nil if it is beyond a double, or no number.
    package static func number(_ text: UnsafeRawBufferPointer) -> Double? {
        let flags = Int(JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL)
        let start = text.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard let node = json_loadb(start, text.count, flags, nil) else { return nil }
        defer { json_decref(node) }
        return node.pointee.type == JSON_REAL ? json_real_value(node) : nil
    }

    /// The shortest JSON text that reads back as the same number, which has a fraction; nil if it
    /// is not finite.
    fileprivate static func text(of value: Double) -> ByteBuffer? {
        guard let node = json_real(value) else { return nil }
        defer { json_decref(node) }
        for digits in 15..<17 {
            let text = serialized(node, digits: digits)
            let start = text.bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let back = json_loadb(start, text.count, Int(JSON_DECODE_ANY), nil)
            defer { json_decref(back) }
            if json_real_value(back) == value { return text }
        }
        return serialized(node, digits: 17)
    }

    private static func serialized(
        _ node: UnsafeMutablePointer<json_t>, digits: Int
    ) -> ByteBuffer {
        let output = ByteBuffer()
        let sink: json_dump_callback_t = { bytes, count, output in
            Unmanaged<ByteBuffer>.fromOpaque(output!).takeUnretainedValue()
                .append(UnsafeRawBufferPointer(start: bytes, count: count))
            return 0
        }
        let flags = Int(JSON_ENCODE_ANY) | digits << 11  // JSON_REAL_PRECISION, a macro.
        json_dump_callback(node, sink, Unmanaged.passUnretained(output).toOpaque(), flags)
        return output
    }
}

extension UnsafeMutableRawPointer {
    /// Stores a finite number as JSON text, an integer without a fraction (RFC 8259 §6).
    @inline(__always)
    package mutating func put(number value: Double) {
        if value >= 0, value < 0x1p53, value == Double(Int64(value)) {
            put(decimal: UInt64(bitPattern: Int64(value)))
        } else {
            put(rare: value)
        }
    }

    @inline(never)
    private mutating func put(rare value: Double) {
        if let integer = Int64(exactly: value) {
            if integer < 0 { put("-") }
            put(decimal: integer.magnitude)
        } else if let text = JSONTree.text(of: value) {
            withExtendedLifetime(text) { put(text.bytes) }
        }
    }
}
