import Wire

/// One parameter of a tool or a prompt, as a program declares it.
package final class Parameter {
    package enum Kind: UInt32 {
        case string, integer, number, boolean, json

        var name: StaticString? {
            switch self {
            case .string: "string"
            case .integer: "integer"
            case .number: "number"
            case .boolean: "boolean"
            case .json: nil
            }
        }
    }

    package let name: UnsafeRawBufferPointer
    package let kind: Kind
    package var isRequired = false
    package var description: UnsafeRawBufferPointer?
    package var minimum = 0.0
    package var maximum = 0.0
    package var choices: UnsafeRawBufferPointer?
    package var fallback: UnsafeRawBufferPointer?
    package var header: UnsafeRawBufferPointer?
    package var schema: UnsafeRawBufferPointer?

    package init(_ name: UnsafeRawBufferPointer, _ kind: Kind) {
        self.name = name
        self.kind = kind
    }
}

/// Writes a JSON object, member by member; what is nil is left out. Its parts are not checked: the
/// whole is, when it is complete.
package struct ObjectText {
    package let output: ByteBuffer
    private var isEmpty = true

    package init(in output: ByteBuffer = ByteBuffer()) {
        self.output = output
    }

    package mutating func begin(_ name: StaticString) {
        output.put(isEmpty ? "{\"" : ",\"")
        isEmpty = false
        output.put(name)
        output.put("\":")
    }

    package mutating func text(_ name: StaticString, _ text: UnsafeRawBufferPointer?) {
        guard let text else { return }
        begin(name)
        output.append(jsonString: text)
    }

    package mutating func json(_ name: StaticString, _ json: UnsafeRawBufferPointer?) {
        guard let json else { return }
        begin(name)
        output.append(json)
    }

    package mutating func number(_ name: StaticString, _ number: Double) {
        guard number.isFinite else { return }
        begin(name)
        output.append(upTo: JSONTree.numberBytesMax) { $0.put(number: number) }
    }

    package mutating func end() {
        output.put(isEmpty ? "{}" : "}")
    }

    // MARK: Parameters

    /// Adds a schema of type object.
    package mutating func schema(_ name: StaticString, _ parameters: [Parameter]) {
        begin(name)
        ObjectText.append(parameters, to: output)
    }

    /// Appends the schema of parameters.
    package static func append(_ parameters: [Parameter], to output: ByteBuffer) {
        output.put("{\"type\":\"object\"")
        var separator: StaticString = ",\"properties\":{"
        for parameter in parameters {
            output.put(separator)
            separator = ","
            output.append(jsonString: parameter.name)
            output.put(":")
            append(parameter, to: output)
        }
        if !parameters.isEmpty { output.put("}") }
        separator = ",\"required\":["
        var end: StaticString = "}"
        for parameter in parameters where parameter.isRequired {
            output.put(separator)
            separator = ","
            end = "]}"
            output.append(jsonString: parameter.name)
        }
        output.put(end)
    }

    private static func append(_ parameter: Parameter, to output: ByteBuffer) {
        if let schema = parameter.schema { return output.append(schema) }
        var object = ObjectText(in: output)
        let isString = parameter.kind == .string
        object.text("type", parameter.kind.name?.rawBytes)
        object.text("description", parameter.description)
        if parameter.minimum != 0 || parameter.maximum != 0 {
            object.number(isString ? "minLength" : "minimum", parameter.minimum)
            object.number(isString ? "maxLength" : "maximum", parameter.maximum)
        }
        if let choices = parameter.choices {
            object.begin("enum")
            output.put("[")
            var rest: UnsafeRawBufferPointer? = choices
            while let text = rest {
                let (choice, tail) = text.cut(at: UInt8(ascii: "|"))
                append(choice, isString, to: output)
                if tail != nil { output.put(",") }
                rest = tail
            }
            output.put("]")
        }
        if let fallback = parameter.fallback {
            object.begin("default")
            append(fallback, isString, to: output)
        }
        object.text("x-mcp-header", parameter.header)
        object.end()
    }

    private static func append(
        _ value: UnsafeRawBufferPointer, _ isString: Bool, to output: ByteBuffer
    ) {
        if isString { output.append(jsonString: value) } else { output.append(value) }
    }

    /// Adds the arguments of a prompt.
    package mutating func arguments(_ parameters: [Parameter]) {
        guard !parameters.isEmpty else { return }
        begin("arguments")
        output.put("[")
        for (index, parameter) in parameters.enumerated() {
            if index > 0 { output.put(",") }
            var object = ObjectText(in: output)
            object.text("name", parameter.name)
            object.text("description", parameter.description)
            if parameter.isRequired {
                object.json("required", ("true" as StaticString).rawBytes)
            }
            object.end()
        }
        output.put("]")
    }
}
