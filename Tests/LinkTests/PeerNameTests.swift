import Foundation
import Link
import Testing
import Wire

@Suite("Names of peers")
struct PeerNameTests {
    private func text(_ name: PeerName) -> String? {
        name.text.map { text in
            withExtendedLifetime(text) { String(decoding: text.bytes, as: UTF8.self) }
        }
    }

    /// What the C library makes of 16 bytes.
    private func inet(_ bytes: [UInt8]) -> String {
        var room = [CChar](repeating: 0, count: 64)
        var bytes = bytes
        inet_ntop(AF_INET6, &bytes, &room, 64)
        return String(decoding: room.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
    }

    private func name(_ bytes: [UInt8], scope: UInt32 = 0) -> PeerName {
        func half(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        return .ipv6(half(bytes[..<8]), half(bytes[8...]), scope: scope, port: 8080)
    }

    @Test("IPv4, Unix sockets and unknown peers")
    func short() {
        #expect(text(.ipv4(0x7F00_0001, port: 54321)) == "127.0.0.1:54321")
        #expect(text(.ipv4(0xFFFF_FFFF, port: 0)) == "255.255.255.255:0")
        #expect(text(.unix(process: 17)) == "unix:pid=17")
        #expect(text(.unix(process: 0)) == "unix")
        #expect(text(.unknown) == nil)
    }

    @Test("IPv6 addresses are written as the C library writes them")
    func ipv6() {
        var random = SystemRandomNumberGenerator()
        for mask in 0..<256 {
            // Each combination of groups that are zero.
            let bytes = (0..<16).map { index in
                mask >> (index / 2) & 1 == 0 ? 0 : UInt8.random(in: 1...255, using: &random)
            }
            // The C library writes the last two groups of two forms as IPv4.
            let expected = inet(bytes)
            guard !expected.contains(".") else { continue }
            #expect(text(name(bytes)) == "[\(expected)]:8080")
        }
        for group in [[0, 1], [1, 0], [0, 16], [0xAB, 0xC]] as [[UInt8]] {
            let bytes = [UInt8](repeating: 0, count: 6) + group + group + [0, 0, 0, 0, 0, 1]
            #expect(text(name(bytes)) == "[\(inet(bytes))]:8080")
        }
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 127, 0, 0, 1]
        #expect(text(name(mapped)) == "[::ffff:127.0.0.1]:8080")
        #expect(text(name(mapped)) == "[\(inet(mapped))]:8080")
        let local = [0xFE, 0x80] + [UInt8](repeating: 0, count: 13) + [1]
        #expect(text(name(local, scope: 3)) == "[fe80::1%3]:8080")
    }
}
