import Testing
import Wire

/// A JSON text that stays while its value is looked at.
final class Parsed {
    let text: ByteBuffer
    let root: JSONValue

    init?(_ text: ByteBuffer, depthMax: Int) {
        guard let root = JSONValue(text.bytes, depthMax: depthMax) else { return nil }
        self.text = text
        self.root = root
    }
}

func parse(_ text: String, depthMax: Int = 64) -> Parsed? {
    Parsed(text.buffer, depthMax: depthMax)
}

/// Whether a text is JSON to us, who only scan it. To jansson it must be the same, unless it holds
/// what jansson does not.
private func isJSON(_ text: ByteBuffer, hasTree: Bool = true) -> Bool {
    withExtendedLifetime(text) {
        let isValue = JSONValue(text.bytes, depthMax: 64) != nil
        #expect((isValue && hasTree) == (JSONTree(text.bytes) != nil), "\(text.text)")
        return isValue
    }
}

@Suite("JSONValue")
struct JSONValueTests {
    @Test(
        "One JSON value in UTF-8 is a value, and nothing else is",
        arguments: [
            ("{}", true), ("[]", true), ("null", true), ("1", true), ("\"a\"", true),
            (" \r\n\t{} ", true), ("{\"a\":[1,2.5,-0,1e3,true,null,\"\\u00e9\\n\"]}", true),
            ("[ ]", true), ("{ }", true), ("[ 1 , 2 ]", true), ("{ \"a\" : 1 , \"b\" : 2 }", true),
            ("\"\u{e9}\u{1F600}\"", true), ("\"\\ud83d\\ude00\"", true),
            ("\"a\\u0000b\"", true), ("{\"a\":123456789012345678901234567890}", true),
            ("{\"a\":1,\"a\":2}", true), ("\"\u{7f}\"", true), ("\"\\/\\b\\f\\r\\t\"", true),
            ("", false), (" ", false), ("{", false), ("{}{}", false), ("{} x", false),
            ("[1,]", false), ("[,1]", false), ("[1 2]", false), ("{\"a\":1,}", false),
            ("{\"a\" 1}", false), ("{\"a\":}", false), ("{\"a\"}", false), ("{a:1}", false),
            ("{1:1}", false), ("'a'", false), ("\"a", false), ("\"a\\", false), ("\"\\u12", false),
            ("// c\n{}", false), ("\"a\nb\"", false), ("\"\\x\"", false), ("\"\\u00g0\"", false),
            ("\u{feff}{}", false), ("\"\\ud83", false), ("\"\\ud83d\\u\"", false),
            ("\"\\ud83d\\ud8\"", false), ("\"\\ud83d\\", false), ("tru", false), ("truex", false),
            ("nul", false),
            ("True", false), ("[tru]", false), ("\u{0B}1", false), ("]", false), ("[}", false),
        ])
    func grammar(_ text: String, _ isValid: Bool) {  // S-011
        #expect(isJSON(text.buffer) == isValid)
    }

    @Test(
        "What the grammar admits and jansson does not hold is a value without a tree",
        arguments: [
            "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"", "\"\\ud83d\\n\"",
            "\"\\ude00\\ud83d\"", "\"\\ud83d\\ud83d\\ude00\"", "{\"a\\u0000\":1}",
            "{\"\\ud800\":1}",
            "1e309", "-1e309", "1.8e308", "17.976931348623159e307", "1e99999999999999999999",
            String(repeating: "9", count: 310),
        ])
    func withoutTree(_ text: String) {
        #expect(isJSON(text.buffer, hasTree: false))
        #expect(isJSON("[\(text)]".buffer, hasTree: false))
        #expect(isJSON("{\"a\":\(text),\"b\":1}".buffer, hasTree: false))
    }

    @Test(
        "A lone surrogate in a string is written again as it was read",
        arguments: ["\\ud83d", "\\ude00\\ud83d", "a\\ud800b", "\\udfff\u{e9}", "\\ud83d\\ud83d"])
    func surrogates(_ written: String) throws {
        let value = try #require(parse("\"\(written)\""))
        let string = try #require(value.root.string)
        #expect(ByteBuffer.text { $0.append(jsonString: string.bytes) } == "\"\(written)\"")
        withExtendedLifetime((value, string)) {}
    }

    @Test(
        "A number is written as RFC 8259 says",
        arguments: [
            ("0", true), ("-0", true), ("10", true), ("-1.5", true), ("1e5", true), ("1E+5", true),
            ("0.1e-5", true), ("0e99999", true), ("1e-99999", true), ("1e308", true),
            ("1.7976931348623157e308", true), ("-1.7976931348623157e308", true),
            ("0.0000000001e317", true), ("0.1e99999999999999999999e", false),
            (String(repeating: "9", count: 308), true),
            ("0." + String(repeating: "9", count: 400), true),
            ("01", false), ("-01", false), ("+1", false), (".5", false), ("1.", false),
            ("-", false),
            ("1.e5", false), ("1e", false), ("1e+", false), ("NaN", false), ("Infinity", false),
            ("0x10", false), ("1_000", false), ("--1", false),
        ])
    func numbers(_ text: String, _ isValid: Bool) {
        #expect(isJSON(text.buffer) == isValid)
        #expect(isJSON("[\(text)]".buffer) == isValid)
    }

    @Test("A NUL is no end", arguments: ["{}\0", "7\0x", "[1\0]", "\0"])
    func nul(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test("A string may have anything at any place, blocks of sixteen or not", arguments: 0..<50)
    func strings(_ length: Int) {
        let plain = String(repeating: "a", count: length)
        for (part, isValid) in [
            ("\u{e9}", true), ("\u{20AC}\u{1F600}", true), ("\\\"", true), ("\\u00e9", true),
            ("\u{1}", false), ("\u{1f}", false), ("\0", false), ("\\x", false), ("\"", false),
        ] {
            for rest in ["", "b", plain] {
                #expect(isJSON("\"\(plain)\(part)\(rest)\"".buffer) == isValid)
                #expect(isJSON("{\"\(plain)\(part)\(rest)\":[\"\(plain)\"]}".buffer) == isValid)
            }
        }
    }

    @Test("A byte that does not stand for itself is found wherever it is", arguments: 0...0xFF)
    func specials(_ byte: UInt8) {
        let isPlain = (0x20..<0x80).contains(byte) && byte != 0x22 && byte != 0x5C
        for place in 1...300 {
            var text = [UInt8](repeating: UInt8(ascii: "!"), count: 302)
            text[0] = UInt8(ascii: "\"")
            text[301] = UInt8(ascii: "\"")
            text[place] = byte
            let buffer = text.withUnsafeBytes { ByteBuffer(copying: $0) }
            #expect(isJSON(buffer) == isPlain, "at \(place)")
        }
    }

    @Test("Bytes are UTF-8 as RFC 3629 says", arguments: 0...0xFF)
    func utf8(_ first: UInt8) {  // S-011
        let seconds: [UInt8] = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        for second in seconds {
            for tail: [UInt8] in [
                [], [0x80], [0x80, 0xBF], [0x7F], [0x80, 0x20], [0x80, 0x80, 0x80],
            ] {
                let bytes = [first, second] + tail
                let isText = bytes.withUnsafeBytes { UTF8Text.isValid($0) }
                #expect(isText == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
                let plain = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }
                for before in plain ? [0, 15] : [] {
                    let text = ByteBuffer()
                    text.append("\"")
                    text.append([UInt8](repeating: 0x61, count: before))
                    text.append(bytes)
                    text.append("\"")
                    #expect(isJSON(text) == isText, "\(bytes)")
                }
            }
        }
    }

    @Test("Nesting is bounded, brackets in strings aside")
    func depth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(parse(nested(4), depthMax: 4) != nil)
        #expect(parse(nested(5), depthMax: 4) == nil)
        #expect(parse("1", depthMax: 0) != nil && parse("[]", depthMax: 0) == nil)
        #expect(parse(nested(100_000)) == nil)
        #expect(parse("[[],[],[],[],[{}]]", depthMax: 3) != nil)
        #expect(parse("[{\"[[[[\":\"\\\"{{{{\"}]", depthMax: 2) != nil)
        #expect(parse("{\"a\":{\"b\":[]}}", depthMax: 2) == nil)
        // jansson's own bound holds whatever the option says.
        for (depth, isValid) in [(2048, true), (2049, false)] {
            #expect((parse(nested(depth), depthMax: .max) != nil) == isValid)
            let text = nested(depth).buffer
            #expect((JSONTree(text.bytes) != nil) == isValid)
            withExtendedLifetime(text) {}
        }
    }

    @Test("Members, strings and integers are found by what they are")
    func values() throws {
        let document = try #require(
            parse(
                #" {"s":"a\u0000b","i":-9223372036854775808,"f":1.0,"n":null,"é\n":7,"a":1,"a":2} "#
            ))
        let root = document.root
        #expect(root.isObject && !root.isArray && !root.isString)
        #expect(root["s"]?.string?.text == "a\0b" && root["s"]?.isString == true)
        #expect(root["i"]?.integer == Int64.min && root["i"]?.isInteger == true)
        #expect(root["f"]?.integer == nil && root["f"]?.string == nil)
        #expect(root["f"]?.isInteger == false && root["s"]?.isInteger == false)
        #expect(root["n"].map { $0.text.equals("null") } == true)
        #expect(root["x"] == nil && root["s"]?["x"] == nil)
        #expect(root["\u{e9}\n"]?.integer == 7 && root["a"]?.integer == 2)
        #expect(root.text.text.first == "{" && root.text.text.last == "}")
        withExtendedLifetime(document) {}
    }

    @Test(
        "A name is what it stands for, however it is written",
        arguments: [
            (#"{"ab":1}"#, true), (#"{"\u0061b":1}"#, true), (#"{"a\u0062":1}"#, true),
            (#"{"aab":1}"#, false), (#"{"a\\b":1}"#, false), (#"{"a\b":1}"#, false),
            (#"{"abc":1}"#, false), (#"{"":1}"#, false),
        ])
    func names(_ text: String, _ isThere: Bool) throws {
        let document = try #require(parse(text))
        #expect((document.root["ab"] != nil) == isThere)
        withExtendedLifetime(document) {}
    }

    @Test("A name with a backslash is not one with an escape")
    func backslashes() throws {
        let document = try #require(parse(#"{"a\\b":1,"a\b":2}"#))
        #expect(document.root[#"a\b"#]?.integer == 1)
        #expect(document.root["a\u{8}"]?.integer == 2)
        withExtendedLifetime(document) {}
    }

    @Test("What stands behind a string with escaped quotes is found")
    func quotes() throws {
        let parsed = try #require(parse(#"{"a":"x\"\\\"y\\","b":["\"","\\"],"\"":3}"#))
        #expect(parsed.root["b"]?.elements.count == 2)
        #expect(parsed.root["\""]?.integer == 3)
        withExtendedLifetime(parsed) {}
    }

    @Test("The elements of an array are in its order; nothing else has any")
    func elements() throws {
        let document = try #require(parse("[1, \"a\",[2] ,{}]"))
        let elements = document.root.elements
        #expect(elements.map(\.text.text) == ["1", "\"a\"", "[2]", "{}"])
        #expect(elements[2].elements.map(\.integer) == [2])
        #expect(elements[1].elements.isEmpty && elements[3].elements.isEmpty)
        withExtendedLifetime(document) {}
    }

    @Test(
        "An integer is one of 64 bits",
        arguments: [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil), ("-9223372036854775809", nil),
            ("18446744073709551616", nil),
            ("1.0", nil), ("1e2", nil), ("true", nil),
        ] as [(String, Int64?)])
    func integers(_ text: String, _ value: Int64?) throws {
        let document = try #require(parse(text))
        #expect(document.root.integer == value)
        withExtendedLifetime(document) {}
    }

    private static let example = #"{"a":[1,{"b/c":"x","~":2}],"":{"":3},"n":null,"a~1":4} "#

    @Test(
        "A pointer finds what RFC 6901 says",
        arguments: [
            ("/a", #"[1,{"b/c":"x","~":2}]"#), ("/a/0", "1"), ("/a/1/b~1c", "\"x\""),
            ("/a/1/~0", "2"), ("/", #"{"":3}"#), ("//", "3"), ("/n", "null"), ("/a~01", "4"),
            ("", String(example.dropLast())), ("/x", nil), ("a", nil), ("/a/2", nil), ("/a/-", nil),
            ("/a/-1", nil), ("/a/00", nil), ("/a/1/b", nil), ("/a/0/x", nil), ("/n/x", nil),
            ("/a/1e0", nil), ("/a/18446744073709551616", nil),
        ] as [(String, String?)])
    func pointers(_ pointer: String, _ found: String?) {
        let text = JSONValueTests.example.buffer
        let value = pointer.withBytes { JSONValue.find($0, in: text.bytes) }
        #expect(value?.text.text == found)
        withExtendedLifetime(text) {}
    }

    @Test(
        "In the beginning of a value, nothing is found",
        arguments: [
            "", " ", "{", "{\"a\":", "{\"a\":1", "{\"a\":1,", "x", "[\"a\"", "{\"a", "{\"a\\\"",
        ])
    func nothing(_ text: String) {
        let buffer = text.buffer
        for pointer in ["", "/a", "/0", "/a/b"] {
            #expect(pointer.withBytes { JSONValue.find($0, in: buffer.bytes) } == nil)
        }
        withExtendedLifetime(buffer) {}
    }
}

@Suite("JSONTree")
struct JSONTreeTests {
    @Test(
        "Numbers are written as JSON, whole ones without a fraction",
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-7, "-7"), (0.5, "0.5"), (1e15, "1000000000000000"),
            (9_007_199_254_740_992, "9007199254740992"), (0.9, "0.9"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e300, "1e300"),
        ] as [(Double, String)])
    func numbers(_ value: Double, _ text: String) {
        #expect(written(value) == text)
    }

    @Test("Whole numbers of any length are written in decimal")
    func wholeNumbers() {
        for value in 0...1100 { #expect(written(Double(value)) == "\(value)") }
        for bits in 0...53 {
            let value = Int64(1) << bits
            #expect(written(Double(value)) == "\(value)")
            #expect(written(Double(-value)) == "\(-value)")
        }
    }

    @Test(
        "A number that is not whole reads back as itself",
        arguments: [
            0.1, 1e300, -2.5e-7, 1e19, .pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
        ])
    func fractions(_ value: Double) throws {
        let text = written(value)
        #expect(Double(text) == value)
        #expect(parse(text) != nil)
        #expect(text.utf8.count <= JSONTree.numberBytesMax)
    }

    private func written(_ value: Double) -> String {
        ByteBuffer.text { $0.append(upTo: JSONTree.numberBytesMax) { $0.put(number: value) } }
    }
}
