import CJansson

/// A JSON text and its parsed form. The only code that sees jansson.
///
/// The text stays as received; the tree is for looking things up, and for C hosts to look at.
package final class JSONDocument {
    /// The text, unchanged.
    package let text: ByteBuffer
    package let root: JSONValue

    package enum Fault: Error {
        /// Not JSON in UTF-8, or deeper than the limit.
        case malformed
    }

    /// Parses one JSON value, which `text` must be all of.
    package init(_ text: ByteBuffer, depthMax: Int) throws(Fault) {
        guard let tree = JSONDocument.parse(text.bytes, depthMax: depthMax) else {
            throw .malformed
        }
        self.text = text
        self.root = tree
    }

    deinit {
        json_decref(root.node)
    }

    /// Whether `bytes` are one JSON value, within the depth.
    package static func isValid(_ bytes: UnsafeRawBufferPointer, depthMax: Int) -> Bool {
        guard let value = parse(bytes, depthMax: depthMax) else { return false }
        json_decref(value.node)
        return true
    }

    /// Whether `bytes` are one JSON object, within the depth.
    package static func isObject(_ bytes: UnsafeRawBufferPointer, depthMax: Int) -> Bool {
        guard let value = parse(bytes, depthMax: depthMax) else { return false }
        defer { json_decref(value.node) }
        return value.isObject
    }

    /// Whether `bytes` are UTF-8 that a JSON string can hold.
    package static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        guard let string = json_stringn(start.assumingMemoryBound(to: CChar.self), bytes.count)
        else {
            return false
        }
        json_decref(string)
        return true
    }

    /// A number as JSON text, a whole one without a fraction; nil if it is none (RFC 8259 §6).
    package static func number(_ value: Double) -> ByteBuffer? {
        guard let node = Int64(exactly: value).map({ json_integer($0) }) ?? json_real(value) else {
            return nil
        }
        defer { json_decref(node) }
        return JSONValue(node).serialized()
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer, depthMax: Int
    ) -> JSONValue? {
        guard let start = bytes.baseAddress, !isDeeper(than: depthMax, bytes) else { return nil }
        let text = start.assumingMemoryBound(to: CChar.self)
        let flags = Int(JSON_DECODE_ANY | JSON_ALLOW_NUL)
        var error = json_error_t()
        if let tree = json_loadb(text, bytes.count, flags, &error) { return JSONValue(tree) }
        // An integer beyond 64 bits is legal in a payload that we only pass on.
        guard json_error_code(&error) == json_error_numeric_overflow else { return nil }
        let loose = json_loadb(text, bytes.count, flags | Int(JSON_DECODE_INT_AS_REAL), nil)
        return loose.map { JSONValue($0, readsIntegersAsReals: true) }
    }

    /// Whether arrays and objects nest deeper than `limit`, strings left aside.
    private static func isDeeper(than limit: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var openers = 0
        for byte in bytes where byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
            openers += 1
        }
        guard openers > limit else { return false }
        var depth = 0
        var isInString = false
        var isEscaped = false
        for byte in bytes {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > limit { return true }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
        return false
    }
}

/// A place in a document's tree, valid as long as the document.
package struct JSONValue {
    fileprivate let node: UnsafeMutablePointer<json_t>

    /// Whether the document was parsed without integers, since one is beyond 64 bits.
    private let readsIntegersAsReals: Bool

    fileprivate init(_ node: UnsafeMutablePointer<json_t>, readsIntegersAsReals: Bool = false) {
        self.node = node
        self.readsIntegersAsReals = readsIntegersAsReals
    }

    /// The node as an address, for hosts that link jansson themselves.
    package var opaque: UnsafeRawPointer { UnsafeRawPointer(node) }

    package var isObject: Bool { node.pointee.type == JSON_OBJECT }
    package var isArray: Bool { node.pointee.type == JSON_ARRAY }
    package var isNull: Bool { node.pointee.type == JSON_NULL }

    /// The member of an object; nil if there is none, or this is no object.
    package subscript(name: StaticString) -> JSONValue? {
        let key = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        return json_object_getn(node, key, name.utf8CodeUnitCount).map {
            JSONValue($0, readsIntegersAsReals: readsIntegersAsReals)
        }
    }

    /// The elements of an array; none for anything else.
    package var elements: [JSONValue] {
        (0..<json_array_size(node)).compactMap { index in
            json_array_get(node, index).map {
                JSONValue($0, readsIntegersAsReals: readsIntegersAsReals)
            }
        }
    }

    /// The bytes of a string; nil for anything else.
    package var string: UnsafeRawBufferPointer? {
        guard node.pointee.type == JSON_STRING, let start = json_string_value(node) else {
            return nil
        }
        return UnsafeRawBufferPointer(start: start, count: json_string_length(node))
    }

    /// The value of an integer; nil for anything else, and for one that is not known exactly.
    package var integer: Int64? {
        if node.pointee.type == JSON_INTEGER { return Int64(json_integer_value(node)) }
        guard readsIntegersAsReals, node.pointee.type == JSON_REAL else { return nil }
        let value = json_real_value(node)
        return value.magnitude <= 0x1p53 ? Int64(exactly: value) : nil
    }

    /// The value as compact JSON text.
    package func serialized() -> ByteBuffer {
        let output = ByteBuffer()
        let sink: json_dump_callback_t = { bytes, count, output in
            Unmanaged<ByteBuffer>.fromOpaque(output!).takeUnretainedValue()
                .append(UnsafeRawBufferPointer(start: bytes, count: count))
            return 0
        }
        let flags = Int(JSON_COMPACT | JSON_ENCODE_ANY)
        json_dump_callback(node, sink, Unmanaged.passUnretained(output).toOpaque(), flags)
        return output
    }
}
