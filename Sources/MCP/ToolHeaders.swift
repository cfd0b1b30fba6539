import Wire

/// The arguments of one tool that its `inputSchema` annotates with `x-mcp-header`: a client repeats
/// each of them in a header field (S-107, C-097).
package struct ToolHeaders {
    /// One annotated argument.
    struct Parameter {
        /// Where the name of its field, without the prefix, is in `text`.
        let field: TextRange
        /// Its path: which of `steps` lead to it.
        let path: Range<Int>
    }

    /// A part of `text`.
    struct TextRange {
        let start: UInt32
        let end: UInt32
    }

    /// How many a tool may annotate: a set of them is a word of bits.
    static var parametersMax: Int { UInt64.bitWidth }

    private let text: ByteBuffer
    private let parameters: [Parameter]
    /// The names of the properties on the way to each argument.
    private let steps: [TextRange]

    /// Reads the annotations of a schema; nil if it has none.
    package init?(schema: JSONValue) throws(ToolSchemaFault) {
        var reader = ToolSchemaReader()
        reader.read(schema)
        if let fault = reader.fault { throw fault }
        guard reader.parameters.count > 0 else { return nil }
        text = ByteBuffer(copying: reader.text.bytes)
        parameters = reader.parameters
        steps = reader.steps
    }

    /// How many arguments are annotated: at least one.
    package var count: Int { parameters.count }

    /// The memory that it takes, without its own fields.
    package var heldBytes: Int {
        text.heldBytes + HeapBlock.size(of: parameters) + HeapBlock.size(of: steps)
    }

    /// How header and body disagree about an argument.
    package struct Mismatch: Equatable {
        /// The index of the argument.
        package let parameter: Int
        package let cause: Cause
    }

    package enum Cause: Equatable {
        /// There is an argument, and no field.
        case missing
        /// The field occurs more than once (S-016).
        case repeated
        /// There is a field, and the argument is absent or null.
        case unexpected
        /// The field's value is not text, nor the Base64 form of any.
        case invalid
        /// The field's value is not the argument's.
        case different
    }

    /// Compares header lines with the arguments of a call; nil if they agree.
    @_optimize(speed)
    package func check(
        arguments: JSONValue?, headers lines: UnsafeRawBufferPointer
    ) -> Mismatch? {
        withUnsafeTemporaryAllocation(of: JSONValue?.self, capacity: count) { values in
            values.initialize(repeating: nil)
            if let arguments { find(all, in: arguments, level: 0, values) }
            return compare(values, lines)
        }
    }

    @_optimize(speed)
    private func compare(
        _ values: UnsafeMutableBufferPointer<JSONValue?>, _ lines: UnsafeRawBufferPointer
    ) -> Mismatch? {
        var mismatch: Mismatch?
        var seen: UInt64 = 0
        HeaderLines.forEachField(withPrefix: "mcp-param-", in: lines) { name, value in
            guard mismatch == nil, let index = index(ofField: name) else { return }
            let isRepeated = seen & 1 << index != 0
            seen |= 1 << index
            let cause = isRepeated ? .repeated : ToolHeaders.cause(value, values[index])
            if let cause { mismatch = Mismatch(parameter: index, cause: cause) }
        }
        for index in 0..<count where mismatch == nil && seen & 1 << index == 0 {
            if let value = values[index], MirroredValue.canMirror(value) {
                mismatch = Mismatch(parameter: index, cause: .missing)
            }
        }
        return mismatch
    }

    /// Why a field's value is not that of an argument; nil if it is.
    @_optimize(speed)
    private static func cause(_ field: UnsafeRawBufferPointer, _ argument: JSONValue?) -> Cause? {
        let mirror = MirroredValue(field)
        guard mirror.isValid else { return .invalid }
        guard let argument, !argument.isNull else { return .unexpected }
        return mirror.mirrors(argument) ? nil : .different
    }

    @_optimize(speed)
    private func index(ofField name: UnsafeRawBufferPointer) -> Int? {
        parameters.firstIndex { self[$0.field].equalsIgnoringCase(name) }
    }

    private subscript(range: TextRange) -> UnsafeRawBufferPointer {
        text[Int(range.start)..<Int(range.end)]
    }

    // MARK: Arguments

    /// A set of all parameters.
    private var all: UInt64 { .max >> UInt64(ToolHeaders.parametersMax - count) }

    /// Finds the values of those of `parameters` whose paths have led to `object`, in one pass. Of
    /// members with the same name the last counts.
    @_optimize(speed)
    private func find(
        _ parameters: UInt64, in object: JSONValue, level: Int,
        _ values: UnsafeMutableBufferPointer<JSONValue?>
    ) {
        object.forEachMember { name, value in
            let named = those(of: parameters, with: name, at: level)
            guard named != 0 else { return }
            var further: UInt64 = 0
            for index in 0..<count where named & 1 << index != 0 {
                let isEnd = self.parameters[index].path.count == level + 1
                values[index] = isEnd ? value : nil
                if !isEnd { further |= 1 << index }
            }
            if further != 0 { find(further, in: value, level: level + 1, values) }
        }
    }

    @_optimize(speed)
    private func those(of parameters: UInt64, with name: JSONName, at level: Int) -> UInt64 {
        let decoded = name.decoded
        let name = decoded?.bytes ?? name.text
        defer { withExtendedLifetime(decoded) {} }
        var named: UInt64 = 0
        for index in 0..<count where parameters & 1 << index != 0 {
            let step = self.parameters[index].path.lowerBound + level
            if self[steps[step]].equals(name) { named |= 1 << index }
        }
        return named
    }

    // MARK: Text

    /// Appends what a mismatch is, for people.
    package func append(_ mismatch: Mismatch, to output: ByteBuffer) {
        let parameter = parameters[mismatch.parameter]
        output.append("Mcp-Param-")
        output.append(self[parameter.field])
        switch mismatch.cause {
        case .missing: output.append(" is required with ")
        case .repeated:
            output.append(" occurs more than once")
            return
        case .unexpected: output.append(" mirrors nothing: there is no ")
        case .invalid: output.append(" is not well-formed, and cannot mirror ")
        case .different: output.append(" differs from ")
        }
        output.append("arguments")
        for step in parameter.path {
            output.append(".")
            output.append(self[steps[step]])
        }
    }
}
