import Wire

/// Why the `x-mcp-header` annotations of a tool's schema are not followed, none of them (C-097).
package enum ToolSchemaFault: Error {
    case name
    case duplicate
    case type
    case place
    case tooMany
    case tooDeep

    /// The reason, for people.
    package var text: StaticString {
        switch self {
        case .name: "an x-mcp-header is not a token"
        case .duplicate: "two properties have the same x-mcp-header"
        case .type: "a property with x-mcp-header is not of type string, integer or boolean"
        case .place: "an x-mcp-header is not on a property that only properties lead to"
        case .tooMany: "more than 64 properties have x-mcp-header"
        case .tooDeep: "the schema nests too deep"
        }
    }
}

/// Collects the annotated properties of a schema.
struct ToolSchemaReader {
    /// The names of fields and properties, one after the other.
    let text = ByteBuffer()
    private(set) var parameters: [ToolHeaders.Parameter] = []
    private(set) var steps: [ToolHeaders.TextRange] = []
    /// What is wrong, if anything is: what was collected then is of no use.
    private(set) var fault: ToolSchemaFault?

    /// How many schemas may be one in another.
    private static var depthMax: Int { 64 }

    /// The properties that lead to the schema that is being read.
    private var path: [JSONName] = []
    /// Whether nothing else leads to it.
    private var isReachable = true
    private var depth = 0

    /// Reads a schema and all that are in it; anything but an object is none.
    mutating func read(_ schema: JSONValue) {
        guard depth < ToolSchemaReader.depthMax else { return fail(.tooDeep) }
        depth += 1
        schema.forEachMember { name, value in
            guard fault == nil else { return }
            switch Keyword(name) {
            case .annotation: note(value, in: schema)
            case .properties: readProperties(value)
            case .schemas: readElsewhere { reader in reader.readMembers(value) }
            case .data: break
            case .other: readElsewhere { reader in reader.readAny(value) }
            }
        }
        depth -= 1
    }

    /// What a schema's member holds.
    private enum Keyword {
        case annotation
        /// The schemas of an object's properties, by their names.
        case properties
        /// Other schemas by names, which are no keywords.
        case schemas
        /// Values, which are no schemas.
        case data
        /// Perhaps schemas.
        case other

        init(_ name: JSONName) {
            let decoded = name.decoded
            let name = decoded?.bytes ?? name.text
            defer { withExtendedLifetime(decoded) {} }
            if name.equals("x-mcp-header") {
                self = .annotation
            } else if name.equals("properties") {
                self = .properties
            } else if name.equals("$defs") || name.equals("definitions")
                || name.equals("patternProperties") || name.equals("dependentSchemas")
                || name.equals("dependencies")
            {
                self = .schemas
            } else if name.equals("default") || name.equals("const") || name.equals("enum")
                || name.equals("examples")
            {
                self = .data
            } else {
                self = .other
            }
        }
    }

    private mutating func readProperties(_ properties: JSONValue) {
        properties.forEachMember { name, value in
            path.append(name)
            read(value)
            path.removeLast()
        }
    }

    /// Reads what no chain of properties leads to: an annotation there is a fault.
    private mutating func readElsewhere(_ body: (inout ToolSchemaReader) -> Void) {
        let wasReachable = isReachable
        isReachable = false
        body(&self)
        isReachable = wasReachable
    }

    private mutating func readMembers(_ schemas: JSONValue) {
        schemas.forEachMember { _, value in readAny(value) }
    }

    /// Reads a schema, or each of an array.
    private mutating func readAny(_ value: JSONValue) {
        if value.isObject { return read(value) }
        for element in value.elements where element.isObject { read(element) }
    }

    // MARK: Annotations

    private mutating func note(_ annotation: JSONValue, in schema: JSONValue) {
        guard isReachable, path.count > 0 else { return fail(.place) }
        guard let name = annotation.string, name.count > 0,
            withExtendedLifetime(name, { name.bytes.allSatisfy { $0.isTokenByte } })
        else { return fail(.name) }
        guard let type = schema["type"], isMirrorable(type) else { return fail(.type) }
        guard parameters.count < ToolHeaders.parametersMax else { return fail(.tooMany) }
        let isTaken = parameters.contains { parameter in
            let other = text[Int(parameter.field.start)..<Int(parameter.field.end)]
            return withExtendedLifetime(name) { other.equalsIgnoringCase(name.bytes) }
        }
        guard !isTaken else { return fail(.duplicate) }
        let start = steps.count
        for step in path { steps.append(append(step.decoded ?? ByteBuffer(copying: step.text))) }
        parameters.append(ToolHeaders.Parameter(field: append(name), path: start..<steps.count))
    }

    private func isMirrorable(_ type: JSONValue) -> Bool {
        let types: [StaticString] = ["string", "integer", "boolean"]
        return types.contains { type.means($0.rawBytes) }
    }

    private func append(_ name: ByteBuffer) -> ToolHeaders.TextRange {
        let start = text.count
        text.append(name)
        return ToolHeaders.TextRange(
            start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: text.count))
    }

    private mutating func fail(_ fault: ToolSchemaFault) {
        if self.fault == nil { self.fault = fault }
    }
}
