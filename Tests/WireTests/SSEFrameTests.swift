import Testing
import Wire

/// An event stream's reader, as WHATWG HTML §9.2.6 has it.
struct EventReader {
    struct Event: Equatable {
        var type = "message"
        var data = ""
        var id = ""
    }

    private(set) var events: [Event] = []
    private(set) var comments = 0
    /// What the client would come back with, and after how long.
    private(set) var lastEventID = ""
    private(set) var retry: Int?
    private var type = ""
    private var data: String?
    private var id = ""

    init(_ text: String) {
        var lines: [String] = []
        var line: [UInt8] = []
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == 0x0D || (byte == 0x0A && previous != 0x0D) {
                lines.append(String(decoding: line, as: UTF8.self))
                line = []
            } else if byte != 0x0A {
                line.append(byte)
            }
            previous = byte
        }
        for line in lines { read(line) }
    }

    private mutating func read(_ line: String) {
        if line.isEmpty { return dispatch() }
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard !parts[0].isEmpty else {
            comments += 1
            return
        }
        var value = parts.count > 1 ? parts[1] : ""
        if value.hasPrefix(" ") { value.removeFirst() }
        switch parts[0] {
        case "event": type = String(value)
        case "data": data = data.map { $0 + "\n" + value } ?? String(value)
        case "id": id = String(value)
        case "retry": retry = Int(value) ?? retry
        default: break
        }
    }

    private mutating func dispatch() {
        lastEventID = id
        if let data {
            let type = type.isEmpty ? "message" : type
            events.append(Event(type: type, data: data, id: lastEventID))
        }
        type = ""
        data = nil
    }
}

@Suite("SSEFrame")
struct SSEFrameTests {
    @Test(
        "A reader gets the text back",
        arguments: ["{}", "", " {}", "a:b", ": c", "\u{e9}\u{2028}", "\u{FEFF}{}"])
    func text(_ text: String) {
        let stream = ByteBuffer.text { output in
            SSEFrame.append(to: output) { $0.append(text.buffer) }
            SSEFrame.append(to: output) { $0.append("next") }
        }
        #expect(EventReader(stream).events == [.init(data: text), .init(data: "next")])
    }

    @Test("What stood in the buffer before the event is left alone")
    func earlierBytes() {
        let output = "a\nb".buffer
        SSEFrame.append(to: output) { $0.append("{\"a\":1}") }
        #expect(output.text == "a\nbevent: message\ndata: {\"a\":1}\n\n")
    }

    @Test("Opening and keep-alive are comments, and dispatch nothing")
    func comments() {  // S-135
        let reader = EventReader(
            ByteBuffer.text {
                $0.append(SSEFrame.opening)
                $0.append(SSEFrame.keepAlive)
            })
        #expect(reader.comments == 2)
        #expect(reader.events.isEmpty)
    }

    @Test("A priming event has an id and no message")
    func priming() {  // S-238
        let frame = ByteBuffer.text { SSEFrame.appendPriming(to: $0) { $0.append("a.0") } }
        #expect(frame == "id: a.0\ndata:\n\n")
        let reader = EventReader(frame)
        #expect(reader.events == [.init(data: "", id: "a.0")])
        #expect(reader.lastEventID == "a.0")
    }

    @Test(
        "The waiting time stands alone, dispatches nothing and leaves the cursor",
        arguments: [
            (0, "0"), (750, "750"), (.max, "9223372036854775807"),
        ] as [(Int64, String)])
    func retry(_ milliseconds: Int64, _ text: String) {  // S-240
        let frame = ByteBuffer.text { output in
            SSEFrame.appendPriming(to: output) { $0.append("a.0") }
            SSEFrame.appendRetry(milliseconds, to: output)
        }
        #expect(frame.hasSuffix("\n\nretry: \(text)\n\n"))
        let reader = EventReader(frame)
        #expect(reader.retry == Int(milliseconds))
        #expect(reader.events.count == 1)
        #expect(reader.lastEventID == "a.0")
    }

    @Test("An id belongs to the event behind it")
    func identified() {  // S-232, M-004
        let frame = ByteBuffer.text { output in
            for (id, text) in [("a.1", "{}"), ("a.2", "[1]")] {
                SSEFrame.appendID(to: output) { $0.append(id.buffer) }
                SSEFrame.append(to: output) { $0.append(text.buffer) }
            }
            output.append(SSEFrame.keepAlive)
        }
        #expect(frame.hasPrefix("id: a.1\nevent: message\ndata: {}\n\nid: a.2\nevent: "))
        let reader = EventReader(frame)
        #expect(reader.events == [.init(data: "{}", id: "a.1"), .init(data: "[1]", id: "a.2")])
        #expect(reader.lastEventID == "a.2")
    }
}
