/// A JSON value, and its text.
indirect enum JSON {
    case string(String)
    case number(Int64)
    case bool(Bool)
    case array([JSON])
    /// The members keep their order.
    case object([(name: String, value: JSON)])

    /// The text; what fits on a line of 100 columns stands on one.
    func text(indent: Int = 0, before: Int = 0) -> String {
        let line = compact
        guard indent + before + line.count > 98 else { return line }
        let margin = String(repeating: " ", count: indent + 2)
        let end = "\n" + String(repeating: " ", count: indent)
        switch self {
        case .array(let items):
            let lines = items.map { margin + $0.text(indent: indent + 2) }
            return "[\n" + lines.joined(separator: ",\n") + end + "]"
        case .object(let members):
            let lines = members.map { member in
                let name = JSON.quoted(member.name) + ": "
                return margin + name + member.value.text(indent: indent + 2, before: name.count)
            }
            return "{\n" + lines.joined(separator: ",\n") + end + "}"
        case .string, .number, .bool: return line
        }
    }

    private var compact: String {
        switch self {
        case .string(let text): JSON.quoted(text)
        case .number(let value): String(value)
        case .bool(let value): String(value)
        case .array(let items): "[" + items.map(\.compact).joined(separator: ", ") + "]"
        case .object(let members):
            "{"
                + members.map { JSON.quoted($0.name) + ": " + $0.value.compact }
                .joined(separator: ", ") + "}"
        }
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension JSON: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self = .string(value) }
}
