import Testing
import Wire

func parse(_ text: String, depthMax: Int = 64) -> JSONDocument? {
    try? JSONDocument(text.buffer, depthMax: depthMax)
}

@Suite("JSONDocument")
struct JSONDocumentTests {
    @Test(
        "One JSON value in UTF-8 is a document, and nothing else is",
        arguments: [
            ("{}", true), ("[]", true), ("null", true), ("1", true), ("\"a\"", true),
            (" \r\n\t{} ", true), ("{\"a\":[1,2.5,-0,1e3,true,null,\"\\u00e9\\n\"]}", true),
            ("\"\u{e9}\u{1F600}\"", true), ("\"\\ud83d\\ude00\"", true),
            ("\"a\\u0000b\"", true), ("{\"a\":123456789012345678901234567890}", true),
            ("{\"a\":1,\"a\":2}", true),
            ("", false), (" ", false), ("{", false), ("{}{}", false), ("{} x", false),
            ("[1,]", false), ("{\"a\":1,}", false), ("{a:1}", false), ("'a'", false),
            ("01", false), ("+1", false), (".5", false), ("1.", false), ("NaN", false),
            ("Infinity", false), ("// c\n{}", false), ("\"a\nb\"", false), ("\"\\x\"", false),
            ("\u{feff}{}", false), ("\"\\ud83d\"", false), ("tru", false),
        ])
    func grammar(_ text: String, _ isJSON: Bool) {  // S-011
        #expect((parse(text) != nil) == isJSON)
        #expect(text.withBytes { JSONDocument.isValid($0, depthMax: 64) } == isJSON)
    }

    @Test(
        "Bytes that are not UTF-8 are no document",
        arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE9], [0xF5, 0x80, 0x80, 0x80]])
    func invalidUTF8(_ bytes: [UInt8]) {  // S-011
        let text = ByteBuffer()
        text.append("\"")
        text.append(bytes)
        text.append("\"")
        #expect(throws: JSONDocument.Fault.malformed) { try JSONDocument(text, depthMax: 64) }
        #expect(!bytes.withUnsafeBytes { JSONDocument.isText($0) })
    }

    @Test("Nesting is bounded, brackets in strings aside")
    func depth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(parse(nested(4), depthMax: 4) != nil)
        #expect(parse(nested(5), depthMax: 4) == nil)
        #expect(parse(nested(100_000)) == nil)
        #expect(parse("[[],[],[],[],[{}]]", depthMax: 3) != nil)
        #expect(parse("[{\"[[[[\":\"\\\"{{{{\"}]", depthMax: 2) != nil)
        #expect(parse("{\"a\":{\"b\":[]}}", depthMax: 2) == nil)
    }

    @Test("The text stays as it was, whatever the tree makes of it")
    func text() {
        let text = " {\"a\" : 1.0, \"a\":123456789012345678901234567890}\n"
        #expect(parse(text)?.text.text == text)
    }

    @Test("Members, strings and integers are found by what they are")
    func values() throws {
        let document = try #require(
            parse("{\"s\":\"a\\u0000b\",\"i\":-9223372036854775808,\"f\":1.0,\"n\":null}"))
        let root = document.root
        #expect(root.isObject && !root.isArray && !root.isNull)
        #expect(root["s"]?.string?.text == "a\0b")
        #expect(root["i"]?.integer == Int64.min)
        #expect(root["f"]?.integer == nil && root["f"]?.string == nil)
        #expect(root["n"]?.isNull == true)
        #expect(root["x"] == nil && root["s"]?["x"] == nil)
    }

    @Test("The elements of an array are in its order; nothing else has any")
    func elements() throws {
        let document = try #require(parse("[1,\"a\",[2],{}]"))
        #expect(document.root.elements.count == 4)
        #expect(document.root.elements[0].integer == 1)
        #expect(document.root.elements[2].elements.map(\.integer) == [2])
        #expect(document.root.elements[1].elements.isEmpty)
        #expect(document.root.elements[3].elements.isEmpty)
    }

    @Test("An integer beyond 64 bits leaves the other integers what they are")
    func hugeNeighbour() throws {  // S-013
        let document = try #require(parse("{\"id\":1,\"n\":123456789012345678901234567890}"))
        #expect(document.root["id"]?.integer == 1)
    }

    @Test(
        "Only an object is an object",
        arguments: [("{}", true), (" {\"a\":1}", true), ("[]", false), ("1", false), ("{", false)])
    func objects(_ text: String, _ isObject: Bool) {
        #expect(text.withBytes { JSONDocument.isObject($0, depthMax: 64) } == isObject)
    }

    @Test(
        "Numbers are written as JSON, whole ones without a fraction",
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-7, "-7"), (0.5, "0.5"), (1e15, "1000000000000000"),
            (9_007_199_254_740_992, "9007199254740992"), (.infinity, nil), (-.infinity, nil),
            (.nan, nil),
        ] as [(Double, String?)])
    func numbers(_ value: Double, _ text: String?) {
        #expect(JSONDocument.number(value)?.text == text)
    }

    @Test("A number that is not whole reads back as itself", arguments: [0.1, 1e300, -2.5e-7, 1e19])
    func fractions(_ value: Double) throws {
        let text = try #require(JSONDocument.number(value)).text
        #expect(Double(text) == value)
        #expect(parse(text) != nil)
    }

    @Test("A part of a document is written compactly, in its own order")
    func serialized() throws {
        let document = try #require(parse("{ \"z\" : [ 1 , \"\u{e9}\\n\" ] , \"a\" : { } }"))
        #expect(document.root.serialized().text == "{\"z\":[1,\"\u{e9}\\n\"],\"a\":{}}")
        #expect(document.root["z"]?.serialized().text == "[1,\"\u{e9}\\n\"]")
    }
}
