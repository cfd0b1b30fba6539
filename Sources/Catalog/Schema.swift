import Wire

/// A JSON Schema, as far as it is checked. It points into the text that it was read from.
final class Schema {
    /// The types that a value may have, one bit for each; 0 for any.
    private(set) var types: UInt8 = 0
    private(set) var choices: [JSONValue] = []
    private(set) var minimum = -Double.infinity
    private(set) var maximum = Double.infinity
    private(set) var isMinimumExcluded = false
    private(set) var isMaximumExcluded = false
    /// The number of a string's characters, and of an array's items.
    private(set) var characters = 0...Int.max
    private(set) var items = 0...Int.max
    private(set) var item: Schema?
    private(set) var properties: [Property] = []
    /// What other properties have to be; nil for anything.
    private(set) var other: Schema?
    /// Whether there may be no other properties.
    private(set) var isClosed = false
    private(set) var fallback: JSONValue?

    final class Property {
        let name: JSONName
        let schema: Schema
        fileprivate(set) var isRequired = false

        init(name: JSONName, schema: Schema) {
            self.name = name
            self.schema = schema
        }
    }

    /// Which types a schema can name, in the order of their bits.
    static var typeNames: [StaticString] {
        ["string", "integer", "number", "boolean", "object", "array", "null"]
    }

    /// How deep schemas may nest; what is deeper is not checked.
    private static var depthMax: Int { 32 }

    init(_ text: JSONValue, depth: Int = 0) {
        guard depth < Schema.depthMax else { return }
        var required: JSONValue?
        text.eachMember { name, value in
            if name.isNamed("type") {
                if value.isArray {
                    for element in value.elements { types |= Schema.type(named: element) }
                } else {
                    types = Schema.type(named: value)
                }
            } else if name.isNamed("properties") {
                value.eachMember { name, value in
                    properties.append(Property(name: name, schema: Schema(value, depth: depth + 1)))
                }
            } else if name.isNamed("required") {
                required = value
            } else if name.isNamed("enum") {
                choices = value.elements
            } else if name.isNamed("const") {
                choices = [value]
            } else if name.isNamed("items") {
                if value.isObject { item = Schema(value, depth: depth + 1) }
            } else if name.isNamed("additionalProperties") {
                isClosed = value.text.equals(("false" as StaticString).rawBytes)
                if value.isObject { other = Schema(value, depth: depth + 1) }
            } else if name.isNamed("default") {
                fallback = value
            } else {
                readBound(name, value)
            }
        }
        for name in required?.elements ?? [] { require(name) }
    }

    private func readBound(_ name: JSONName, _ value: JSONValue) {
        guard let number = JSONTree.number(value.text) else { return }
        let count = number > 0 ? Int(min(number, 0x1p53)) : 0
        if name.isNamed("minimum") {
            minimum = number
        } else if name.isNamed("maximum") {
            maximum = number
        } else if name.isNamed("exclusiveMinimum") {
            (minimum, isMinimumExcluded) = (number, true)
        } else if name.isNamed("exclusiveMaximum") {
            (maximum, isMaximumExcluded) = (number, true)
        } else if name.isNamed("minLength") {
            characters = count...max(count, characters.upperBound)
        } else if name.isNamed("maxLength") {
            characters = min(count, characters.lowerBound)...count
        } else if name.isNamed("minItems") {
            items = count...max(count, items.upperBound)
        } else if name.isNamed("maxItems") {
            items = min(count, items.lowerBound)...count
        }
    }

    private func require(_ name: JSONValue) {
        guard let name = name.name else { return }
        if let index = index(of: name, after: 0) {
            properties[index].isRequired = true
        } else {
            let property = Property(name: name, schema: Schema())
            property.isRequired = true
            properties.append(property)
        }
    }

    /// The schema of anything.
    private init() {}

    private static func type(named name: JSONValue) -> UInt8 {
        var bit: UInt8 = 1
        for type in typeNames {
            if name.means(type.rawBytes) { return bit }
            bit <<= 1
        }
        return 0
    }

    /// The index of a property; the search begins where it is likely to be.
    func index(of name: JSONName, after likely: Int) -> Int? {
        guard let decoded = name.decoded else { return index(of: name.text, after: likely) }
        // A peer's name may be long: it is decoded once.
        return withExtendedLifetime(decoded) { index(of: decoded.bytes, after: likely) }
    }

    private func index(of name: UnsafeRawBufferPointer, after likely: Int) -> Int? {
        for offset in 0..<properties.count {
            var index = likely + offset
            if index >= properties.count { index -= properties.count }
            if properties[index].name.means(name) { return index }
        }
        return nil
    }
}

extension JSONName {
    /// Whether both have the same decoded text.
    func isSame(as other: JSONName) -> Bool {
        guard let decoded = other.decoded else { return means(other.text) }
        return withExtendedLifetime(decoded) { means(decoded.bytes) }
    }
}

extension JSONValue {
    /// The bit of its type; an integer is also a number.
    var type: UInt8 {
        switch text.first ?? 0 {
        case UInt8(ascii: "\""): 1
        case UInt8(ascii: "t"), UInt8(ascii: "f"): 8
        case UInt8(ascii: "{"): 16
        case UInt8(ascii: "["): 32
        case UInt8(ascii: "n"): 64
        default: isInteger || JSONNumber(self)?.isInteger == true ? 6 : 4
        }
    }

    /// A string's text in UTF-8, for the host; nil for anything else.
    var plainText: ByteBuffer? {
        name.map {
            let text = ByteBuffer()
            text.append(decoding: $0)
            return text
        }
    }

    /// Whether both are the same string, number, or constant; others are compared as text.
    func isSame(as other: JSONValue) -> Bool {
        if text.equals(other.text) { return true }
        if let name, let otherName = other.name { return name.isSame(as: otherName) }
        guard let number = JSONNumber(self), let otherNumber = JSONNumber(other) else {
            return false
        }
        return number == otherNumber
    }
}
