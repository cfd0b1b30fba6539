import Testing
import Wire

@Suite("ASCII")
struct ASCIITests {
    @Test("Equality is of all bytes, and of nothing else")
    func equality() {
        "abc".withBytes { text in
            #expect(text.equals("abc"))
            #expect(!text.equals("abcd"))
            #expect(!text.equals("abC"))
            #expect(text.equalsIgnoringCase("abc"))
            #expect("aBc".withBytes { text.equalsIgnoringCase($0) })
            #expect(!"ab[".withBytes { text.equalsIgnoringCase($0) })
            #expect(text.hasPrefix("ab"))
            #expect(text.hasPrefix(""))
            #expect(!text.hasPrefix("abcd"))
        }
        "".withBytes { #expect($0.equals("") && $0.equals($0)) }
    }

    @Test(
        "Equality in constant time is equality", arguments: ["", "a", "abc", "abd", "bbc", "abcd"])
    func constantTime(_ text: String) {
        text.withBytes { text in
            for other in ["", "a", "abc"] {
                other.withBytes { #expect(text.equalsInConstantTime($0) == text.equals($0)) }
            }
        }
    }

    @Test(
        "Trimming takes spaces and tabs off both ends, and nothing from between",
        arguments: [("", ""), (" \t ", ""), (" a b\t", "a b"), ("a", "a"), ("\na", "\na")])
    func trimming(_ text: String, _ trimmed: String) {
        #expect(text.withBytes { $0.trimmed.text } == trimmed)
    }

    @Test(
        "A list has one part more than it has separators",
        arguments: [
            ("", [""]), ("a", ["a"]), ("a,b", ["a", "b"]), (" a , ,b,", ["a", "", "b", ""]),
        ])
    func parts(_ list: String, _ expected: [String]) {
        var parts: [String] = []
        list.withBytes { bytes in
            bytes.forEachPart(separatedBy: UInt8(ascii: ",")) { parts.append($0.text) }
        }
        #expect(parts == expected)
    }

    @Test("A cut keeps the separator out of both parts, and tells none from an empty tail")
    func cutting() {
        "a=b=c".withBytes { #expect($0.cut(at: 0x3D).tail?.text == "b=c") }
        "a=".withBytes { #expect($0.cut(at: 0x3D).tail?.text == "") }
        "a".withBytes { #expect($0.cut(at: 0x3D).tail == nil) }
    }

    @Test("Prefixes and drops stay inside the bytes")
    func bounds() {
        "abc".withBytes { text in
            #expect(text.prefixBytes(2).text == "ab" && text.prefixBytes(9).text == "abc")
            #expect(text.dropBytes(2).text == "c" && text.dropBytes(9).text == "")
        }
    }

    @Test("Sixteen digits are a number, and anything else among them makes none", arguments: 0..<16)
    func sixteenDigits(_ place: Int) {
        let digits = Array("0123456789abcdef".utf8)
        for byte in UInt8.min...(.max) {
            var text = digits.shuffled()
            text[place] = byte
            let expected =
                digits.contains(byte)
                ? UInt64(String(decoding: text, as: UTF8.self), radix: 16) : nil
            #expect(text.withUnsafeBytes { $0.hexadecimal } == expected)
        }
    }
}
