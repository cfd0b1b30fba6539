import Catalog
import Engine
import Session
import Testing
import Wire

@Suite("What the catalog remembers, and what it frees")
struct OpenTableTests {
    @Test("Calls a tool later, tells it of its end, and forgets requests that end without it")
    func later() throws {
        let desk = Desk()
        try desk.add(.tool, #"{"name":"slow"}"#, cancelled: 1)
        desk.onCall = { _, _, _ in }
        desk.open()
        _ = desk.ask("tools/call", #"{"name":"slow"}"#, id: 1)
        _ = desk.ask("tools/call", #"{"name":"slow"}"#, id: 2)
        #expect(desk.open.count == 2)
        try desk.reply(desk.open[1], "done")
        #expect(throws: CallerFault.notFound) { try desk.reply(desk.open[1], "again") }
        desk.cancel(1)
        #expect(desk.cancelled == ["slow"])
        #expect(!desk.delivered.contains(.cancelled))
        for id in 3..<203 {
            _ = desk.ask("tools/call", #"{"name":"slow"}"#, id: id)
            if let key = desk.open.last {
                try desk.engine.respond(key, ("{}" as StaticString).rawBytes)
            }
        }
        #expect((desk.catalog?.remembered ?? 0) <= 64)
    }

    @Test("Frees what the host has for an entry once: if it was added, or was to be added later")
    func owners() throws {
        let desk = Desk()
        let (kept, refused, late) = (Owner(), Owner(), Owner())
        try desk.set { $0.entries = 1 }
        try desk.add(.tool, #"{"name":"a"}"#, owner: kept)
        #expect(throws: CallerFault.limit) {
            try desk.add(.tool, #"{"name":"b"}"#, owner: refused)
        }
        #expect(throws: CallerFault.invalidMessage) {
            try desk.add(.template, #"{"uriTemplate":"x"}"#, owner: refused)
        }
        #expect(throws: CallerFault.limit) {
            try desk.add(.tool, #"{"name":"b"}"#, owner: late, wasQueued: true)
        }
        #expect(throws: CallerFault.invalidMessage) {
            try desk.add(.template, #"{"uriTemplate":"x"}"#, owner: late, wasQueued: true)
        }
        #expect(kept.frees == 0 && refused.frees == 0 && late.frees == 2)
        try desk.perform(Work.remove(.tool), nil, "a")
        #expect(kept.frees == 1)
    }

    @Test("Forgets a request that has ended, sent or not")
    func forgets() throws {
        let desk = Desk()
        let schema = #"{"type":"object"}"#
        try desk.add(.tool, #"{"name":"t","outputSchema":\#(schema)}"#, cancelled: 1)
        try desk.add(.resource, #"{"uri":"u","name":"u"}"#)
        desk.onCall = { _, _, _ in }
        desk.open()
        let answers: [(method: String, work: UInt32, text: String)] = [
            ("tools/call", Work.reply, #"{"content":[]}"#),
            ("tools/call", Work.replyStructured, #"{"content":[],"structuredContent":{}}"#),
            ("tools/call", Work.fail, "broken"), ("tools/call", Work.failNotFound, ""),
            ("resources/read", Work.reply, #"{"content":[]}"#),
            ("resources/read", Work.fail, "broken"), ("resources/read", Work.failNotFound, ""),
        ]
        for (id, answer) in answers.enumerated() {
            for leaves in [false, true] {
                let id = 2 * id + (leaves ? 1 : 0)
                _ = desk.ask(answer.method, #"{"name":"t","uri":"u"}"#, id: id)
                let key = try #require(desk.open.last)
                #expect(desk.catalog?.remembered == 1)
                if leaves {
                    desk.leave()
                    #expect(throws: CallerFault.disconnected) {
                        try desk.perform(answer.work, key, answer.text)
                    }
                } else {
                    try desk.perform(answer.work, key, answer.text)
                }
                #expect(desk.catalog?.remembered == 0, "\(answer) \(leaves)")
                #expect(throws: CallerFault.notFound) {
                    try desk.perform(answer.work, key, answer.text)
                }
            }
        }
    }

    @Test("Tells a tool of its end even if that waits while others are called or answered")
    func lateEnds() throws {
        let desk = Desk()
        try desk.add(.tool, #"{"name":"slow"}"#, cancelled: 1)
        desk.onCall = { _, _, _ in }
        desk.open()
        for id in 1...64 { _ = desk.ask("tools/call", #"{"name":"slow"}"#, id: id) }
        let first = try #require(desk.open.first)
        for key in desk.open.dropFirst(2) { try desk.end(key) }
        desk.holdsEvents = true
        _ = desk.ask("tools/call", #"{"name":"slow"}"#, id: 65)  // forgets those that are gone
        desk.cancel(1)
        desk.cancel(2)
        #expect(throws: CallerFault.notFound) { try desk.reply(first, "too late") }
        #expect(desk.cancelled.isEmpty)
        desk.holdsEvents = false
        desk.drain()
        #expect(desk.cancelled == ["slow", "slow"])
        #expect(!desk.delivered.contains(.cancelled))
        #expect(desk.catalog?.remembered == 1)
    }

    @Test("What frees an entry may use the catalog, also when its last call is forgotten")
    func frees() throws {
        let desk = Desk()
        let owner = Owner()
        try desk.add(.tool, #"{"name":"gone"}"#, cancelled: 1, owner: owner)
        try desk.add(.tool, #"{"name":"slow"}"#, cancelled: 1)
        desk.onCall = { _, _, _ in }
        desk.open()
        _ = desk.ask("tools/call", #"{"name":"gone"}"#, id: 1)
        for id in 2...64 { _ = desk.ask("tools/call", #"{"name":"slow"}"#, id: id) }
        try desk.perform(Work.remove(.tool), nil, "gone")
        try desk.end(desk.open[0])
        let last = try #require(desk.open.last)
        owner.onFree = {
            try? desk.reply(last, "done")
            try? desk.add(tool: "new", [])
        }
        #expect(owner.frees == 0)
        _ = desk.ask("tools/call", #"{"name":"slow"}"#, id: 65)  // forgets those that are gone
        #expect(owner.frees == 1)
        #expect(throws: CallerFault.notFound) { try desk.reply(last, "again") }
        #expect(desk.catalog?.remembered == 63)
        #expect(desk.ask("tools/list", id: 66).contains(#""name":"new""#))
    }
}
