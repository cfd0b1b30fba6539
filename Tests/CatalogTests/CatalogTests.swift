import Catalog
import Engine
import MCP
import Session
import Testing
import Wire

@Suite("Catalog")
struct CatalogTests {
    @Test("Leaves to the host what it does not hold")
    func passesOn() throws {
        let desk = Desk()
        desk.open()
        let methods = ["tools/list", "tools/call", "resources/read", "prompts/get", "x/y"]
        for (id, method) in methods.enumerated() {
            _ = desk.ask(method, #"{"name":"t","uri":"u"}"#, id: 10 + id)
        }
        try desk.add(tool: "t", [])
        _ = desk.ask("prompts/list", id: 20)
        _ = desk.ask("x/y", id: 21)
        #expect(desk.delivered.filter { $0 == .request }.count == 7)
        #expect(desk.ask("tools/list") == Self.list("tools", [Self.tool("t")]))
    }

    static func tool(_ name: String) -> String {
        #"{"name":"\#(name)","inputSchema":{"type":"object"}}"#
    }

    static func list(_ name: String, _ items: [String], next: String? = nil) -> String {
        let cursor = next.map { #","nextCursor":"\#($0)""# } ?? ""
        return #"{"result":{"\#(name)":[\#(items.joined(separator: ","))]\#(cursor)}}"#
    }

    @Test("Declares parameters as a schema")
    func schema() throws {
        let desk = Desk()
        let text = Parameter(("text" as StaticString).rawBytes, .string)
        text.isRequired = true
        text.description = ("A \"text\"" as StaticString).rawBytes
        text.maximum = 9
        text.header = ("Text" as StaticString).rawBytes
        let size = Parameter(("size" as StaticString).rawBytes, .integer)
        size.choices = ("1|2" as StaticString).rawBytes
        size.fallback = ("1" as StaticString).rawBytes
        let any = Parameter(("any" as StaticString).rawBytes, .json)
        try desk.add(tool: "t", [text, size, any])
        desk.open()
        let properties =
            #"{"text":{"type":"string","description":"A \"text\"","minLength":0,"maxLength":9,"#
            + #""x-mcp-header":"Text"},"size":{"type":"integer","enum":[1,2],"default":1},"any":{}}"#
        #expect(
            desk.ask("tools/list")
                == Self.list(
                    "tools",
                    [
                        #"{"name":"t","inputSchema":{"type":"object","properties":\#(properties),"#
                            + #""required":["text"]}}"#
                    ]))
        // The engine checks the header.
        let call = #""name":"t","arguments":{"text":"x"}"#
        #expect(desk.askModern("tools/call", call, name: "t").contains("-32020"))
    }

    @Test("Says what it can do, in both eras, unless the host has said it")
    func capabilities() throws {
        let desk = Desk()
        #expect(desk.open().contains(#""capabilities":{}"#))
        try desk.add(tool: "t", [])
        #expect(
            desk.open().contains(#""capabilities":{"logging":{},"tools":{"listChanged":true}}"#))
        try desk.add(.prompt, #"{"name":"p"}"#, complete: 1)
        try desk.add(.template, #"{"uriTemplate":"a:{b}","name":"n"}"#)
        let all =
            #"{"logging":{},"tools":{"listChanged":true},"#
            + #""resources":{"listChanged":true,"subscribe":true},"#
            + #""prompts":{"listChanged":true},"completions":{}}"#
        #expect(desk.open().contains(all))
        #expect(desk.askModern("server/discover").contains(all))

        let stateless = Desk(isStateless: true)
        try stateless.add(tool: "t", [])
        #expect(stateless.open().contains(#""capabilities":{"logging":{},"tools":{}}"#))
        // Of a resource without variables there is nothing to complete.
        let fixed = Desk()
        try fixed.add(.resource, #"{"uri":"u","name":"u"}"#, complete: 1)
        #expect(!fixed.open().contains("completions"))
        try fixed.add(.template, #"{"uriTemplate":"a:{b}","name":"n"}"#)
        #expect(!fixed.open().contains("completions"))
        try fixed.add(.template, #"{"uriTemplate":"a:{b}","name":"n"}"#, complete: 1)
        #expect(fixed.open().contains(#""completions":{}"#))
        let own = Desk(capabilities: #"{"tools":{"x":1}}"#)
        try own.add(tool: "t", [])
        #expect(own.open().contains(#""capabilities":{"tools":{"x":1}}"#))
    }

    @Test("Lists in pages, which go on where the last ended, whatever was removed meanwhile")
    func pages() throws {
        let desk = Desk()
        try desk.set { $0.page = 2 }
        for name in ["a", "b", "c", "d", "e"] { try desk.add(tool: name, []) }
        desk.open()
        func page(_ cursor: String?) -> String {
            desk.ask("tools/list", cursor.map { #"{"cursor":"\#($0)"}"# } ?? "{}")
        }
        #expect(page(nil) == Self.list("tools", [Self.tool("a"), Self.tool("b")], next: "r2"))
        try desk.perform(Work.remove(.tool), nil, "b")
        try desk.perform(Work.remove(.tool), nil, "c")
        #expect(page("r2") == Self.list("tools", [Self.tool("d"), Self.tool("e")]))
        #expect(page("r5") == Self.list("tools", []))
        #expect(page(nil) == Self.list("tools", [Self.tool("a"), Self.tool("d")], next: "r4"))
        #expect(desk.ask("tools/list", #"{"cursor":null}"#) == page(nil))
        for cursor in ["", "x", "r", "r-1", "t1", "r99999999999999999999", "r1x"] {
            #expect(page(cursor).contains("The cursor is not valid"), "\(cursor)")
        }
        #expect(desk.ask("tools/list", #"{"cursor":1}"#).contains("The cursor is not valid"))
    }

    @Test("Replaces in place, removes, and tells of each change")
    func changes() throws {
        let desk = Desk()
        desk.open()
        try desk.add(tool: "a", [])
        try desk.add(tool: "b", [])
        try desk.add(.tool, #"{"name":"a","x":1}"#)
        #expect(desk.published == [.tools, .tools, .tools])
        let both = [#"{"name":"a","x":1}"#, Self.tool("b")]
        #expect(desk.ask("tools/list") == Self.list("tools", both))
        try desk.perform(Work.remove(.tool), nil, "a")
        #expect(desk.ask("tools/list") == Self.list("tools", [Self.tool("b")]))
        #expect(desk.ask("tools/call", #"{"name":"a"}"#).contains("Unknown tool: a"))
        #expect(throws: CallerFault.notFound) { try desk.perform(Work.remove(.tool), nil, "a") }
        try desk.perform(Work.remove(.tool), nil, "b")
        #expect(desk.ask("tools/list") == Self.list("tools", []))
        try desk.add(.prompt, #"{"name":"p"}"#)
        try desk.add(.resource, #"{"uri":"u","name":"u"}"#)
        #expect(desk.published.suffix(2) == [.prompts, .resources])
    }

    @Test("Holds no more than it may")
    func limits() throws {
        let desk = Desk()
        try desk.set { $0.entries = 2 }
        try desk.add(tool: "a", [])
        try desk.add(tool: "b", [])
        #expect(throws: CallerFault.limit) { try desk.add(tool: "c", []) }
        try desk.add(tool: "a", [])  // replaced
        try desk.add(.prompt, #"{"name":"p"}"#)
        try desk.perform(Work.remove(.tool), nil, "a")
        try desk.add(tool: "c", [])
    }

    @Test("Hides what a client may not see")
    func visible() throws {
        let desk = Desk()
        try desk.add(tool: "a", [])
        try desk.add(tool: "b", [])
        desk.open()
        _ = desk.ask("tools/list")
        try desk.set { $0.visible = 1 }
        desk.isVisible = { String($0.name) == "b" }
        #expect(desk.ask("tools/list") == Self.list("tools", [Self.tool("b")]))
        #expect(desk.ask("tools/call", #"{"name":"a"}"#).contains("Unknown tool: a"))
        desk.isVisible = { String($0.name) == "a" }
        #expect(desk.ask("tools/list") == Self.list("tools", [Self.tool("a")]))
    }

    @Test("Says how long lists may be kept, to modern clients only")
    func hints() throws {
        let desk = Desk()
        try desk.add(tool: "a", [])
        desk.open()
        let hints = #""ttlMs":0,"cacheScope":"private","tools":["#
        #expect(desk.askModern("tools/list").contains(hints))
        try desk.set {
            $0.ttl = 5000
            $0.isPublic = true
        }
        #expect(
            desk.askModern("tools/list").contains(#""ttlMs":5000,"cacheScope":"public","tools":["#))
        #expect(desk.ask("tools/list") == Self.list("tools", [Self.tool("a")]))
        try desk.set {
            $0.isPublic = true
            $0.visible = 1
        }
        #expect(desk.askModern("tools/list").contains(#""cacheScope":"private""#))
    }

    @Test("A list that was filtered is not kept, even if the host stops filtering meanwhile")
    func unfiltered() throws {
        let desk = Desk()
        try desk.add(tool: "a", [])
        try desk.add(tool: "b", [])
        desk.open()
        try desk.set { $0.visible = 1 }
        desk.isVisible = { _ in
            try? desk.set { _ in }
            return false
        }
        #expect(desk.ask("tools/list") == Self.list("tools", [Self.tool("b")]))
        #expect(desk.ask("tools/list") == Self.list("tools", [Self.tool("a"), Self.tool("b")]))
    }

    @Test("Checks structured content against the output schema")
    func structured() throws {
        let desk = Desk()
        let schema = #"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#
        try desk.add(.tool, #"{"name":"t","outputSchema":\#(schema)}"#)
        desk.onCall = { key, _, _ in
            let wrong = #"{"content":[],"structuredContent":{"n":"x"}}"#
            #expect(throws: CallerFault.invalidMessage) {
                try desk.perform(Work.replyStructured, key, wrong)
            }
            try? desk.perform(
                Work.replyStructured, key, #"{"content":[],"structuredContent":{"n":1}}"#)
        }
        desk.open()
        #expect(
            desk.ask("tools/call", #"{"name":"t"}"#)
                == #"{"result":{"content":[],"structuredContent":{"n":1}}}"#)
    }

    @Test("A tool without a callback is an event, with its arguments checked")
    func events() throws {
        let desk = Desk()
        try desk.add(
            .tool, #"{"name":"t","inputSchema":{"type":"object","required":["a"]}}"#, call: 0)
        desk.open()
        #expect(desk.ask("tools/call", #"{"name":"t"}"#).contains("a is missing."))
        #expect(!desk.delivered.contains(.toolCall))
        _ = desk.ask("tools/call", #"{"name":"t","arguments":{"a":1}}"#)
        #expect(desk.delivered.contains(.toolCall))
        let key = try #require(desk.open.last)
        try desk.reply(key, "late")
    }

    @Test("Log messages obey the level that a session has set", arguments: [true, false])
    func levels(_ isSet: Bool) throws {
        let desk = Desk()
        try desk.add(tool: "t", [])
        desk.onCall = { _, _, _ in }
        desk.open()
        if isSet {
            #expect(desk.ask("logging/setLevel", #"{"level":"error"}"#) == #"{"result":{}}"#)
        }
        _ = desk.ask("tools/call", #"{"name":"t"}"#, id: 9)
        let key = try #require(desk.open.last)
        #expect(desk.engine.wants(.error, key))
        #expect(desk.engine.wants(.warning, key) == !isSet)
        #expect(
            desk.ask("logging/setLevel", #"{"level":"loud"}"#)
                == #"{"error":{"code":-32602,"message":"logging/setLevel needs a level: debug, "#
                + #"info, notice, warning, error, critical, alert or emergency"}}"#)
        #expect(desk.ask("logging/setLevel").contains("-32602"))
    }

    @Test("A question that cannot be asked fails at once, or tells its function")
    func questions() throws {
        let desk = Desk()
        try desk.add(tool: "t", [])
        desk.onCall = { _, _, _ in }
        desk.open()
        let answer = withUnsafeBytes(of: (UInt(3), UInt(4))) { Array($0) }
        let gone = RequestKey(rawValue: 12345)
        #expect(throws: CallerFault.notFound) {
            try desk.perform(Work.elicit, gone, "{}", answer)
        }
        #expect(desk.answers.isEmpty)
        try desk.perform(Work.elicit, gone, "{}", answer, wasQueued: true)
        #expect(desk.answers.map(\.0) == [3])
        #expect(desk.answers.map(\.1) == [.notFound])
    }
}
