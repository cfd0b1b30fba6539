import Wire

/// What is wrong with a value, in one sentence for each fault.
struct Complaint {
    let text = ByteBuffer()
    /// Where the value is that is being checked, as in `point.x[2]`.
    private let path = ByteBuffer()
    private var count = 0

    /// No more sentences than this.
    private static var sentencesMax: Int { 16 }
    /// No more bytes of a name or a path than this.
    private static var nameBytesMax: Int { 128 }

    /// No more comparisons of names in one object than this.
    private static var comparisonsMax: Int { 1 << 20 }

    /// No more items of an array whose items are checked.
    private static var itemsMax: Int { 1 << 16 }

    var isEmpty: Bool { count == 0 }
    private var isFull: Bool { count >= Complaint.sentencesMax }

    /// Forgets everything.
    mutating func begin() {
        text.removeAll()
        path.removeAll()
        count = 0
    }

    /// Checks a value at the end of the path.
    mutating func check(_ value: JSONValue, _ schema: Schema) {
        let type = value.type
        guard schema.types == 0 || schema.types & type != 0 else {
            return tell(" must be ", type: schema.types)
        }
        if !schema.choices.isEmpty, !schema.choices.contains(where: { value.isSame(as: $0) }) {
            return tell(oneOf: schema.choices)
        }
        switch type {
        case 1: checkLength(value, schema)
        case 2, 4, 6: checkBounds(value, schema)
        case 16: checkMembers(value, schema)
        case 32: checkItems(value, schema)
        default: break
        }
    }

    private mutating func checkLength(_ value: JSONValue, _ schema: Schema) {
        guard schema.characters != 0...Int.max, let string = value.string else { return }
        // A character begins with each byte that continues none.
        let count = withExtendedLifetime(string) {
            string.bytes.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        }
        check(count, schema.characters, " character")
    }

    private mutating func check(_ count: Int, _ range: ClosedRange<Int>, _ unit: StaticString) {
        if count < range.lowerBound {
            tell(" must have at least ", Double(range.lowerBound), unit)
        } else if count > range.upperBound {
            tell(" must have at most ", Double(range.upperBound), unit)
        } else {
            return
        }
        text.put((count < range.lowerBound ? range.lowerBound : range.upperBound) == 1 ? "." : "s.")
    }

    private mutating func checkBounds(_ value: JSONValue, _ schema: Schema) {
        if schema.types & 6 == 2, value.whole == nil {
            return tell(" must be an integer of 64 bits.")
        }
        let isBounded = schema.minimum > -.infinity || schema.maximum < .infinity
        guard isBounded || schema.types & 4 != 0 && value.mayBeTooLarge else { return }
        guard let number = value.number else { return tell(" is too large a number.") }
        if number < schema.minimum || number == schema.minimum && schema.isMinimumExcluded {
            let words: StaticString =
                schema.isMinimumExcluded ? " must be greater than " : " must be at least "
            tell(words, schema.minimum, ".")
        } else if number > schema.maximum || number == schema.maximum && schema.isMaximumExcluded {
            let words: StaticString =
                schema.isMaximumExcluded ? " must be less than " : " must be at most "
            tell(words, schema.maximum, ".")
        }
    }

    private mutating func checkItems(_ value: JSONValue, _ schema: Schema) {
        guard schema.items != 0...Int.max || schema.item != nil else { return }
        let elements = value.elements(atMost: Complaint.itemsMax + 1)
        guard elements.count <= Complaint.itemsMax else { return tell(" has too many items.") }
        check(elements.count, schema.items, " item")
        guard let item = schema.item else { return }
        let length = path.count
        for index in 0..<elements.count where !isFull {
            path.put("[")
            path.append(decimal: Int64(index))
            path.put("]")
            check(elements[index], item)
            path.truncate(to: length)
        }
    }

    /// Checks an object and, at the outermost level, notes its members.
    mutating func checkMembers(
        _ value: JSONValue, _ schema: Schema, found: (Int, JSONValue) -> Void = { _, _ in }
    ) {
        guard !schema.properties.isEmpty || schema.isClosed || schema.other != nil else { return }
        var likely = 0
        var room = Complaint.comparisonsMax
        // One bit for each of the first 64, as most schemas have fewer.
        var seen: UInt64 = 0
        var late: [Int] = []
        value.eachMember { name, value in
            guard !isFull, room > 0 else { return }
            room -= schema.properties.count
            if let index = schema.index(of: name, after: likely) {
                likely = index + 1
                if index < 64 { seen |= 1 << UInt64(index) } else { late.append(index) }
                found(index, value)
                step(into: name, value, schema.properties[index].schema)
            } else if let other = schema.other {
                step(into: name, value, other)
            } else if schema.isClosed {
                step(into: name, nil, schema)
            }
        }
        if room <= 0 { tell(" has too many members.") }
        for index in 0..<schema.properties.count
        where schema.properties[index].isRequired && !isFull {
            let isSeen = index < 64 ? seen & 1 << UInt64(index) != 0 : late.contains(index)
            if !isSeen { step(into: schema.properties[index].name, nil, nil) }
        }
    }

    /// Checks a member; without a value it must not be there or, without a schema, is missing.
    private mutating func step(into name: JSONName, _ value: JSONValue?, _ schema: Schema?) {
        let length = path.count
        if length > 0 { path.append(UInt8(ascii: ".")) }
        let start = path.count
        if let decoded = name.decoded {
            path.append(excerpt: decoded.bytes, atMost: Complaint.nameBytesMax)
        } else {
            path.append(excerpt: name.text, atMost: Complaint.nameBytesMax)
        }
        // A name may be empty.
        if path.count == start { path.put("\"\"") }
        if let value, let schema {
            check(value, schema)
        } else {
            tell(schema == nil ? " is missing." : " is not a known property.")
        }
        path.truncate(to: length)
    }

    // MARK: Sentences

    private mutating func beginSentence() -> Bool {
        guard !isFull else { return false }
        count += 1
        if count > 1 { text.put(" ") }
        if path.isEmpty {
            text.put("The value")
        } else {
            text.append(excerpt: path.bytes, atMost: 2 * Complaint.nameBytesMax)
        }
        return true
    }

    private mutating func tell(_ words: StaticString) {
        if beginSentence() { text.put(words) }
    }

    /// All the arguments together are wrong.
    mutating func tellNoObject() {
        path.put("arguments")
        tell(" must be an object.")
        path.removeAll()
    }

    private mutating func tell(_ words: StaticString, _ number: Double, _ end: StaticString) {
        guard beginSentence() else { return }
        text.put(words)
        text.append(upTo: JSONTree.numberBytesMax) { $0.put(number: number) }
        text.put(end)
    }

    private mutating func tell(_ words: StaticString, type types: UInt8) {
        guard beginSentence() else { return }
        text.put(words)
        var rest = types
        for (index, name) in Schema.typeNames.enumerated() where rest & 1 << UInt8(index) != 0 {
            if rest != types { text.put(rest & (rest - 1) == 0 ? " or " : ", ") }
            rest &= ~(1 << UInt8(index))
            text.put(index == 1 || index >= 4 && index < 6 ? "an " : index == 6 ? "" : "a ")
            text.put(name)
        }
        text.put(".")
    }

    private mutating func tell(oneOf choices: [JSONValue]) {
        guard beginSentence() else { return }
        text.put(choices.count == 1 ? " must be " : " must be one of ")
        for (index, choice) in choices.prefix(Complaint.sentencesMax).enumerated() {
            if index > 0 { text.put(", ") }
            text.append(excerpt: choice.text, atMost: Complaint.nameBytesMax)
        }
        text.put(choices.count > Complaint.sentencesMax ? " and others." : ".")
    }
}

extension JSONValue {
    /// The value of an integer of 64 bits, however it is written; nil for anything else.
    var whole: Int64? { integer ?? number.flatMap { Int64(exactly: $0) } }

    /// Whether a number has to be read to know whether it is beyond a double.
    fileprivate var mayBeTooLarge: Bool {
        text.count > 300 || text.contains { $0 | 0x20 == UInt8(ascii: "e") }
    }

    /// The value of a number; nil if it is none, or beyond a double.
    var number: Double? {
        integer.map { Double($0) } ?? JSONTree.number(text)
    }
}

extension ByteBuffer {
    /// Appends the beginning of a text, of which no character is cut.
    func append(excerpt text: UnsafeRawBufferPointer, atMost limit: Int) {
        guard text.count > limit else { return append(text) }
        var count = limit
        while count > 0, text[count] & 0xC0 == 0x80 { count -= 1 }
        append(text.prefixBytes(count))
        append("...")
    }
}
