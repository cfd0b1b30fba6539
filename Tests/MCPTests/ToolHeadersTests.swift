import MCP
import Testing
import Wire

/// The annotated arguments of a schema; nil if it has none.
private func read(_ schema: String) throws -> ToolHeaders? {
    let text = schema.buffer
    defer { withExtendedLifetime(text) {} }
    let value = try #require(JSONValue(text.bytes, depthMax: .max), "\(schema)")
    return try ToolHeaders(schema: value)
}

extension ToolHeaders {
    /// What is wrong with a call, as text; nil if nothing is.
    fileprivate func mismatch(_ arguments: String?, _ lines: [String]) throws -> String? {
        let arguments = arguments?.buffer
        let lines = lines.map { $0 + "\r\n" }.joined().buffer
        defer { withExtendedLifetime((arguments, lines)) {} }
        let value = try arguments.map { try #require(JSONValue($0.bytes, depthMax: .max)) }
        return check(arguments: value, headers: lines.bytes).map { mismatch in
            let output = ByteBuffer()
            append(mismatch, to: output)
            return output.bytes.text
        }
    }
}

/// The schema of PROTOCOL 8.2, M4.
private let city = """
    {"type":"object","properties":{"city":{"type":"string","x-mcp-header":"City"},\
    "opts":{"type":"object","properties":{"dry":{"type":"boolean","x-mcp-header":"Dry-Run"}}},\
    "n":{"type":"integer","x-mcp-header":"Count"}}}
    """

@Suite("ToolHeaders: schemas")
struct ToolSchemaTests {
    @Test(
        "A schema has as many annotated arguments as properties that are annotated",
        arguments: [
            (city, 3),
            (#"{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}"#, 1),
            (#"{"properties":{"a":{"x-mcp-header":"!#$%&'*+-.^_`|~09azAZ","type":"string"}}}"#, 1),
            (#"{"pr\u006fperties":{"a":{"type":"\u0073tring","x-mcp-h\u0065ader":"\u0041"}}}"#, 1),
            // Names of properties are no keywords, and neither is anything within a value.
            (#"{"properties":{"x-mcp-header":{"type":"string","x-mcp-header":"A"}}}"#, 1),
            (#"{"properties":{"properties":{"type":"string","x-mcp-header":"A"}}}"#, 1),
            (#"{"properties":{"items":{"type":"string","x-mcp-header":"A"}}}"#, 1),
            (#"{"properties":{"x-mcp-header":{"type":"string"}}}"#, nil),
            (#"{"$defs":{"x-mcp-header":{"type":"string"}}}"#, nil),
            (
                #"{"properties":{"a":{"default":{"x-mcp-header":7},"const":{"x-mcp-header":7}}}}"#,
                nil
            ),
            (#"{"examples":[{"x-mcp-header":7}],"enum":[{"x-mcp-header":7}]}"#, nil),
            (#"{"required":["x-mcp-header"],"description":"x-mcp-header"}"#, nil),
            ("{}", nil), ("true", nil), ("[]", nil), ("null", nil), (#"{"properties":[]}"#, nil),
            (#"{"properties":{"a":true},"additionalProperties":false}"#, nil),
        ] as [(String, Int?)])
    func counts(_ schema: String, _ count: Int?) throws {  // C-097
        #expect(try read(schema)?.count == count)
    }

    @Test(
        "A name that is no token makes the set invalid",
        arguments: [
            #""""#, #""a b""#, #""a:b""#, #""é""#, #""a\n""#, #""a\u0000""#, #""(a)""#, #""a/b""#,
            "7", "null", "true", "{}", #"["A"]"#,
        ])
    func names(_ name: String) {  // C-097
        let schema = #"{"properties":{"a":{"type":"string","x-mcp-header":\#(name)}}}"#
        #expect(throws: ToolSchemaFault.name) { try read(schema) }
    }

    @Test(
        "A type that no header can mirror makes the set invalid",
        arguments: [
            #""type":"number","#, #""type":"object","#, #""type":"array","#, #""type":"null","#,
            #""type":["string"],"#, #""type":["string","null"],"#, #""type":"String","#,
            #""type":7,"#, "", ##""$ref":"#/$defs/a","##,
        ])
    func types(_ type: String) {  // C-097
        let schema = #"{"properties":{"a":{\#(type)"x-mcp-header":"A"}}}"#
        #expect(throws: ToolSchemaFault.type) { try read(schema) }
    }

    @Test(
        "An annotation that not only properties lead to makes the set invalid",
        arguments: [
            #""items":X"#, #""items":[X]"#, #""prefixItems":[true,X]"#, #""oneOf":[{},X]"#,
            #""anyOf":[X]"#, #""allOf":[X]"#, #""not":X"#, #""if":X"#, #""then":X"#, #""else":X"#,
            #""$defs":{"a":X}"#, #""definitions":{"a":X}"#, #""patternProperties":{"a":X}"#,
            #""additionalProperties":X"#, #""contains":X"#, #""dependentSchemas":{"a":X}"#,
            #""propertyNames":X"#, #""unevaluatedProperties":X"#, #""dependencies":{"a":X}"#,
            #""oneOf":[{"properties":{"b":X}}]"#, #""items":{"properties":{"b":X}}"#,
            #""$defs":{"a":{"properties":{"b":X}}}"#, #""it\u0065ms":X"#,
            #""properties":{"a":{"items":X}}"#,
            #""properties":{"a":{"properties":{"b":{"not":X}}}}"#,
        ])
    func places(_ member: String) {  // C-097
        let annotated = #"{"type":"string","x-mcp-header":"A"}"#
        let member = member.replacing("X", with: annotated)
        #expect(throws: ToolSchemaFault.place) { try read("{\(member)}") }
        // Good ones before and after it make no difference.
        let good = #""properties":{"ok":{"type":"string","x-mcp-header":"OK"}}"#
        #expect(throws: ToolSchemaFault.place) { try read("{\(good),\(member)}") }
        #expect(throws: ToolSchemaFault.place) { try read("{\(member),\(good)}") }
    }

    @Test("The schema itself is no property")
    func root() {  // C-097
        let schema = #"{"type":"string","x-mcp-header":"A"}"#
        #expect(throws: ToolSchemaFault.place) { try read(schema) }
    }

    @Test("After what is no chain of properties, properties are read as before")
    func siblings() throws {  // C-097
        let schema = """
            {"not":{"properties":{"b":{}}},\
            "properties":{"a":{"type":"string","x-mcp-header":"A","allOf":[{}]}}}
            """
        #expect(try read(schema)?.count == 1)
    }

    @Test(
        "Two annotations with the same name make the set invalid, in any case and at any depth",
        arguments: [("City", "City"), ("City", "cITY"), ("x-1", "X-1")])
    func duplicates(_ first: String, _ second: String) throws {  // C-097
        func schema(_ first: String, _ second: String) -> String {
            """
            {"properties":{"a":{"type":"string","x-mcp-header":"\(first)"},\
            "b":{"properties":{"c":{"type":"string","x-mcp-header":"\(second)"}}}}}
            """
        }
        #expect(throws: ToolSchemaFault.duplicate) { try read(schema(first, second)) }
        #expect(try read(schema(first, second + "2"))?.count == 2)
    }

    @Test("A tool may annotate 64 arguments, and no more")
    func many() throws {
        func schema(_ count: Int) -> String {
            let properties = (0..<count).map {
                #""p\#($0)":{"type":"integer","x-mcp-header":"P\#($0)"}"#
            }
            return "{\"properties\":{\(properties.joined(separator: ","))}}"
        }
        let headers = try #require(try read(schema(64)))
        #expect(headers.count == 64)
        let arguments = (0..<64).map { "\"p\($0)\":\($0)" }.joined(separator: ",")
        let lines = (0..<64).map { "mcp-param-p\($0): \($0)" }
        #expect(try headers.mismatch("{\(arguments)}", lines) == nil)
        for index in [0, 31, 32, 62, 63] {
            let other = "mcp-param-p\(index): 99"
            let field = "Mcp-Param-P\(index)"
            let place = "arguments.p\(index)"
            var changed = lines
            changed[index] = other
            #expect(
                try headers.mismatch("{\(arguments)}", changed) == "\(field) differs from \(place)")
            changed.remove(at: index)
            #expect(
                try headers.mismatch("{\(arguments)}", changed)
                    == "\(field) is required with \(place)")
            #expect(
                try headers.mismatch("{\(arguments)}", lines + [lines[index]])
                    == "\(field) occurs more than once")
        }
        #expect(throws: ToolSchemaFault.tooMany) { try read(schema(65)) }
    }

    @Test("Schemas may be nested 64 deep, and no deeper")
    func depth() throws {
        /// The schema, the same with an array in between, and arguments with the value at its place.
        func nested(_ levels: Int) -> (schema: String, arguments: String) {
            let open = String(repeating: #"{"properties":{"a":"#, count: levels)
            let close = String(repeating: "}}", count: levels)
            let value =
                String(repeating: #"{"a":"#, count: levels) + "7"
                + String(repeating: "}", count: levels)
            return (open + #"{"type":"integer","x-mcp-header":"A"}"# + close, value)
        }
        let deep = nested(63)
        let headers = try #require(try read(deep.schema))
        #expect(try headers.mismatch(deep.arguments, ["mcp-param-a: 7"]) == nil)
        #expect(try headers.mismatch(deep.arguments, ["mcp-param-a: 8"]) != nil)
        #expect(throws: ToolSchemaFault.tooDeep) { try read(nested(64).schema) }
        let items = String(repeating: #"{"items":"#, count: 700)
        #expect(throws: ToolSchemaFault.tooDeep) {
            try read(items + "{}" + String(repeating: "}", count: 700))
        }
    }

    @Test("It holds the names, and counts them")
    func memory() throws {
        let short = try #require(try read(city)).heldBytes
        let name = String(repeating: "c", count: 1000)
        let long = try #require(try read(city.replacing("\"city\"", with: "\"\(name)\"")))
        #expect(short > 100 && short < 500)
        #expect(long.heldBytes == short + name.count - "city".count)
    }
}

@Suite("ToolHeaders: calls")
struct ToolHeadersTests {
    private static let cityRow = "mcp-param-city: =?base64?WsO8cmljaA==?="

    @Test(
        "A call's headers mirror its arguments, or the first that does not is told",
        arguments: [
            // PROTOCOL 8.2, M4.
            (
                #"{"city":"Zürich","opts":{"dry":true},"n":null}"#,
                [cityRow, "mcp-param-dry-run: true"],
                nil
            ),
            (
                #"{"opts":{"dry":true},"n":42.0,"city":"Zürich"}"#,
                ["mcp-param-count: 42", "mcp-param-dry-run: true", cityRow], nil
            ),
            ("{}", [], nil),
            (nil, [], nil),
            ("null", [], nil),
            ("[]", [], nil),
            ("7", [], nil),
            (#"{"city":null,"opts":null}"#, [], nil),
            (#"{"city":""}"#, ["mcp-param-city: "], nil),
            (#"{"city":""}"#, ["mcp-param-city:"], nil),
            (#"{"\u0063ity":"a"}"#, ["mcp-param-city: a"], nil),
            // Names in any case, among others and unknown ones (S-015).
            (
                #"{"city":"a"}"#, ["host: b", "mcp-param-citys: b", "mcp-param-city:  a ", "x: y"],
                nil
            ),
            (
                #"{"city":"a"}"#,
                [
                    "mcp-param-: x", "mcp-param-other: =?base64?x?=",
                    "mcp-param-other: é", "mcp-param-city: a",
                ], nil
            ),
            // Missing.
            (#"{"city":"a"}"#, [], "Mcp-Param-City is required with arguments.city"),
            (#"{"city":""}"#, [], "Mcp-Param-City is required with arguments.city"),
            (
                #"{"city":"a"}"#, ["x-mcp-param-city: a", "mcp-param-cit: a", "city: a"],
                "Mcp-Param-City is required with arguments.city"
            ),
            (
                #"{"opts":{"dry":false}}"#, [],
                "Mcp-Param-Dry-Run is required with arguments.opts.dry"
            ),
            (
                #"{"n":123456789012345678901234567890}"#, [],
                "Mcp-Param-Count is required with arguments.n"
            ),
            (#"{"city":7}"#, [], "Mcp-Param-City is required with arguments.city"),
            // Different.
            (#"{"city":"a"}"#, ["mcp-param-city: A"], "Mcp-Param-City differs from arguments.city"),
            (#"{"city":"a"}"#, ["mcp-param-city:"], "Mcp-Param-City differs from arguments.city"),
            (#"{"n":42}"#, ["mcp-param-count: 43"], "Mcp-Param-Count differs from arguments.n"),
            (
                #"{"opts":{"dry":true}}"#, ["mcp-param-dry-run: false"],
                "Mcp-Param-Dry-Run differs from arguments.opts.dry"
            ),
            // Present for nothing.
            (
                #"{"city":null}"#, ["mcp-param-city: a"],
                "Mcp-Param-City mirrors nothing: there is no arguments.city"
            ),
            (
                #"{"city":null}"#, ["mcp-param-city: null"],
                "Mcp-Param-City mirrors nothing: there is no arguments.city"
            ),
            (
                "{}", ["mcp-param-city:"],
                "Mcp-Param-City mirrors nothing: there is no arguments.city"
            ),
            (
                nil, ["mcp-param-city: a"],
                "Mcp-Param-City mirrors nothing: there is no arguments.city"
            ),
            (
                #"["city"]"#, ["mcp-param-city: a"],
                "Mcp-Param-City mirrors nothing: there is no arguments.city"
            ),
            (
                #"{"dry":true}"#, ["mcp-param-dry-run: true"],
                "Mcp-Param-Dry-Run mirrors nothing: there is no arguments.opts.dry"
            ),
            (
                #"{"opts":true}"#, ["mcp-param-dry-run: true"],
                "Mcp-Param-Dry-Run mirrors nothing: there is no arguments.opts.dry"
            ),
            (
                #"{"opts":[{"dry":true}]}"#, ["mcp-param-dry-run: true"],
                "Mcp-Param-Dry-Run mirrors nothing: there is no arguments.opts.dry"
            ),
            (
                #"{"a":{"city":"a"}}"#, ["mcp-param-city: a"],
                "Mcp-Param-City mirrors nothing: there is no arguments.city"
            ),
            // Not well-formed.
            (
                #"{"city":"Hello"}"#, ["mcp-param-city: =?base64?SGVsbG8?="],
                "Mcp-Param-City is not well-formed, and cannot mirror arguments.city"
            ),
            (
                #"{"city":"é"}"#, ["mcp-param-city: é"],
                "Mcp-Param-City is not well-formed, and cannot mirror arguments.city"
            ),
            (
                "{}", ["mcp-param-city: é"],
                "Mcp-Param-City is not well-formed, and cannot mirror arguments.city"
            ),
            // Twice (S-016).
            (
                #"{"city":"a"}"#, ["mcp-param-city: a", "mcp-param-city: a"],
                "Mcp-Param-City occurs more than once"
            ),
            (
                #"{"city":"a"}"#, ["mcp-param-city: a", "a: b", "mcp-param-city: b"],
                "Mcp-Param-City occurs more than once"
            ),
            // What nothing mirrors has no header, and the host is to judge it.
            (#"{"city":{}}"#, [], nil),
            (#"{"city":["a"]}"#, [], nil),
            (#"{"n":1.5,"opts":{"dry":[true]}}"#, [], nil),
            (#"{"n":1.5}"#, ["mcp-param-count: 1.5"], "Mcp-Param-Count differs from arguments.n"),
            (#"{"city":{}}"#, ["mcp-param-city: {}"], "Mcp-Param-City differs from arguments.city"),
            // Of members with the same name the last counts.
            (#"{"city":"a","city":"b"}"#, ["mcp-param-city: b"], nil),
            (
                #"{"city":"a","city":"b"}"#, ["mcp-param-city: a"],
                "Mcp-Param-City differs from arguments.city"
            ),
            (#"{"city":"a","city":null}"#, [], nil),
            (#"{"opts":{"dry":true},"opts":{}}"#, [], nil),
            (
                #"{"opts":{"dry":true},"opts":7}"#, ["mcp-param-dry-run: true"],
                "Mcp-Param-Dry-Run mirrors nothing: there is no arguments.opts.dry"
            ),
        ] as [(String?, [String], String?)])
    func calls(_ arguments: String?, _ lines: [String], _ mismatch: String?) throws {  // S-107
        let headers = try #require(try read(city))
        #expect(try headers.mismatch(arguments, lines) == mismatch)
    }

    @Test("The cause and the argument of a mismatch can be told apart")
    func causes() throws {  // S-107
        let headers = try #require(try read(city))
        let lines = "mcp-param-count: 1\r\n".buffer
        let mismatch = headers.check(arguments: nil, headers: lines.bytes)
        withExtendedLifetime(lines) {}
        #expect(mismatch?.parameter == 2)
        #expect(mismatch?.cause == .unexpected)
    }

    @Test("Properties with the same first step, or one on the way to another, do not mix")
    func branches() throws {  // S-107
        let headers = try #require(
            try read(
                """
                {"properties":{"a":{"properties":{\
                "x":{"type":"string","x-mcp-header":"X"},\
                "y":{"type":"string","x-mcp-header":"Y"},\
                "a":{"properties":{"x":{"type":"string","x-mcp-header":"Deep"}}}}},\
                "x":{"type":"string","x-mcp-header":"Top"}}}
                """))
        let arguments = #"{"x":"1","a":{"y":"2","a":{"x":"3","y":"no"},"x":"4"}}"#
        let lines = ["mcp-param-top: 1", "mcp-param-y: 2", "mcp-param-deep: 3", "mcp-param-x: 4"]
        #expect(try headers.mismatch(arguments, lines) == nil)
        for index in lines.indices {
            var others = lines
            others[index] += "5"
            #expect(try headers.mismatch(arguments, others)?.contains("differs") == true)
        }
    }

    @Test("Names with escapes and of any letters are decoded once")
    func escapes() throws {  // S-107
        let headers = try #require(
            try read(
                #"{"properties":{"\u00e9\u0000\"":{"type":"string","x-mcp-header":"E"}}}"#))
        #expect(try headers.mismatch(#"{"é\u0000\"":"a"}"#, ["mcp-param-e: a"]) == nil)
        #expect(
            try headers.mismatch(#"{"\u00E9\u0000\u0022":"a"}"#, [])?.hasPrefix("Mcp-Param-E is ")
                == true)
    }
}
