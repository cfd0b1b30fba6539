import Wire

/// An allow-list for Host or Origin values: the operator's list, or `*` for all.
package struct AccessList {
    package enum Kind: Sendable { case hosts, origins }

    /// An entry that can match nothing, or an empty one.
    package struct Fault: Error {
        package let entry: [UInt8]
        /// What is wrong, and what to write instead.
        package let reason: StaticString
    }

    /// The entries, separated by commas, without the blanks around them.
    private let text = ByteBuffer()

    /// Reads a comma-separated list; `*` admits everything, and `:*` at the end of an entry any
    /// port.
    package init(_ list: UnsafeRawBufferPointer, of kind: Kind) throws(Fault) {
        var fault: Fault?
        guard list.trimmed.count > 0 else { return }  // Nothing is admitted.
        list.forEachPart(separatedBy: UInt8(ascii: ",")) { part in
            let entry = part.trimmed
            if fault == nil, let reason = AccessList.reason(against: entry, kind) {
                fault = Fault(entry: Array(entry), reason: reason)
            }
            if text.count > 0 { text.append(UInt8(ascii: ",")) }
            // A name in the list matches with every port.
            text.append(kind == .hosts ? AccessList.name(entry) : entry)
        }
        if let fault { throw fault }
    }

    /// Longer than a scheme, a name of at most 255 bytes (RFC 1035 §2.3.4) and a port together.
    private static var valueBytesMax: Int { 512 }

    /// Whether the list contains `*`, `value`, ignoring case, or `value` without its port and with
    /// `:*` (S-504).
    package func admits(_ value: UnsafeRawBufferPointer) -> Bool {
        guard value.count <= AccessList.valueBytesMax else { return false }
        var isAdmitted = false
        text.bytes.forEachPart(separatedBy: UInt8(ascii: ",")) { entry in
            let name = AccessList.withoutAnyPort(entry)
            let isMatch =
                name.count < entry.count
                ? name.equalsIgnoringCase(Authority.withoutPort(value))
                : entry.equals("*") || entry.count > 0 && entry.equalsIgnoringCase(value)
            if isMatch { isAdmitted = true }
        }
        return isAdmitted
    }

    /// An entry for hosts without `:*` and, if no port is left, without brackets.
    private static func name(_ entry: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let name = withoutAnyPort(entry)
        return name.first == UInt8(ascii: "[") && name.last == UInt8(ascii: "]")
            ? Authority.host(of: name) ?? name : name
    }

    private static func withoutAnyPort(_ entry: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        entry.hasSuffix(":*") ? entry.prefixBytes(entry.count - 2) : entry
    }

    // MARK: Entries that can match nothing

    private static func reason(
        against entry: UnsafeRawBufferPointer, _ kind: Kind
    ) -> StaticString? {
        if entry.isEmpty { return "is an empty entry" }
        if entry.equals("*") { return nil }
        switch kind {
        case .hosts: return reason(againstHost: entry)
        case .origins: return reason(againstOrigin: entry)
        }
    }

    private static func reason(againstHost entry: UnsafeRawBufferPointer) -> StaticString? {
        if entry.index(of: "://") != nil { return "is an origin: write the name alone" }
        let name = withoutAnyPort(entry)
        // An IPv6 address has no brackets, unless a port follows it.
        let colons = name.count { $0 == UInt8(ascii: ":") }
        if colons > 1, name.first != UInt8(ascii: "[") {
            return Authority.isIPv6(name) ? nil : "is not a name, with or without a port"
        }
        return reason(againstAuthority: name)
    }

    private static func reason(againstOrigin entry: UnsafeRawBufferPointer) -> StaticString? {
        if entry.equals("null") { return nil }  // What a page without an origin sends (RFC 6454).
        guard let separator = entry.index(of: "://"), isScheme(entry.prefixBytes(separator)) else {
            return "has no scheme: write an origin such as https://app.example"
        }
        let scheme = entry.prefixBytes(separator)
        let authority = entry.dropBytes(separator + 3)
        if authority.contains(where: isDelimiter) {
            return "has a path, and an origin has none: write only scheme://host"
        }
        if scheme.equalsIgnoringCase("http") && authority.hasSuffix(":80")
            || scheme.equalsIgnoringCase("https") && authority.hasSuffix(":443")
        {
            return "has the default port, which browsers leave out: write it without the port"
        }
        return reason(againstAuthority: withoutAnyPort(authority))
    }

    /// RFC 3986 §3.1.
    private static func isScheme(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first, isLetter(first) else { return false }
        return text.allSatisfy {
            isLetter($0) || $0.isDigit || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: ".")
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte.asciiLowercased)
    }

    /// Whether `text` is empty, or `:` and a port as it is written by others.
    private static func isUsualPort(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count > 0 else { return true }
        let digits = text.dropBytes(1)
        let number = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return digits.first != UInt8(ascii: "0") && number <= 65_535
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && !isDelimiter(byte)
    }

    /// Whether a byte ends the authority of a URL.
    private static func isDelimiter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
    }

    private static func reason(againstAuthority name: UnsafeRawBufferPointer) -> StaticString? {
        if name.contains(UInt8(ascii: "*")) {
            return "has a * in it: only all ports can be written so, as name:*"
        }
        if name.contains(UInt8(ascii: "@")) { return "has a user name, which is never sent" }
        let port = name.dropBytes(Authority.withoutPort(name).count)
        guard let host = Authority.host(of: name), host.allSatisfy(isNameByte),
            name.last != UInt8(ascii: ":"), isUsualPort(port)
        else {
            return "is not a name, with or without a port"
        }
        // The final dot of a name is left out before it is compared.
        return name.last == UInt8(ascii: ".") ? "ends with a dot: write it without" : nil
    }
}

/// The parts of Host and Origin values.
enum Authority {
    /// The host of `host[:port]`, without brackets or a final dot; nil for any other form.
    @_optimize(speed)
    static func host(of value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        if value.first == UInt8(ascii: "[") {
            guard let end = value.firstIndex(ofByte: UInt8(ascii: "]")) else { return nil }
            let address = UnsafeRawBufferPointer(rebasing: value[1..<end])
            return isPort(value.dropBytes(end + 1)) && isIPv6(address) ? address : nil
        }
        let colon = value.firstIndex(ofByte: UInt8(ascii: ":")) ?? value.count
        let host = value.prefixBytes(colon)
        guard host.count > 0, isPort(value.dropBytes(colon)) else { return nil }
        return host.last == UInt8(ascii: ".") ? host.prefixBytes(host.count - 1) : host
    }

    /// Whether a text consists of what an IPv6 address is written with.
    static func isIPv6(_ text: UnsafeRawBufferPointer) -> Bool {
        text.firstIndex(ofByte: UInt8(ascii: ":")) != nil
            && text.allSatisfy {
                $0.hexadecimalDigit != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
            }
    }

    /// `value` without `:port` at its end.
    static func withoutPort(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let digits = value.reversed().prefix { $0.isDigit }.count
        let end = value.count - digits - 1
        return digits > 0 && end >= 0 && value[end] == UInt8(ascii: ":")
            ? value.prefixBytes(end) : value
    }

    /// Whether a host is this machine's loopback: `localhost`, 127.0.0.0/8 or ::1 (S-004).
    @_optimize(speed)
    static func isLoopback(_ host: UnsafeRawBufferPointer) -> Bool {
        if host.equals("127.0.0.1") || host.equals("::1") { return true }
        if host.equalsIgnoringCase("localhost") { return true }
        guard host.hasPrefix("127.") else { return false }
        var parts = 0
        var areNumbers = true
        host.forEachPart(separatedBy: UInt8(ascii: ".")) { part in
            parts += 1
            if part.isEmpty || part.count > 3 || !part.allSatisfy({ $0.isDigit }) {
                areNumbers = false
            }
        }
        return parts == 4 && areNumbers
    }

    /// Whether an origin is `http` or `https` on a loopback host, with any port (S-504).
    static func isLoopbackOrigin(_ origin: UnsafeRawBufferPointer) -> Bool {
        let scheme: StaticString = origin.hasPrefix("https://") ? "https://" : "http://"
        guard origin.hasPrefix(scheme) else { return false }
        return host(of: origin.dropBytes(scheme.utf8CodeUnitCount)).map { isLoopback($0) } ?? false
    }

    @_optimize(speed)
    private static func isPort(_ text: UnsafeRawBufferPointer) -> Bool {
        if text.isEmpty { return true }
        return text.first == UInt8(ascii: ":") && text.count <= 6
            && text.dropBytes(1).allSatisfy { $0.isDigit }
    }
}
