import Catalog
import Engine
import Session
import Testing
import Wire

@Suite("Resources, prompts and completion")
struct ResourceTests {
    /// A template, a URI, and the decoded variables; nil if it does not fit.
    static let templates: [(String, String, String?)] = [
        ("kv://{key}", "kv://a", "a"), ("kv://{key}", "kv://a%20b%2Fc", "a b/c"),
        ("kv://{key}", "kv://", nil), ("kv://{key}", "kv://a/b", nil),
        ("kv://{key}", "kv://a?b", nil), ("kv://{key}", "kw://a", nil),
        ("kv://{key}", "kv://%zz", nil), ("kv://{key}", "kv://%f", nil),
        ("kv://{key}", "kv://%ff", nil), ("kv://{key}", "kv://%C3%A4", "ä"),
        ("t:{a}/{b}/c", "t:1/2/c", "1|2"), ("t:{a}/{b}/c", "t:1/2/d", nil),
        ("t:{a}-{b}", "t:1-2-3", "1|2-3"), ("t:{a}-{b}", "t:12", nil),
        ("{a}", "x", "x"), ("{a}!", "x!y", nil),
    ]

    @Test("A template fits URIs", arguments: templates)
    func template(_ template: String, _ uri: String, _ values: String?) throws {
        let desk = Desk()
        try desk.add(.template, #"{"uriTemplate":"\#(template)","name":"n"}"#)
        desk.onCall = { key, _, arguments in
            let texts = arguments.values.map { value in
                let start = value.text ?? 0
                return String(
                    decoding: arguments.texts[start..<start + value.textCount], as: UTF8.self)
            }
            try? desk.reply(key, texts.joined(separator: "|"))
        }
        desk.open()
        let answer = desk.ask("resources/read", #"{"uri":"\#(uri)"}"#)
        if let values {
            #expect(answer == #"{"result":{"contents":[{"uri":"\#(uri)","text":"\#(values)"}]}}"#)
        } else {
            #expect(answer.contains("-32002"))
        }
    }

    @Test(
        "Some templates are refused",
        arguments: ["x", "{", "{}", "{+a}", "{a", "{a}{b}", "{a}-{a}", "{a,b}", "{a*}"])
    func invalid(_ template: String) {
        let text = ByteBuffer(template)
        #expect(!withExtendedLifetime(text) { Template.isValid(text.bytes) })
        let desk = Desk()
        #expect(throws: CallerFault.invalidMessage) {
            try desk.add(.template, #"{"uriTemplate":"\#(template)","name":"n"}"#)
        }
    }

    @Test("What is read: always the same, text or binary, and what does not exist")
    func read() throws {
        let desk = Desk()
        try desk.add(
            .resource, #"{"uri":"a:1","name":"a","mimeType":"text/x"}"#, call: 0, extra: "same \"")
        try desk.add(.resource, #"{"uri":"a:2","name":"b","mimeType":"image/png"}"#)
        try desk.add(.template, #"{"uriTemplate":"a:{x}","name":"t"}"#)
        desk.open()
        #expect(
            desk.ask("resources/read", #"{"uri":"a:1"}"#)
                == #"{"result":{"contents":[{"uri":"a:1","mimeType":"text/x","text":"same \""}]}}"#)
        try desk.add(.resource, #"{"uri":"a:0","name":"e"}"#, call: 0, extra: "")
        #expect(
            desk.ask("resources/read", #"{"uri":"a:0"}"#)
                == #"{"result":{"contents":[{"uri":"a:0","text":""}]}}"#)
        desk.onCall = { key, target, _ in
            #expect(String(decoding: target.name, as: UTF8.self) == "a:2")
            try? desk.perform(
                Work.reply, key,
                #"{"content":[{"type":"image","data":"AA==","mimeType":"image/gif"},"#
                    + #"{"type":"resource","resource":{"uri":"z","blob":"AQ=="}},"#
                    + #"{"type":"text","text":"t"}]}"#)
        }
        #expect(
            desk.ask("resources/read", #"{"uri":"a:2"}"#)
                == #"{"result":{"contents":[{"uri":"a:2","mimeType":"image/gif","blob":"AA=="},"#
                + #"{"uri":"z","mimeType":"image/png","blob":"AQ=="},"#
                + #"{"uri":"a:2","mimeType":"image/png","text":"t"}]}}"#)
        desk.onCall = { key, _, _ in try? desk.perform(Work.failNotFound, key) }
        let missing = #""message":"Resource not found","data":{"uri":"a:9"}}"#
        #expect(
            desk.ask("resources/read", #"{"uri":"a:9"}"#)
                == #"{"error":{"code":-32002,\#(missing)}"#)
        #expect(
            desk.askModern("resources/read", #""uri":"a:9""#, name: "a:9")
                == #"{"error":{"code":-32602,\#(missing)}"#)
        #expect(desk.ask("resources/read").contains("-32602"))
        #expect(
            desk.ask("resources/read", #"{"uri":"b:9"}"#).contains("-32002"))
        desk.onCall = { key, _, _ in try? desk.perform(Work.fail, key, "broken") }
        #expect(
            desk.ask("resources/read", #"{"uri":"a:9"}"#)
                == #"{"error":{"code":-32603,"message":"broken"}}"#)
    }

    @Test("Only so many bytes of URIs are remembered, of what is read at a time")
    func uris() throws {
        let desk = Desk()
        try desk.add(.template, #"{"uriTemplate":"a:{x}","name":"t"}"#)
        desk.onCall = { _, _, _ in }
        desk.open()
        let long = String(repeating: "x", count: 1 << 20)
        func ask(_ id: Int) -> String {
            desk.ask("resources/read", #"{"uri":"a:\#(long)"}"#, id: id)
        }
        for id in 1...3 { #expect(ask(id).isEmpty) }
        #expect(ask(4).contains("Too many resources are being read"))
        try desk.reply(desk.open[0], "done")
        #expect(ask(5).isEmpty)
    }

    @Test("Lists fixed resources, and then those of templates, in pages")
    func list() throws {
        let desk = Desk()
        try desk.set { $0.page = 2 }
        try desk.add(.resource, #"{"uri":"r:1","name":"one"}"#)
        try desk.add(
            .template, #"{"uriTemplate":"t:{x}","name":"t","mimeType":"text/plain"}"#, list: 1)
        desk.offers = ["a", "b c", "d", "e"]
        desk.open()
        func item(_ value: String, _ uri: String) -> String {
            #"{"uri":"t:\#(uri)","name":"\#(value)","mimeType":"text/plain"}"#
        }
        func page(_ cursor: String) -> String {
            desk.ask("resources/list", #"{"cursor":"\#(cursor)"}"#)
        }
        #expect(
            desk.ask("resources/list")
                == CatalogTests.list(
                    "resources", [#"{"uri":"r:1","name":"one"}"#, item("a", "a")], next: "t2:a"))
        #expect(
            page("t2:a")
                == CatalogTests.list(
                    "resources", [item("b c", "b%20c"), item("d", "d")], next: "t2:d"))
        #expect(page("t2:d") == CatalogTests.list("resources", [item("e", "e")]))
        desk.offers = []
        #expect(
            desk.ask("resources/list")
                == CatalogTests.list("resources", [#"{"uri":"r:1","name":"one"}"#]))
        #expect(
            desk.ask("resources/templates/list")
                == CatalogTests.list(
                    "resourceTemplates",
                    [#"{"uriTemplate":"t:{x}","name":"t","mimeType":"text/plain"}"#]))
    }

    @Test("Lists the resources of templates from when they are added until they are removed")
    func listChanges() throws {
        let desk = Desk()
        try desk.add(.resource, #"{"uri":"r:1","name":"one"}"#)
        desk.offers = ["a"]
        desk.open()
        let one = #"{"uri":"r:1","name":"one"}"#
        let fixed = CatalogTests.list("resources", [one])
        #expect(desk.ask("resources/list") == fixed)
        try desk.add(.template, #"{"uriTemplate":"t:{x}","name":"t"}"#, list: 1)
        #expect(
            desk.ask("resources/list")
                == CatalogTests.list("resources", [one, #"{"uri":"t:a","name":"a"}"#]))
        try desk.perform(Work.remove(.template), nil, "t:{x}")
        #expect(desk.ask("resources/list") == fixed)
    }

    @Test("Asks who may see only of what a URI fits, and goes on with what fits and may be seen")
    func visible() throws {
        let desk = Desk()
        try desk.set { $0.visible = 1 }
        try desk.add(.resource, #"{"uri":"a:1","name":"a"}"#)
        for template in ["b:{x}", "a:{x}", "{y}:1", "c:{x}"] {
            try desk.add(.template, #"{"uriTemplate":"\#(template)","name":"t"}"#)
        }
        var asked: [String] = []
        desk.isVisible = {
            asked.append(String($0.name))
            return asked.count == 3
        }
        desk.open()
        #expect(desk.ask("resources/read", #"{"uri":"a:1"}"#).contains(#""text":"given 'a'""#))
        #expect(asked == ["a:1", "a:{x}", "{y}:1"])
        asked = []
        #expect(desk.ask("resources/read", #"{"uri":"d:2"}"#).contains("-32002"))
        #expect(asked == [])
    }

    @Test("A prompt's arguments are checked, and its answer becomes messages")
    func prompt() throws {
        let desk = Desk()
        try desk.add(
            .prompt, #"{"name":"p","arguments":[{"name":"a","required":true}]}"#,
            extra: #"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#)
        desk.open()
        #expect(
            desk.ask("prompts/get", #"{"name":"p","arguments":{"a":"b"}}"#)
                == #"{"result":{"messages":[{"role":"user","#
                + #""content":{"type":"text","text":"given 'b'"}}]}}"#)
        #expect(
            desk.ask("prompts/get", #"{"name":"p"}"#)
                == #"{"error":{"code":-32602,"message":"a is missing."}}"#)
        #expect(desk.ask("prompts/get", #"{"name":"q"}"#).contains("Unknown prompt: q"))
        desk.onCall = { key, _, _ in
            try? desk.perform(
                Work.replyMessages, key,
                #"{"content":[{"role":"assistant","content":{"type":"text","text":"x"}}]}"#)
        }
        #expect(
            desk.ask("prompts/get", #"{"name":"p","arguments":{"a":"b"}}"#)
                == #"{"result":{"messages":[{"role":"assistant","#
                + #""content":{"type":"text","text":"x"}}]}}"#)
    }

    @Test("Suggests choices, and what the program adds, that begin with what is typed")
    func complete() throws {
        let desk = Desk()
        try desk.add(
            .prompt, #"{"name":"p"}"#,
            extra: #"{"properties":{"a":{"type":"string","enum":["red","rose","blue"]}}}"#)
        try desk.add(.template, #"{"uriTemplate":"t:{x}","name":"t"}"#, complete: 1)
        desk.offers = ["alpha", "beta", "alps"]
        desk.open()
        func ask(_ ref: String, _ name: String, _ typed: String) -> String {
            desk.ask(
                "completion/complete",
                #"{"ref":{\#(ref)},"argument":{"name":"\#(name)","value":"\#(typed)"}}"#)
        }
        func values(_ list: String, _ total: Int) -> String {
            #"{"result":{"completion":{"values":[\#(list)],"hasMore":false,"total":\#(total)}}}"#
        }
        let prompt = #""type":"ref/prompt","name":"p""#
        let template = #""type":"ref/resource","uri":"t:{x}""#
        #expect(ask(prompt, "a", "r") == values(#""red","rose""#, 2))
        #expect(ask(prompt, "b", "r") == values("", 0))
        #expect(ask(template, "x", "al") == values(#""alpha","alps""#, 2))
        desk.offers = (0..<120).map { "v\($0)" }
        #expect(ask(template, "x", "").contains(#""v99"],"hasMore":true"#))
        func error(_ message: String) -> String {
            #"{"error":{"code":-32602,"message":"\#(message)"}}"#
        }
        #expect(
            ask(#""type":"ref/resource","uri":"u""#, "x", "")
                == error("Unknown resource template: u"))
        #expect(ask(#""type":"ref/prompt","name":"q""#, "x", "") == error("Unknown prompt: q"))
        let type = "completion/complete needs a ref of the type ref/prompt or ref/resource"
        for ref in ["", #""type":"ref/tool""#, #""type":1"#, #""name":"p""#] {
            #expect(ask(ref, "a", "") == error(type), "\(ref)")
        }
        for params in ["{}", "[]", #"{"ref":"p"}"#, #"{"ref":[]}"#] {
            #expect(desk.ask("completion/complete", params) == error(type), "\(params)")
        }
        #expect(
            ask(#""type":"ref/prompt","name":1"#, "a", "")
                == error("A ref of the type ref/prompt needs a name, a string"))
        #expect(
            ask(#""type":"ref/resource","name":"p""#, "a", "")
                == error("A ref of the type ref/resource needs a uri, a string"))
        for argument in [
            "1", "{}", #"{"name":"a"}"#, #"{"name":"a","value":1}"#, #"{"value":"a"}"#,
        ] {
            #expect(
                desk.ask("completion/complete", #"{"ref":{\#(prompt)},"argument":\#(argument)}"#)
                    == error(
                        "completion/complete needs an argument with a name and a value, "
                            + "both strings"), "\(argument)")
        }
        let none = Desk()
        try none.add(tool: "t", [])
        none.open()
        #expect(none.ask("completion/complete") == "")
        #expect(none.delivered.last == .request)
    }
}
