import Link
import MCP
import Session
import Testing
import Wire

@Suite("Session records")
struct SessionRecordTests {
    private func buffer(_ text: String) -> ByteBuffer {
        let buffer = ByteBuffer()
        buffer.append(Array(text.utf8))
        return buffer
    }

    private func text(_ buffer: ByteBuffer?) -> String? {
        buffer.map { String(decoding: Array($0.bytes), as: UTF8.self) }
    }

    private func principal(_ bytes: [UInt8]) -> Principal? {
        bytes.withUnsafeBytes { Principal($0) }
    }

    private func read(_ text: String, depthMax: Int = 64) -> SessionRecord? {
        let text = buffer(text)
        return SessionRecord(text.bytes, depthMax: depthMax)
    }

    @Test(
        "What is written is read",
        arguments: [Array("anna".utf8), Array("\"\\\u{2028}é".utf8), [0xFF, 0x00]])
    func roundTrip(_ name: [UInt8]) throws {
        let record = SessionRecord(
            principal: principal(name), revision: .june2025, isReady: true,
            clientInfo: buffer("{\"name\":\"c\",\n\"version\":\"1\"}"),
            clientCapabilities: buffer("{\"roots\":{\"a\":[1,2]}}"), logLevel: .warning,
            primaries: [StreamToken(high: 1, low: 2), StreamToken(high: .max, low: 0)],
            subscriptions: [buffer("a:b"), buffer("file:///\"x\"")])
        let written = record.text
        #expect(!written.bytes.contains(0x0A))
        let read = try #require(SessionRecord(written.bytes, depthMax: 64))
        #expect(read.principal == record.principal)
        #expect(read.revision == .june2025)
        #expect(read.isReady)
        #expect(text(read.clientInfo) == "{\"name\":\"c\", \"version\":\"1\"}")
        #expect(text(read.clientCapabilities) == "{\"roots\":{\"a\":[1,2]}}")
        #expect(read.logLevel == .warning)
        #expect(read.primaries == record.primaries)
        #expect(read.subscriptions.map { text($0) } == ["a:b", "file:///\"x\""])
    }

    @Test("The least record is read, and what a later version adds is ignored")
    func least() throws {
        let least = #"{"revision":"2025-03-26","ready":false,"clientInfo":{},"capabilities":{}"#
        for tail in ["}", #","later":[{}],"logLevel":"loud"}"#] {
            let record = try #require(read(least + tail))
            #expect(record.principal == nil)
            #expect(!record.isReady)
            #expect(record.logLevel == nil)
            #expect(record.primaries.isEmpty && record.subscriptions.isEmpty)
            #expect(text(record.text) == least + "}")
        }
    }

    @Test(
        "What is no record is refused, and above all one whose owner cannot be read (S-500)",
        arguments: [
            "", "{}", "[]", "null", "{",
            #"{"revision":"2026-07-28","ready":true,"clientInfo":{},"capabilities":{}}"#,
            #"{"revision":"2024-01-01","ready":true,"clientInfo":{},"capabilities":{}}"#,
            #"{"revision":"2025-11-25","ready":1,"clientInfo":{},"capabilities":{}}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":[],"capabilities":{}}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":{}}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":{},"capabilities":{},"principal":""}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":{},"capabilities":{},"principal":7}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":{},"capabilities":{},"principalBase64":"?"}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":{},"capabilities":{},"primaries":["x"]}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":{},"capabilities":{},"primaries":[7]}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":{},"capabilities":{},"subscriptions":[7]}"#,
            #"{"revision":"2025-11-25","ready":true,"clientInfo":{"a":[[[[]]]]},"capabilities":{}}"#,
        ])
    func refused(_ text: String) {
        #expect(read(text, depthMax: 3) == nil)
    }

    @Test("A stream's record has the request's id, of each type (S-013)")
    func streams() {
        let ids: [RequestID] = [
            .integer(7), .integer(-1), .string(Array("7".utf8)), .string(Array("\"\n".utf8)),
            .digits(Array("123456789012345678901234567890".utf8)),
        ]
        for id in ids {
            let record = StreamRecord.text(of: id)
            #expect(StreamRecord.id(record.bytes, limits: Limits()) == id)
        }
        for text in ["", "{}", "[]", #"{"id":1.5}"#, #"{"id":null}"#, #"{"id":[7]}"#] {
            let record = buffer(text)
            #expect(StreamRecord.id(record.bytes, limits: Limits()) == nil)
        }
    }
}
