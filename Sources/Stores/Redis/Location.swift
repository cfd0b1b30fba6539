import CLibc
import CStreamableHTTP
import StoreShared

/// Where Redis is, and what of it is the store's.
struct Location {
    enum Endpoint {
        /// A host's name or address, with a NUL, and a port.
        case host([CChar], UInt16)
        /// The path of a socket, with a NUL.
        case path([CChar])
    }

    private(set) var endpoint = Endpoint.path([])
    private(set) var user: [UInt8] = []
    private(set) var password: [UInt8] = []
    private(set) var database: UInt64 = 0
    /// What each key and each channel begins with.
    private(set) var prefix: [UInt8] = Location.defaultPrefix

    private static let defaultPort: UInt64 = 6_379
    private static let defaultPrefix: [UInt8] = [
        UInt8(ascii: "s"), UInt8(ascii: "h"), UInt8(ascii: "t"), UInt8(ascii: "t"),
        UInt8(ascii: "p"), UInt8(ascii: ":"),
    ]
    private static let hostLengthMax = 255
    private static let prefixLengthMax = 100
    private static let databaseMax: UInt64 = 1_000_000

    private typealias Bytes = UnsafeRawBufferPointer

    init(_ text: UnsafeRawBufferPointer) throws(LocationFault) {
        if Location.begins(text, "rediss:") { throw .isTLS }
        if Location.begins(text, "redis://") {
            try parse(server: Location.dropFirst(8, of: text))
        } else if Location.begins(text, "unix:") {
            try parse(socket: Location.dropFirst(5, of: text))
        } else {
            throw .isMalformed
        }
    }

    /// Its address, for people.
    var text: Text {
        var text = Text()
        switch endpoint {
        case .host(let host, let port):
            let isIPv6 = host.contains(CChar(bitPattern: UInt8(ascii: ":")))
            if isIPv6 { text.append("[") }
            text.append(host)
            text.append(isIPv6 ? "]:" : ":")
            text.append(Int64(port))
        case .path(let path): text.append(path)
        }
        return text
    }

    // MARK: redis://[USER:PASSWORD@]HOST[:PORT][/DB][?prefix=PREFIX]

    private mutating func parse(server text: Bytes) throws(LocationFault) {
        let (address, query) = Location.split(text, at: "?")
        let (authority, path) = Location.split(address, at: "/")
        var server = authority
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
            try parse(credentials: Bytes(rebasing: authority[..<at]))
            server = Location.dropFirst(at + 1, of: authority)
        }
        try parse(hostAndPort: server)
        if let path, path.count > 0 { try parse(database: path) }
        try parse(query: query, hasDatabase: false)
    }

    private mutating func parse(credentials text: Bytes) throws(LocationFault) {
        let (user, password) = Location.split(text, at: ":")
        guard let password, password.count > 0 else { throw .hasNoPassword }
        self.user = try Location.decode(user)
        self.password = try Location.decode(password)
    }

    private mutating func parse(hostAndPort text: Bytes) throws(LocationFault) {
        var host = text
        var port: Bytes?
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")) else { throw .isMalformed }
            host = Bytes(rebasing: text[1..<end])
            let rest = Location.dropFirst(end + 1, of: text)
            if rest.count > 0 {
                guard rest[0] == UInt8(ascii: ":") else { throw .isMalformed }
                port = Location.dropFirst(1, of: rest)
            }
        } else {
            (host, port) = Location.split(text, at: ":")
        }
        guard host.count > 0, host.count <= Location.hostLengthMax,
            host.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "%") })
        else { throw .hasNoHost }
        let number = port.map { Location.number($0, upTo: 65_535) } ?? Location.defaultPort
        guard let number, number > 0 else { throw .hasWrongPort }
        endpoint = .host(Location.terminated(Array(host)), UInt16(number))
    }

    // MARK: unix:PATH[?db=DB&prefix=PREFIX]

    private mutating func parse(socket text: Bytes) throws(LocationFault) {
        var (path, query) = Location.split(text, at: "?")
        if Location.begins(path, "///") { path = Location.dropFirst(2, of: path) }
        let decoded = try Location.decode(path)
        guard !decoded.isEmpty, !decoded.contains(0) else { throw .isMalformed }
        guard decoded.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else {
            throw .hasLongPath
        }
        endpoint = .path(Location.terminated(decoded))
        try parse(query: query, hasDatabase: true)
    }

    // MARK: Both

    private mutating func parse(query text: Bytes?, hasDatabase: Bool) throws(LocationFault) {
        var rest = text
        while let text = rest {
            let (field, next) = Location.split(text, at: "&")
            rest = next
            let (name, value) = Location.split(field, at: "=")
            guard let value else { throw .isMalformed }
            if Location.isEqual(name, "prefix") {
                try parse(prefix: value)
            } else if hasDatabase, Location.isEqual(name, "db") {
                try parse(database: value)
            } else {
                throw .hasUnknownField
            }
        }
    }

    private mutating func parse(database text: Bytes) throws(LocationFault) {
        guard let number = Location.number(text, upTo: Location.databaseMax) else {
            throw .hasWrongDatabase
        }
        database = number
    }

    private mutating func parse(prefix text: Bytes) throws(LocationFault) {
        prefix = try Location.decode(text)
        guard !prefix.isEmpty, prefix.count <= Location.prefixLengthMax,
            prefix.allSatisfy({
                $0 > 32 && $0 != 127 && $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: "}")
            })
        else { throw .hasWrongPrefix }
    }

    // MARK: Texts

    private static func begins(_ text: Bytes, _ beginning: StaticString) -> Bool {
        let count = beginning.utf8CodeUnitCount
        return text.count >= count && isEqual(Bytes(rebasing: text[..<count]), beginning)
    }

    private static func isEqual(_ text: Bytes, _ other: StaticString) -> Bool {
        guard text.count == other.utf8CodeUnitCount, let start = text.baseAddress else {
            return false
        }
        return memcmp(start, other.utf8Start, text.count) == 0
    }

    private static func dropFirst(_ count: Int, of text: Bytes) -> Bytes {
        Bytes(rebasing: text[count...])
    }

    /// What stands before the first such character, and what stands behind it, if there is one.
    private static func split(_ text: Bytes, at separator: Unicode.Scalar) -> (Bytes, Bytes?) {
        guard let place = text.firstIndex(of: UInt8(ascii: separator)) else { return (text, nil) }
        return (Bytes(rebasing: text[..<place]), dropFirst(place + 1, of: text))
    }

    private static func number(_ text: Bytes, upTo limit: UInt64) -> UInt64? {
        guard text.count > 0, text.count < 10 else { return nil }
        var number: UInt64 = 0
        for character in text {
            guard character >= UInt8(ascii: "0"), character <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + UInt64(character - UInt8(ascii: "0"))
        }
        return number <= limit ? number : nil
    }

    private static func decode(_ text: Bytes) throws(LocationFault) -> [UInt8] {
        var decoded: [UInt8] = []
        var index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "%") else {
                decoded.append(text[index])
                index += 1
                continue
            }
            guard index + 2 < text.count, let high = hexadecimalDigit(text[index + 1]),
                let low = hexadecimalDigit(text[index + 2])
            else { throw .hasWrongEscape }
            decoded.append(high << 4 | low)
            index += 3
        }
        return decoded
    }

    private static func terminated(_ text: [UInt8]) -> [CChar] {
        text.map { CChar(bitPattern: $0) } + [0]
    }
}

/// What is wrong with a location. No text says more of it, as it may have a password.
enum LocationFault: Error {
    case isTLS
    case isMalformed
    case hasNoHost
    case hasWrongPort
    case hasNoPassword
    case hasWrongDatabase
    case hasWrongPrefix
    case hasWrongEscape
    case hasUnknownField
    case hasLongPath

    /// What to do.
    var text: Text {
        var text = Text()
        text.append(reason)
        text.append("; write redis://[USER:PASSWORD@]HOST[:PORT][/DB][?prefix=PREFIX]")
        text.append(" or unix:PATH[?db=DB&prefix=PREFIX]")
        return text
    }

    private var reason: StaticString {
        switch self {
        case .isTLS:
            "rediss: (TLS) is not supported: use a network that you trust, or a TLS tunnel"
        case .isMalformed: "is not where Redis is"
        case .hasNoHost: "redis: has no host, or one with characters that no host has"
        case .hasWrongPort: "the port of Redis is no number from 1 to 65535"
        case .hasNoPassword:
            "what stands before @ has no password: with only a password, begin with a colon"
        case .hasWrongDatabase: "the database of Redis is no number, or too large"
        case .hasWrongPrefix:
            "the prefix is empty, has more than 100 bytes, or has a space, a brace or a control"
        case .hasWrongEscape: "a % has no two hexadecimal digits behind it"
        case .hasUnknownField: "has something behind the ? that is unknown"
        case .hasLongPath: "the path of Redis's socket is too long for one"
        }
    }
}
