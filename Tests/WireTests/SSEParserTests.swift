import Testing
import Wire

/// What a parser reports of a stream that arrives in `pieces`: `id|type|data` for each event, then
/// the id to resume after, and the delay before that.
private func read(_ pieces: [[UInt8]], bytesMax: Int = 1 << 20) -> [String] {
    var parser = SSEParser(bytesMax: bytesMax)
    var stops: [String] = []
    pieces: for piece in pieces {
        var rest = piece[...]
        while !rest.isEmpty {
            let (step, used) = rest.withUnsafeBytes { parser.parse($0) }
            rest = rest.dropFirst(used)
            switch step {
            case .needsMore: break
            case .event:
                stops.append(
                    [parser.lastEventID, parser.type, parser.data].map(\.text)
                        .joined(separator: "|"))
            case .tooLong:
                stops.append("too long")
                break pieces
            }
        }
    }
    let id = parser.lastEventID.text
    return stops + (id.isEmpty ? [] : ["after \(id)"])
        + (parser.retry.map { ["retry \($0)"] } ?? [])
}

@Suite("SSEParser")
struct SSEParserTests {
    @Test(
        "A stream reads the same whole, byte by byte and cut anywhere (C-021)",
        arguments: [
            ("data: a\n\n", ["||a"]),
            ("data: a\r\n\r\n", ["||a"]),
            ("data: a\r\r", ["||a"]),
            ("data: a\r\n\rdata: b\n\r\n", ["||a", "||b"]),
            ("data: a\r\n\ndata: b\r\r\n", ["||a", "||b"]),
            ("data: a\n\r\ndata: b\r\n\n", ["||a", "||b"]),
            ("data: a\ndata: b\rdata:\r\ndata: c\n\n", ["||a\nb\n\nc"]),  // C-024
            ("\n\n\r\n\rdata: a\n\n\n\n", ["||a"]),
            ("", []), ("\n", []), (":\n\n", []),
            // C-022
            (": open\n\n:data: a\n:\ndata: b\n:x\n\n", ["||b"]),
            // C-023
            ("data:a\n\ndata:  a \n\ndata:\ta\n\n", ["||a", "|| a ", "||\ta"]),
            ("data\n\ndata:\n\ndata\ndata\n\n", ["||", "||", "||\n"]),
            ("Data: a\ndata : b\n data: c\ndatas: d\ndat: e\nx\nx: y\n\n", []),
            ("data: a:b: c\n\n", ["||a:b: c"]),
            // C-025
            ("event: ping\ndata: a\n\ndata: b\n\n", ["|ping|a", "||b"]),
            ("event: ping\n\ndata: b\n\n", ["||b"]),
            ("event: a\nevent: b\ndata: c\n\n", ["|b|c"]),
            ("event: a\nevent\ndata: c\n\n", ["||c"]),
            // C-026
            ("id: 5\n\n", ["after 5"]),
            ("id: 1\ndata: a\n\ndata: b\n\n", ["1||a", "1||b", "after 1"]),
            ("id: 1\ndata: a\n\nid\ndata: b\n\n", ["1||a", "||b"]),
            ("id: 1\ndata: a\nid: 2\n\n", ["2||a", "after 2"]),
            ("id: 1\nid: 2\0\ndata: a\n\n", ["1||a", "after 1"]),
            ("id: 1\nevent: close\n\n", ["after 1"]),
            // C-027
            ("retry: 1500\n", ["retry 1500"]),
            ("retry: 1500\nretry: 007\n\n", ["retry 7"]),
            ("retry: 1\nretry: -2\nretry: +2\nretry: 2.5\nretry: 2 \nretry:\nretry\n", ["retry 1"]),
            ("retry:  2\nretry: \u{0662}\n", []),
            ("retry: 99999999999999999999999\n", ["retry 9223372036854775807"]),
            ("retry: 9223372036854775808\n", ["retry 9223372036854775807"]),
            // C-028
            ("id: 1\ndata:\n\ndata: {}\n\n", ["1||", "1||{}", "after 1"]),
            // C-029
            ("id: 8\n\nid: 9\ndata: {}\n", ["after 8"]),
            ("id: 9\ndata: {}", []), ("data: a\n\ndata: b\r", ["||a"]),
            // C-020
            ("\u{FEFF}data: a\n\n", ["||a"]),
            ("\u{FEFF}\u{FEFF}data: a\n\ndata: b\n\n", ["||b"]),
            ("\u{FEFF}\ndata: \u{FEFF}\n\n", ["||\u{FEFF}"]),
            ("\n\u{FEFF}data: a\n\n", []),
            ("\u{FEFE}data: a\n\n", []),
            ("\u{FEFF}", []),
            ("data: \u{e9}\u{2028}\u{85}\u{1F600}\0\n\n", ["||\u{e9}\u{2028}\u{85}\u{1F600}\0"]),
        ] as [(String, [String])])
    func streams(_ stream: String, _ stops: [String]) {
        for pieces in cuts(of: Array(stream.utf8)) {
            #expect(read(pieces) == stops, "\(pieces)")
        }
    }

    @Test("What is not UTF-8 is passed on, and is no part of a byte order mark (C-020)")
    func invalidText() {
        let stream: [UInt8] = [0xEF, 0xBB] + Array(": b\ndata: ".utf8) + [0xFF, 0x0A, 0x0A]
        for pieces in cuts(of: stream) {
            #expect(read(pieces) == ["||\u{FFFD}"])
        }
        let half: [UInt8] = [0xEF, 0xBB] + Array("data: a\n\n".utf8)
        for pieces in cuts(of: half) { #expect(read(pieces) == []) }
    }

    @Test(
        "A line, and the fields of an event together, are as long as the limit and no longer (C-014)",
        arguments: [
            ("data: 34567890\n\n", ["||34567890"]),
            ("data: 345678901\n\ndata: a\n\n", ["too long"]),
            (":2345678901234\n\ndata: a\n\n", ["||a"]),
            (":23456789012345\n", ["too long"]), (":23456789012345", ["too long"]),
            ("data: 345678\nid: 1\nevent: a\n\n", ["1|a|345678", "after 1"]),
            ("data: 345678\nid: 1\nevent: abcdefg\n\n", ["1|abcdefg|345678", "after 1"]),
            ("data: 345678\nid: 12\nevent: abcdefg\n\n", ["too long"]),
            ("data\ndata\ndata\ndata\ndata\ndata\n\n", ["||\n\n\n\n\n"]),
            (String(repeating: "data\n", count: 20) + "\n", ["too long"]),
            (
                "id: 1\n\n" + String(repeating: "data: a\n\n", count: 3),
                ["1||a", "1||a", "1||a", "after 1"]
            ),
            ("id: 1\ndata: 3\n\nid: 23456789012345\n\n", ["1||3", "too long", "after 1"]),
        ] as [(String, [String])])
    func limits(_ stream: String, _ stops: [String]) {
        for pieces in cuts(of: Array(stream.utf8)) {
            #expect(read(pieces, bytesMax: 14) == stops, "\(pieces)")
        }
    }

    @Test("A stream that was too long once is not read any further")
    func failed() {
        var parser = SSEParser(bytesMax: 6)
        for text in ["data: a", "\n\ndata:b\n\n", "data:c\n\n"] {
            text.withBytes { bytes in
                let (step, used) = parser.parse(bytes)
                #expect(step == .tooLong && used == bytes.count)
            }
        }
    }

    @Test("It stops at each event, and keeps no more than one")
    func memory() {
        var parser = SSEParser(bytesMax: 1 << 20)
        let event = "data: \(String(repeating: "x", count: 100_000))\n\n"
        event.withBytes { bytes in
            for _ in 0..<20 {
                let (step, used) = parser.parse(bytes)
                #expect(step == .event && used == bytes.count)
                #expect(parser.data.count == 100_000)
                #expect(parser.heldBytes < 300_000)
            }
        }
        ":\n".withBytes { #expect(parser.parse($0).step == .needsMore) }
        #expect(parser.heldBytes < 1_000)
    }

    @Test("What the server frames is what the client reads")
    func roundTrip() {
        let output = ByteBuffer()
        output.append(SSEFrame.opening)
        SSEFrame.appendRetry(20, to: output)
        SSEFrame.appendPriming(to: output) { $0.append("a-1") }
        SSEFrame.appendID(to: output) { $0.append("a-2") }
        SSEFrame.append(to: output) { $0.append("{\"a\":1}") }
        output.append(SSEFrame.keepAlive)
        SSEFrame.append(to: output) { $0.append("{}") }
        for pieces in cuts(of: Array(output.text.utf8)) {
            #expect(
                read(pieces) == [
                    "a-1||", "a-2|message|{\"a\":1}", "a-2|message|{}", "after a-2", "retry 20",
                ])
        }
    }
}
