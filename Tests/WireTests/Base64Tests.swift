import Testing
import Wire

@Suite("Base64")
struct Base64Tests {
    private func decode(_ text: String) -> String? {
        text.withBytes { Base64.decode($0)?.text }
    }

    @Test(
        "The vectors of RFC 4648 §10, both ways",
        arguments: [
            ("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"), ("Zm9vYmFy", "foobar"),
        ])
    func vectors(_ text: String, _ decoded: String) {  // S-108
        #expect(decode(text) == decoded)
        let encoded = ByteBuffer.text { output in
            decoded.withBytes { Base64.encode($0, to: output) }
        }
        #expect(encoded == text)
    }

    @Test("All bytes come back")
    func roundTrip() {
        let bytes = (0..<255).map { UInt8($0) } + [255, 0, 1]
        for count in 250...bytes.count {
            let encoded = ByteBuffer()
            bytes.prefix(count).withUnsafeBytes { Base64.encode($0, to: encoded) }
            let decoded = withExtendedLifetime(encoded) { Base64.decode(encoded.bytes) }
            #expect(decoded.map { Array($0.bytes) } == Array(bytes.prefix(count)))
        }
    }

    @Test(
        "What is not padded, has other characters, or could be written otherwise is refused",
        arguments: [
            "Z", "Zg", "Zm8", "Zm9vYg", "Zg=", "Zg===", "=", "==", "====", "Z===", "Zg==Zg==",
            "Zm8=Zm9v", "=Zm9", "Zm=v", " Zm9v", "Zm9v ", "Zm9v\n", "Zm 9v", "Zm9\t", "Zm9-",
            "Zm9_", "Zm9.", "Zm9\u{e9}", "Zm9\0", "Zm9@", "Zm9[", "Zm9`", "Zm9{", "Zm9:", "Zm9,",
            // Bits that are left over have to be zero.
            "Zh==", "Zv==", "Zm9=", "Zm+=",
        ])
    func refused(_ text: String) {  // S-108
        #expect(decode(text) == nil)
    }

    @Test("A character stands for six bits, at each place, or for nothing", arguments: 0..<4)
    func alphabet(_ place: Int) {
        let alphabet = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for byte in UInt8.min...(.max) where byte != UInt8(ascii: "=") {
            var text = Array("AAAA".utf8)
            text[place] = byte
            let decoded = text.withUnsafeBytes { Base64.decode($0).map { Array($0.bytes) } }
            let bits = alphabet.firstIndex(of: byte).map { $0 << (18 - 6 * place) }
            let expected = bits.map { [$0 >> 16, $0 >> 8 & 0xFF, $0 & 0xFF].map(UInt8.init) }
            #expect(decoded == expected)
        }
    }

    @Test("Each byte has exactly one form", arguments: UInt8.min...(.max))
    func canonical(_ byte: UInt8) {
        var forms = 0
        for first in UInt8(0x20)..<0x7F {
            for second in UInt8(0x20)..<0x7F {
                let decoded = [first, second, 0x3D, 0x3D].withUnsafeBytes { Base64.decode($0) }
                if let decoded, Array(decoded.bytes) == [byte] { forms += 1 }
            }
        }
        #expect(forms == 1)
    }
}
