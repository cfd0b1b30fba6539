import Testing
import Wire

@Suite("JSONWriter")
struct JSONWriterTests {
    @Test("Every character survives the way through a JSON parser, in any place")
    func roundTrip() throws {
        let characters =
            (0..<0x80).map { Unicode.Scalar($0)! } + ["\u{e9}", "\u{2028}", "\u{1F600}"]
        for character in characters {
            for text in ["\(character)", "a\(character)b", "\(character)\(character)z"] {
                let json = ByteBuffer.text { output in
                    text.withBytes { output.append(jsonString: $0) }
                }
                let document = try #require(parse(json))
                #expect(document.root.string?.text == text)
                withExtendedLifetime(document) {}
            }
        }
    }

    @Test("A character is found wherever it stands, among any number of plain ones")
    func places() {
        for count in 0...50 {
            for place in 0...count {
                for (character, written) in [("\"", "\\\""), ("\u{2028}", "\\u2028"), ("ä", "ä")] {
                    let head = String(repeating: "x", count: place)
                    let tail = String(repeating: " ", count: count - place)
                    let text = head + character + tail
                    let json = ByteBuffer.text { output in
                        text.withBytes { output.append(jsonString: $0) }
                    }
                    #expect(json == "\"" + head + written + tail + "\"")
                    #expect(text.withBytes { UTF8Text.isValid($0) })
                }
                var bytes = [UInt8](repeating: 0x20, count: count + 1)
                bytes[place] = 0xFF
                #expect(!bytes.withUnsafeBytes { UTF8Text.isValid($0) })
            }
        }
    }

    @Test("The common escapes are the short ones")
    func escapes() {
        let json = ByteBuffer.text { output in
            "\"\\\n\r\t\u{1}\u{1f}/".withBytes { output.append(jsonString: $0) }
        }
        #expect(json == #""\"\\\n\r\t\u0001\u001f/""#)
    }

    @Test("What some take for a line end is escaped, and what stands beside it is not")
    func separators() {
        let json = ByteBuffer.text { output in
            "\u{84}\u{85}\u{86}\u{2027}\u{2028}\u{2029}\u{202A}\u{D7FF}\u{E000}".withBytes {
                output.append(jsonString: $0)
            }
        }
        #expect(json == "\"\u{84}\\u0085\u{86}\u{2027}\\u2028\\u2029\u{202A}\u{D7FF}\u{E000}\"")
    }

    @Test("No text is an empty string")
    func empty() {
        let json = ByteBuffer.text { $0.append(jsonString: .init(start: nil, count: 0)) }
        #expect(json == "\"\"")
    }
}
