import Testing
import Wire

/// An event stream's reader, as WHATWG HTML §9.2.6 has it.
struct EventReader {
    struct Event: Equatable {
        var type = "message"
        var data = ""
    }

    private(set) var events: [Event] = []
    private(set) var comments = 0
    private var type = ""
    private var data: String?

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
        default: break
        }
    }

    private mutating func dispatch() {
        if let data { events.append(Event(type: type.isEmpty ? "message" : type, data: data)) }
        type = ""
        data = nil
    }
}

@Suite("SSEFrame")
struct SSEFrameTests {
    @Test(
        "A reader gets the text back, its line ends as LF",
        arguments: [
            ("{}", "{}"), ("", ""), (" {}", " {}"), ("a:b", "a:b"),
            ("\u{e9}\u{2028}", "\u{e9}\u{2028}"),
            ("a\nb", "a\nb"), ("a\rb", "a\nb"), ("a\r\nb", "a\nb"), ("a\n\rb", "a\n\nb"),
            ("a\r\rb", "a\n\nb"), ("a\r\n\r\nb", "a\n\nb"), ("a\n\nb", "a\n\nb"),
            ("\na", "\na"), ("a\n", "a\n"), ("\r\n", "\n"), ("a\rb\nc\r\nd", "a\nb\nc\nd"),
            ("a\nevent: x\n\ndata: y", "a\nevent: x\n\ndata: y"), ("a\n: c", "a\n: c"),
        ])
    func lineEnds(_ text: String, _ data: String) {
        let stream = ByteBuffer.text { output in
            SSEFrame.append(to: output) { $0.append(text.buffer) }
            SSEFrame.append(to: output) { $0.append("next") }
        }
        #expect(EventReader(stream).events == [.init(data: data), .init(data: "next")])
    }

    @Test("A message in one line costs one line")
    func oneLine() {
        let frame = ByteBuffer.text { SSEFrame.append(to: $0) { $0.append("{\"a\":1}") } }
        #expect(frame == "event: message\ndata: {\"a\":1}\n\n")
    }

    @Test("What stood in the buffer before the event is left alone")
    func earlierBytes() {
        let output = "a\nb".buffer
        SSEFrame.append(to: output) { $0.append("c\nd") }
        #expect(output.text == "a\nbevent: message\ndata: c\ndata: d\n\n")
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
}
