import MCP
import Testing
import Wire

@Suite("ToolTable")
struct ToolTableTests {
    /// The table of a list, and the names of tools whose annotations are not followed.
    private func read(_ tools: String) throws -> (table: ToolTable?, faults: [String]) {
        let text = tools.buffer
        defer { withExtendedLifetime(text) {} }
        let value = try #require(JSONValue(text.bytes, depthMax: 64))
        var faults: [String] = []
        let table = ToolTable(tools: value) { faults.append("\($0.text): \($1.text)") }
        return (table, faults)
    }

    private func tool(_ name: String, _ field: String) -> String {
        """
        {"title":"x","name":"\(name)","inputSchema":{"properties":{\
        "a":{"type":"string","x-mcp-header":"\(field)"}}}}
        """
    }

    /// The field of a tool's argument, as the error for its lack names it; nil without the tool.
    private func field(_ table: ToolTable, _ name: String) throws -> String? {
        let name = name.buffer
        let arguments = #"{"a":""}"#.buffer
        defer { withExtendedLifetime((name, arguments)) {} }
        guard let headers = table[name.bytes] else { return nil }
        let value = try #require(JSONValue(arguments.bytes, depthMax: 1))
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        let mismatch = try #require(headers.check(arguments: value, headers: none))
        let output = ByteBuffer()
        headers.append(mismatch, to: output)
        return output.bytes.text.split(separator: " ").first.map(String.init)
    }

    @Test("Each of many tools is found by its name, and nothing by another")
    func lookup() throws {  // S-107
        let names = (0..<300).map { "tool\($0 * 7919 % 300)" } + ["", "a", "é", "données-clés"]
        let tools = names.enumerated().map { tool($1, "F\($0)") } + [#"{"name":"plain"}"#]
        let table = try #require(try read("[\(tools.joined(separator: ","))]").table)
        #expect(table.count == names.count)
        for (index, name) in names.enumerated() {
            #expect(try field(table, name) == "Mcp-Param-F\(index)")
        }
        for name in ["plain", "tool", "tool300", "Tool1", "tool1 ", "b", "tool\u{0}"] {
            #expect(try field(table, name) == nil)
        }
    }

    @Test("Names are decoded")
    func decoded() throws {  // S-107
        let table = try #require(try read("[\(tool(#"\u0061\n"#, "F"))]").table)
        #expect(try field(table, "a\n") == "Mcp-Param-F")
        #expect(try field(table, #"\u0061\n"#) == nil)
    }

    @Test("Of two tools with the same name the second counts")
    func duplicates() throws {
        let first = tool("t", "F")
        #expect(
            try field(#require(try read("[\(first),\(tool("t", "G"))]").table), "t")
                == "Mcp-Param-G")
        for second in [#"{"name":"t"}"#, #"{"name":"t","inputSchema":{}}"#, tool("t", "no token")] {
            let table = try #require(try read("[\(first),\(second)]").table)
            #expect(table.count == 0)
            #expect(try field(table, "t") == nil)
        }
    }

    @Test("A tool whose annotations are invalid is told and left out; others stay")
    func invalid() throws {  // S-107, C-097
        let (table, faults) = try read(
            "[\(tool("a", "A")),\(tool(#"\u0062"#, "")),\(tool("c", "C"))]")
        #expect(faults == ["b: an x-mcp-header is not a token"])
        #expect(table?.count == 2)
        #expect(try field(#require(table), "c") == "Mcp-Param-C")
        #expect(try field(#require(table), "b") == nil)
    }

    @Test(
        "Only an array of tools with names is a list",
        arguments: [
            ("[]", true), (#"[{"name":"a"}]"#, true), (#"[{"name":"a","inputSchema":7}]"#, true),
            ("{}", false), ("null", false), (#"{"tools":[]}"#, false), ("[7]", false),
            ("[{}]", false), (#"[{"name":7}]"#, false), (#"[{"name":null}]"#, false),
            (#"[{"name":"a"},["name"]]"#, false),
        ])
    func lists(_ tools: String, _ isList: Bool) throws {
        #expect((try read(tools).table != nil) == isList)
    }

    @Test("It counts the memory of each tool")
    func memory() throws {
        let empty = try #require(try read("[]").table)
        #expect(empty.heldBytes == 0)
        let one = try #require(try read("[\(tool("a", "A"))]").table)
        let two = try #require(try read("[\(tool("a", "A")),\(tool("b", "B"))]").table)
        #expect(one.heldBytes > 150)
        #expect(two.heldBytes > one.heldBytes * 3 / 2)
    }
}
