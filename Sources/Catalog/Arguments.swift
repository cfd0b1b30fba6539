import Wire

/// One argument of a call, decoded. Its text is in the `texts` of `Arguments`, and has a NUL at its
/// end.
package struct Argument {
    package fileprivate(set) var isGiven = false
    package fileprivate(set) var isTrue = false
    /// Where its text begins; nil if it is no string.
    package fileprivate(set) var text: Int?
    package fileprivate(set) var textCount = 0
    package fileprivate(set) var integer: Int64 = 0
    package fileprivate(set) var number = 0.0
    package fileprivate(set) var json = UnsafeRawBufferPointer(start: nil, count: 0)
}

/// The arguments of a call, in the order of the parameters.
package struct Arguments {
    package private(set) var values: [Argument] = []
    package let texts = ByteBuffer()

    /// Prepares for as many values; they keep their memory from call to call.
    mutating func begin(_ count: Int) {
        texts.removeAll()
        values.removeAll(keepingCapacity: true)
        for _ in 0..<count { values.append(Argument()) }
    }

    /// Checks the arguments of a call, and decodes them if nothing is wrong.
    mutating func read(_ arguments: JSONValue, _ schema: Schema, _ complaint: inout Complaint) {
        begin(schema.properties.count)
        complaint.checkMembers(arguments, schema) { values[$0].json = $1.text }
        guard complaint.isEmpty else { return }
        var index = 0
        while index < values.count {
            let given = values[index].json
            if given.count > 0 {
                values[index].isGiven = true
                set(index, JSONValue(trusted: given))
            } else if let fallback = schema.properties[index].schema.fallback {
                set(index, fallback)
            }
            index += 1
        }
    }

    private mutating func set(_ index: Int, _ value: JSONValue) {
        values[index].json = value.text
        if let string = value.name {
            let start = texts.count
            texts.append(decoding: string)
            close(index, from: start)
        } else if value.type & 4 != 0 {
            let isNegative = value.text.first == UInt8(ascii: "-")
            let number = value.number ?? (isNegative ? -.infinity : .infinity)
            values[index].number = number
            values[index].integer =
                value.integer ?? (abs(number) < 0x1p63 ? Int64(number) : number < 0 ? .min : .max)
        } else {
            values[index].isTrue = value.text.equals(("true" as StaticString).rawBytes)
        }
    }

    private mutating func close(_ index: Int, from start: Int) {
        values[index].text = start
        values[index].textCount = texts.count - start
        texts.append(UInt8(0))
    }

    /// Decodes the variables of a template; false if the URI does not fit.
    mutating func read(_ uri: UnsafeRawBufferPointer, _ template: Template) -> Bool {
        begin(template.count)
        var index = 0
        return template.match(uri) { value in
            let start = texts.count
            texts.append(value)
            values[index].isGiven = true
            close(index, from: start)
            index += 1
        }
    }
}
