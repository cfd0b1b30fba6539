import MCP
import Testing
import Wire

@Suite("MirroredValue")
struct MirroredValueTests {
    /// Calls `body` with a header's value and a value of the body.
    private func with(
        _ header: String, _ json: String, _ body: (MirroredValue, JSONValue) -> Bool
    ) throws -> Bool {
        let header = header.buffer
        let json = json.buffer
        return try withExtendedLifetime((header, json)) {
            body(MirroredValue(header.bytes), try #require(JSONValue(json.bytes, depthMax: 8)))
        }
    }

    private func equals(_ header: String, _ json: String) throws -> Bool {
        try with(header, json) { $0.equals($1) }
    }

    private func mirrors(_ header: String, _ json: String) throws -> Bool {
        try with(header, json) { $0.mirrors($1) }
    }

    @Test(
        "The five vectors of the specification mirror their strings",
        arguments: [
            ("us-west1", "us-west1"),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
            ("=?base64?IHBhZGRlZCA=?=", " padded "),
            ("=?base64?bGluZTEKbGluZTI=?=", "line1\\nline2"),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
        ])
    func vectors(_ header: String, _ string: String) throws {  // C-096, S-108
        #expect(try equals(header, "\"\(string)\""))
        #expect(try mirrors(header, "\"\(string)\""))
        #expect(try !equals(header, "\"\(string) \""))
    }

    @Test(
        "A field's value mirrors exactly its own text",
        arguments: [
            ("echo", #""echo""#, true),
            ("=?base64?ZWNobw==?=", #""echo""#, true),
            ("echo", #""\u0065cho""#, true),
            ("=?base64?ZWNobw==?=", #""\u0065cho""#, true),
            ("a\\nb", #""a\\nb""#, true),
            ("a\\nb", #""a\nb""#, false),
            ("say \"hi\"", #""say \"hi\"""#, true),
            ("", #""""#, true),
            ("=?base64??=", #""""#, true),
            // Blanks around a value are not its own (S-015).
            ("  echo\t", #""echo""#, true),
            ("echo", #"" echo""#, false),
            ("a\tb", #""a\tb""#, true),
            ("Echo", #""echo""#, false),
            ("echo", #""echos""#, false),
            ("echos", #""echo""#, false),
            ("=?base64?w6k=?=", #""é""#, true),
            ("=?base64?w6k=?=", #""\u00e9""#, true),
            // Another way to write the same letter.
            ("=?base64?w6k=?=", #""e\u0301""#, false),
            // A lone surrogate is no text.
            ("=?base64?7aCA?=", #""\ud800""#, false),
            // The markers are lower case and complete, or the value is a literal.
            ("=?BASE64?SGVsbG8=?=", #""=?BASE64?SGVsbG8=?=""#, true),
            ("=?BASE64?SGVsbG8=?=", #""Hello""#, false),
            ("=?Base64?SGVsbG8=?=", #""Hello""#, false),
            ("=?base64?SGVsbG8=?", #""=?base64?SGVsbG8=?""#, true),
            ("=?base64?SGVsbG8=", #""=?base64?SGVsbG8=""#, true),
            ("=?base64SGVsbG8=?=", #""=?base64SGVsbG8=?=""#, true),
            ("x=?base64?SGVsbG8=?=", #""x=?base64?SGVsbG8=?=""#, true),
            ("=?base64?SGVsbG8=?=x", #""=?base64?SGVsbG8=?=x""#, true),
            // Only strings are equal to text.
            ("42", "42", false), ("true", "true", false), ("null", "null", false),
            ("[]", "[]", false), ("\"a\"", "\"a\"", false),
        ])
    func strings(_ header: String, _ json: String, _ isEqual: Bool) throws {  // S-103, S-108
        #expect(try equals(header, json) == isEqual)
        if json.hasPrefix("\"") { #expect(try mirrors(header, json) == isEqual) }
    }

    @Test(
        "A value that is not well-formed mirrors nothing",
        arguments: [
            "=?base64?SGVsbG8?=", "=?base64?SGVsbG9=?=", "=?base64?SGVs bG8=?=",
            "=?base64?SGVsbG8=?=?=", "=?base64?=?base64?SGVsbG8=?=?=", "=?base64?_-8=?=",
            "=?base64? SGVsbG8=?=",
            // Not UTF-8: a byte alone, an overlong form, a surrogate.
            "=?base64?/w==?=", "=?base64?wK8=?=", "=?base64?7aCA?=",
            // Markers that share a byte.
            "=?base64?=",
            "é", "a\u{1}b", "a\u{7f}", "a\0b", "a\rb", "a\nb", "\u{80}",
        ])
    func invalid(_ header: String) throws {  // S-107, S-108
        #expect(try !with(header, "0") { value, _ in value.isValid })
        for json in ["\"Hello\"", "\"\(header.filter { $0 >= " " })\"", "\"\"", "0", "true"] {
            #expect(try !equals(header, json))
            #expect(try !mirrors(header, json))
        }
    }

    @Test(
        "An argument that is no string is mirrored by its value",
        arguments: [
            ("42", "42", true), ("42.0", "42", true), ("42", "42.0", true), ("4.2e1", "42", true),
            ("42", "4.2e1", true), ("=?base64?NDI=?=", "42", true), ("-7", "-7", true),
            ("7", "-7", false), ("0", "-0", true), ("-0", "0", true), ("43", "42", false),
            ("42.5", "42", false), ("42", "42.5", false), ("42.5", "42.5", false),
            ("9007199254740993", "9007199254740993", true),
            ("9007199254740993.0", "9007199254740993", true),
            ("9007199254740992", "9007199254740993", false),
            ("123456789012345678901234567890", "123456789012345678901234567890.00", true),
            ("123456789012345678901234567891", "123456789012345678901234567890", false),
            ("1e999999999", "1e999999999", true), ("1e999999998", "1e999999999", false),
            ("1e9999999999999999999", "1e9999999999999999999", false),
            // Numbers are written as in JSON.
            ("+42", "42", false), ("042", "42", false), ("42.", "42", false), ("0x2A", "42", false),
            ("", "42", false), ("\"42\"", "42", false), ("4 2", "42", false), ("[42]", "42", false),
            // Blanks are not a part of a number: here " 42".
            ("=?base64?IDQy?=", "42", false),
            ("42", "\"42\"", true), ("42.0", "\"42\"", false),
            ("true", "true", true), ("false", "false", true), ("true", "false", false),
            ("True", "true", false), ("1", "true", false), ("=?base64?dHJ1ZQ==?=", "true", true),
            ("true", "\"true\"", true), ("true", "1", false),
            // Nothing mirrors these.
            ("null", "null", false), ("", "null", false), ("{}", "{}", false), ("[]", "[]", false),
            ("[1]", "[1]", false), ("1", "[1]", false),
        ])
    func arguments(_ header: String, _ json: String, _ isMirror: Bool) throws {  // S-107, C-095
        #expect(try mirrors(header, json) == isMirror)
    }

    @Test(
        "Strings, integers and booleans can be mirrored, and nothing else",
        arguments: [
            ("\"\"", true), ("\"a\"", true), ("0", true), ("-1", true), ("1.0", true),
            ("1e30", true), ("true", true), ("false", true), ("null", false), ("1.5", false),
            ("1e-1", false), ("{}", false), ("[]", false), ("[\"a\"]", false),
        ])
    func kinds(_ json: String, _ canBe: Bool) throws {  // S-107, C-095
        #expect(try with("", json) { MirroredValue.canMirror($1) } == canBe)
    }
}
