import Catalog
import Testing
import Wire

/// A parameter, an argument as JSON (nil: none), and what the tool gets or the client is told.
struct ArgumentCase: CustomTestStringConvertible, Sendable {
    let kind: Parameter.Kind
    var required = false
    var bounds: (Double, Double) = (0, 0)
    var choices: StaticString?
    var fallback: StaticString?
    let json: String?
    let expected: String

    init(
        _ kind: Parameter.Kind, _ json: String?, _ expected: String, required: Bool = false,
        bounds: (Double, Double) = (0, 0), choices: StaticString? = nil,
        fallback: StaticString? = nil
    ) {
        self.kind = kind
        self.json = json
        self.expected = expected
        self.required = required
        self.bounds = bounds
        self.choices = choices
        self.fallback = fallback
    }

    var testDescription: String { "\(kind) \(json ?? "nothing"): \(expected)" }

    var parameter: Parameter {
        let name: StaticString = "x"
        let parameter = Parameter(name.rawBytes, kind)
        parameter.isRequired = required
        (parameter.minimum, parameter.maximum) = bounds
        parameter.choices = choices?.rawBytes
        parameter.fallback = fallback?.rawBytes
        return parameter
    }
}

@Suite("Arguments")
struct ArgumentTests {
    static let infinity = Double.infinity

    static let values: [ArgumentCase] = [
        .init(.string, #""a""#, "given 'a'"), .init(.string, #""""#, "given ''"),
        .init(.string, #""\u00e4\n\"""#, "given 'ä\n\"'"),
        .init(.string, #""\ud83d\ude00""#, "given '😀'"),
        .init(.string, #""\ud83d""#, "given '\u{FFFD}'"),
        .init(.string, #""a\u0000b""#, "given 'a\0b'"), .init(.string, nil, "not"),
        .init(.string, nil, "not 'f'", fallback: "f"),
        .init(.string, #""abc""#, "given 'abc'", bounds: (3, 3)),
        .init(.string, #""äöü""#, "given 'äöü'", bounds: (3, 3)),
        .init(.string, #""red""#, "given 'red'", choices: "red|green"),
        .init(.string, #""r\u0065d""#, "given 'red'", choices: "red|green"),
        .init(.integer, "1", "given 1 1.0"), .init(.integer, "-7", "given -7 -7.0"),
        .init(.integer, "0", "given"), .init(.integer, "2.0", "given 2 2.0"),
        .init(.integer, "1e3", "given 1000 1000.0"),
        .init(.integer, "9223372036854775807", "given 9223372036854775807 9.223372036854776e+18"),
        .init(
            .integer, "-9223372036854775808", "given -9223372036854775808 -9.223372036854776e+18"),
        .init(.integer, nil, "not 5 5.0", fallback: "5"),
        .init(.integer, "3", "given 3 3.0", bounds: (3, 4)),
        .init(.integer, "-3", "given -3 -3.0", bounds: (-infinity, -3)),
        .init(.integer, "2", "given 2 2.0", choices: "1|2"),
        .init(.number, "1.5", "given 1 1.5"), .init(.number, "-2", "given -2 -2.0"),
        .init(.number, "1e300", "given 9223372036854775807 1e+300"),
        .init(.number, "0.5", "given 0.5", bounds: (0.5, 1)),
        .init(.boolean, "true", "given true"), .init(.boolean, "false", "given"),
        .init(.boolean, nil, "not true", fallback: "true"),
        .init(.json, "{}", "given"), .init(.json, "[1]", "given"), .init(.json, "null", "given"),
        .init(.number, "1E2", "given 100 100.0"), .init(.number, "-1e-400", "given"),
        .init(.json, "1e999", "given 9223372036854775807 inf"),
        .init(.json, "-1e999", "given -9223372036854775808 -inf"),
        .init(.string, nil, "not ''", fallback: ""),
        .init(.string, #""""#, "given ''", choices: ""),
        .init(.json, "3", "given 3 3.0"), .init(.json, #""s""#, "given 's'"),
    ]

    static let faults: [ArgumentCase] = [
        .init(.string, "1", "x must be a string."), .init(.string, "null", "x must be a string."),
        .init(.string, nil, "x is missing.", required: true),
        .init(.string, #""ab""#, "x must have at least 3 characters.", bounds: (3, 4)),
        .init(.string, #""""#, "x must have at least 1 character.", bounds: (1, 4)),
        .init(.string, #""abcde""#, "x must have at most 4 characters.", bounds: (3, 4)),
        .init(
            .string, #""blue""#, #"x must be one of "red", "green"."#, choices: "red|green"),
        .init(.string, #""blue""#, #"x must be "red"."#, choices: "red"),
        .init(.integer, "1.5", "x must be an integer."),
        .init(.integer, #""1""#, "x must be an integer."),
        .init(.integer, "true", "x must be an integer."),
        .init(.integer, "9223372036854775808", "x must be an integer of 64 bits."),
        .init(.integer, "1e30", "x must be an integer of 64 bits."),
        .init(.integer, "1e999", "x must be an integer of 64 bits."),
        .init(.integer, "2", "x must be at least 3.", bounds: (3, 4)),
        .init(.integer, "5", "x must be at most 4.", bounds: (3, 4)),
        .init(.integer, "-2", "x must be at most -3.", bounds: (-infinity, -3)),
        .init(.integer, "3", "x must be one of 1, 2.", choices: "1|2"),
        .init(.number, #""x""#, "x must be a number."), .init(.number, "{}", "x must be a number."),
        .init(.number, "0.25", "x must be at least 0.5.", bounds: (0.5, 1)),
        .init(.number, "1.01", "x must be at most 1.", bounds: (0.5, 1)),
        .init(.number, "1e999", "x is too large a number.", bounds: (0.5, 1)),
        .init(.number, "1e999", "x is too large a number."),
        .init(.number, "-1E+999", "x is too large a number."),
        .init(
            .number, String(repeating: "9", count: 400), "x is too large a number."),
        .init(.boolean, "0", "x must be a boolean."),
        .init(.boolean, #""true""#, "x must be a boolean."),
    ]

    private func ask(_ example: ArgumentCase, _ revision: String) throws -> String {
        let desk = Desk()
        try desk.add(tool: "t", [example.parameter])
        desk.open(revision)
        let arguments = example.json.map { #"{"name":"t","arguments":{"x":\#($0)}}"# }
        return desk.ask("tools/call", arguments ?? #"{"name":"t"}"#)
    }

    @Test("Reach the tool decoded", arguments: values)
    func decoded(_ example: ArgumentCase) throws {
        let result = try ask(example, "2025-11-25")
        let text = quoted(example.expected)
        let expected = #"{"result":{"content":[{"type":"text","text":\#(text)}]}}"#
        #expect(result == expected)
    }

    @Test("That are wrong are answered as an error of the tool", arguments: faults)
    func wrong(_ example: ArgumentCase) throws {
        let result = try ask(example, "2025-11-25")
        let text = quoted(example.expected)
        #expect(
            result
                == #"{"result":{"content":[{"type":"text","text":\#(text)}],"isError":true}}"#
        )
    }

    @Test(
        "That are wrong are invalid params for older revisions",
        arguments: ["2025-03-26", "2025-06-18"])
    func wrongForOlder(_ revision: String) throws {
        let result = try ask(ArgumentTests.faults[0], revision)
        #expect(result == #"{"error":{"code":-32602,"message":"x must be a string."}}"#)
    }

    @Test("All faults are told, up to a limit")
    func many() throws {
        let desk = Desk()
        let names: [StaticString] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
        ]
        try desk.add(
            tool: "t",
            names.map {
                let parameter = Parameter($0.rawBytes, .string)
                parameter.isRequired = true
                return parameter
            })
        desk.open()
        let two = desk.ask(
            "tools/call",
            #"{"name":"t","arguments":{"a":1,"#
                + names.dropFirst(2).map { "\"\($0)\":\"\"" }.joined(separator: ",") + "}}")
        #expect(two.contains("a must be a string. b is missing."))
        let all = desk.ask("tools/call", #"{"name":"t"}"#)
        #expect(all.contains("p is missing.") && !all.contains("q is missing."))
    }

    /// A schema, a value of x that fits it, one that does not, and what is said of that.
    static let schemas: [(String, String, String, String)] = [
        (#"{"type":["string","null"]}"#, "null", "1", "x must be a string or null."),
        (
            #"{"type":["string","number","null"]}"#, "1", "[]",
            "x must be a string, a number or null."
        ),
        (#"{"type":["integer","null"]}"#, "7", "1e30", "x must be an integer of 64 bits."),
        (#"{"type":["number","null"]}"#, "7", "1e999", "x is too large a number."),
        (
            #"{"type":"array","items":{"type":"integer"}}"#, "[1,2]", "[1,true]",
            "x[1] must be an integer."
        ),
        (#"{"minItems":1}"#, "[0]", "[]", "x must have at least 1 item."),
        (#"{"maxItems":1}"#, "[0]", "[0,0]", "x must have at most 1 item."),
        (#"{"maxItems":2}"#, "[0]", "[0,0,0]", "x must have at most 2 items."),
        (
            #"{"type":"object","properties":{"y":{"type":"object","required":["z"]}}}"#,
            #"{"y":{"z":1}}"#, #"{"y":{}}"#, "x.y.z is missing."
        ),
        (
            #"{"properties":{"y":{}},"additionalProperties":false}"#, #"{"y":1}"#, #"{"z":1}"#,
            "x.z is not a known property."
        ),
        (
            #"{"properties":{"y":{}},"additionalProperties":false}"#, #"{"\u0079":1}"#,
            #"{"\u00e4":1}"#, "x.ä is not a known property."
        ),
        (#"{"additionalProperties":false}"#, "{}", #"{"":1}"#, #"x.\"\" is not a known property."#),
        (
            #"{"additionalProperties":{"type":"string"}}"#, #"{"z":"1"}"#, #"{"z":1}"#,
            "x.z must be a string."
        ),
        (#"{"exclusiveMinimum":0}"#, "0.1", "0", "x must be greater than 0."),
        (#"{"exclusiveMaximum":2}"#, "1.9", "2", "x must be less than 2."),
        (#"{"minimum":1,"maximum":2}"#, "1", "0.9", "x must be at least 1."),
        (
            #"{"maxLength":2,"minLength":1}"#, #""ab""#, #""abc""#,
            "x must have at most 2 characters."
        ),
        (#"{"const":{"a":1}}"#, #"{"a":1}"#, #"{"a":2}"#, #"x must be {\"a\":1}."#),
        (#"{"enum":[1,"a",null]}"#, "1.0", "2", #"x must be one of 1, \"a\", null."#),
        (#"{"type":"integer","unknown":[1]}"#, "1", "{}", "x must be an integer."),
    ]

    @Test("Are checked against a JSON Schema", arguments: schemas)
    func schema(_ schema: String, _ good: String, _ bad: String, _ words: String) throws {
        let desk = Desk()
        try desk.add(
            .tool,
            #"{"name":"t","inputSchema":{"type":"object","properties":{"x":\#(schema)}}}"#)
        desk.open()
        func ask(_ value: String) -> String {
            desk.ask("tools/call", #"{"name":"t","arguments":{"x":\#(value)}}"#)
        }
        #expect(ask(good).contains("given") && !ask(good).contains("isError"))
        #expect(ask(bad).contains("\"\(words)\""), "\(ask(bad))")
    }

    @Test("Nested too deep, too many or too long are bounded")
    func hostile() throws {
        let desk = Desk()
        var schema = #"{"type":"integer"}"#
        for _ in 0..<40 { schema = #"{"type":"object","properties":{"x":\#(schema)}}"# }
        try desk.add(.tool, #"{"name":"t","inputSchema":\#(schema)}"#)
        desk.open()
        var value = "{}"
        for _ in 0..<40 { value = #"{"x":\#(value)}"# }
        #expect(desk.ask("tools/call", #"{"name":"t","arguments":\#(value)}"#).contains("given"))

        let names = (0..<1024).map { #""p\#($0)":{}"# }.joined(separator: ",")
        try desk.add(.tool, #"{"name":"u","inputSchema":{"properties":{\#(names)}}}"#)
        let members = (0..<1100).map { #""m\#($0)":1"# }.joined(separator: ",")
        let many = desk.ask("tools/call", #"{"name":"u","arguments":{\#(members)}}"#)
        #expect(many.contains("The value has too many members."))

        try desk.add(
            .tool, #"{"name":"w","inputSchema":{"properties":{"x":{"maxItems":99999}}}}"#)
        let items = String(repeating: "0,", count: 1 << 16) + "0"
        let full = desk.ask("tools/call", #"{"name":"w","arguments":{"x":[\#(items)]}}"#)
        #expect(full.contains("x has too many items."))

        try desk.add(
            .tool, #"{"name":"v","inputSchema":{"properties":{},"additionalProperties":false}}"#)
        let long = String(repeating: "ä", count: 1000)
        let cut = desk.ask("tools/call", #"{"name":"v","arguments":{"\#(long)":1}}"#)
        #expect(cut.contains(String(repeating: "ä", count: 64) + "... is not a known property."))
    }

    @Test(
        "Decode a long text once: a name for all properties, and lone surrogates",
        .timeLimit(.minutes(1)), arguments: [true, false])
    func long(_ isName: Bool) throws {
        let arguments =
            isName
            ? #"{"\u0061\#(String(repeating: "x", count: 3 << 20))":1}"#
            : #"{"s":"\#(String(repeating: #"\ud83d"#, count: 600_000))"}"#
        let desk = Desk()
        let names = (0..<1024).map { #""p\#($0)":{}"# }.joined(separator: ",")
        try desk.add(
            .tool,
            #"{"name":"t","inputSchema":{"properties":{"s":{"type":"string"},\#(names)}}}"#)
        desk.onCall = { key, _, _ in try? desk.reply(key, "done") }
        desk.open()
        let answer = desk.ask("tools/call", #"{"name":"t","arguments":\#(arguments)}"#)
        #expect(answer.hasSuffix(#""text":"done"}]}}"#), "\(answer.prefix(256))")
    }

    @Test("Of a call have to be an object, and a tool has to be known")
    func shape() throws {
        let desk = Desk()
        try desk.add(tool: "t", [])
        desk.open()
        #expect(
            desk.ask("tools/call", #"{"name":"t","arguments":[]}"#).contains(
                #""arguments must be an object.""#))
        for params in ["{}", #"{"name":1}"#] {
            #expect(
                desk.ask("tools/call", params)
                    == #"{"error":{"code":-32602,"message":"tools/call needs a name, a string"}}"#)
        }
        for params in [#"{"name":"u"}"#, #"{"name":"\u0000"}"#] {
            #expect(
                desk.ask("tools/call", params).hasPrefix(
                    #"{"error":{"code":-32602,"message":"Unknown tool: "#), "\(params)")
        }
        #expect(desk.ask("tools/call", #"{"name":"\u0074"}"#).contains(#""text":"""#))
    }
}
