/// What a header section says of the body's length: RFC 9112, section 6
struct Framing {
    private(set) var contentLength: UInt64?
    private(set) var isChunked = false
    private(set) var faults: Set<OracleFault> = []
    private(set) var mayAlsoBe: Set<OracleFault> = []

    init(of fields: [OracleField], minorVersion: Int) {
        let lengths = fields.filter { $0.name == Name.contentLength }.map(\.value)
        let codings = fields.filter { $0.name == Name.transferEncoding }.map(\.value)
        if let length = lengths.first {
            contentLength = Framing.number(length)
            if lengths.count > 1 || contentLength == nil { faults.insert(.malformed) }
        }
        if !codings.isEmpty {
            if minorVersion == 0 || !lengths.isEmpty { faults.insert(.malformed) }
            // RFC 9110, section 5.3
            judge(Octets(Array(codings.joined(separator: [UInt8(ascii: ",")]))).codings)
        }
    }

    private static func number(_ digits: [UInt8]) -> UInt64? {
        guard !digits.isEmpty, digits.allSatisfy(Octet.isDigit) else { return nil }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }

    private mutating func judge(_ codings: (names: [Octets.Coding], hasEmpty: Bool)?) {
        let either: Set<OracleFault> = [.malformed, .codingUnknown]
        guard let codings else { return faults.formUnion(either) }
        let chunked = Octets.Coding(name: Array("chunked".utf8), hasParameters: false)
        let isLast = codings.names.last == chunked
        let isOnce = codings.names.filter { $0.name == chunked.name }.count == 1
        if !isLast || !isOnce {
            faults.formUnion(either)
        } else if codings.names.count > 1 {
            faults.insert(.codingUnknown)
        } else {
            isChunked = true
        }
        // RFC 9110, section 5.6.1: "a reasonable number" of them is ignored, so perhaps none.
        if codings.hasEmpty { mayAlsoBe = either }
    }
}

/// Request targets: RFC 9112, section 3.2, and RFC 3986
enum Target {
    /// Whether no server of "http" and "https" has a reason to refuse it for its form.
    static func isRegular(_ target: [UInt8], method: [UInt8]) -> Bool {
        if method.elementsEqual("CONNECT".utf8) { return isAuthority(target[...]) }
        if target.elementsEqual("*".utf8) { return true }
        if target.first == UInt8(ascii: "/") { return isPathAndQuery(target[...]) }
        let lowercased = target.map(Octet.lowercased)
        for scheme in ["http://", "https://"] where lowercased.starts(with: scheme.utf8) {
            let rest = target.dropFirst(scheme.utf8.count)
            let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
            return isAuthority(authority) && isPathAndQuery(rest.dropFirst(authority.count))
        }
        return false
    }

    private static func isPathAndQuery(_ octets: ArraySlice<UInt8>) -> Bool {
        consists(octets, of: ":@/?")
    }

    /// uri-host [ ":" port ], without user information: RFC 9110, sections 4.2.1 and 4.2.4
    private static func isAuthority(_ octets: ArraySlice<UInt8>) -> Bool {
        var host = octets
        if let colon = octets.lastIndex(of: UInt8(ascii: ":")),
            octets[(colon + 1)...].allSatisfy(Octet.isDigit)
        {
            host = octets[..<colon]
        }
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]"), host.count > 2 {
            return host.dropFirst().dropLast().allSatisfy {
                Octet.hexValue($0) != nil || ":.".utf8.contains($0)
            }
        }
        return !host.isEmpty && consists(host, of: "")
    }

    /// Whether all are unreserved, sub-delims, pct-encoded or one of `others`.
    private static func consists(_ octets: ArraySlice<UInt8>, of others: String) -> Bool {
        var rest = octets
        while let octet = rest.popFirst() {
            if octet == UInt8(ascii: "%") {
                for _ in 0..<2 {
                    guard let digit = rest.popFirst(), Octet.hexValue(digit) != nil else {
                        return false
                    }
                }
            } else {
                guard
                    Octet.isAlphanumeric(octet) || "-._~!$&'()*+,;=".utf8.contains(octet)
                        || others.utf8.contains(octet)
                else { return false }
            }
        }
        return true
    }
}

/// The inside of a field value or of a chunk's line, after RFC 9110, section 5.6.
struct Octets {
    struct Coding: Equatable {
        /// In lower case.
        var name: [UInt8]
        var hasParameters: Bool
    }

    private var rest: ArraySlice<UInt8>

    init(_ octets: [UInt8]) { rest = octets[...] }

    /// RFC 9112, section 6.1: #transfer-coding, and nil for what is no such list.
    var codings: (names: [Coding], hasEmpty: Bool)? {
        var octets = self
        var names: [Coding] = []
        var hasEmpty = false
        repeat {
            octets.skipBlanks()
            if let name = octets.takeToken() {
                guard let count = octets.takeParameters(needValues: true) else { return nil }
                names.append(Coding(name: name.map(Octet.lowercased), hasParameters: count > 0))
                octets.skipBlanks()
            } else {
                hasEmpty = true
            }
        } while octets.take(",")
        return octets.rest.isEmpty ? (names, hasEmpty) : nil
    }

    /// RFC 9112, section 7.1.1: chunk-ext
    var areExtensions: Bool {
        var octets = self
        return octets.takeParameters(needValues: false) != nil && octets.rest.isEmpty
    }

    /// *( OWS ";" OWS token [ BWS "=" BWS ( token / quoted-string ) ] )
    private mutating func takeParameters(needValues: Bool) -> Int? {
        var count = 0
        while true {
            var octets = self
            octets.skipBlanks()
            guard octets.take(";") else { return count }
            octets.skipBlanks()
            guard octets.takeToken() != nil else { return nil }
            self = octets
            count += 1
            octets.skipBlanks()
            if octets.take("=") {
                octets.skipBlanks()
                guard octets.takeToken() != nil || octets.takeQuotedString() else { return nil }
                self = octets
            } else if needValues {
                return nil
            }
        }
    }

    private mutating func skipBlanks() { rest = rest.drop(while: Octet.isBlank) }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func takeToken() -> [UInt8]? {
        let token = rest.prefix(while: Octet.isToken)
        rest.removeFirst(token.count)
        return token.isEmpty ? nil : Array(token)
    }

    private mutating func takeQuotedString() -> Bool {
        guard take("\"") else { return false }
        while !take("\"") {
            _ = take("\\")
            guard rest.popFirst() != nil else { return false }
        }
        return true
    }
}

enum Name {
    static let connection = Array("connection".utf8)
    static let contentLength = Array("content-length".utf8)
    static let transferEncoding = Array("transfer-encoding".utf8)
}

enum Octet {
    static let cr: UInt8 = 0x0D
    static let lf: UInt8 = 0x0A
    static let sp: UInt8 = 0x20
    static let ht: UInt8 = 0x09

    static func isBlank(_ octet: UInt8) -> Bool { octet == sp || octet == ht }

    static func isDigit(_ octet: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet)
    }

    static func isAlphanumeric(_ octet: UInt8) -> Bool {
        let letter = lowercased(octet)
        return isDigit(octet) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter)
    }

    /// tchar: RFC 9110, section 5.6.2
    static func isToken(_ octet: UInt8) -> Bool {
        isAlphanumeric(octet) || "!#$%&'*+-.^_`|~".utf8.contains(octet)
    }

    /// field-vchar, SP or HTAB: RFC 9110, section 5.5
    static func isText(_ octet: UInt8) -> Bool { octet == ht || (octet >= 0x20 && octet != 0x7F) }

    static func hexValue(_ octet: UInt8) -> UInt64? {
        let letter = lowercased(octet)
        switch letter {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return UInt64(letter - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): return UInt64(letter - UInt8(ascii: "a")) + 10
        default: return nil
        }
    }

    static func lowercased(_ octet: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(octet) ? octet + 0x20 : octet
    }

    static func trimmed(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var rest = octets
        while let octet = rest.first, isBlank(octet) { rest.removeFirst() }
        while let octet = rest.last, isBlank(octet) { rest.removeLast() }
        return Array(rest)
    }
}
