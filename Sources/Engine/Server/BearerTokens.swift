import Link
import Wire

/// The operator's tokens, each with the principal that it stands for.
package struct BearerTokens {
    private struct Entry {
        let token: ByteBuffer
        let principal: Principal
        /// Whether the principal is only this token's, made from its place.
        let hasOwnPrincipal: Bool
    }

    private var entries: [Entry] = []

    /// An entry that cannot be used. It does not contain the entry, which is a secret.
    package struct Fault: Error {
        /// Its place in the list, from 1.
        package let number: Int
        package let reason: StaticString
    }

    /// Parses a comma-separated list of `token` and `principal:token`, each token once.
    /// A token without a principal gets its own, `token-1` and so on by
    /// its position in the list. Several tokens may stand for one principal, so that a token can be
    /// replaced (rotation).
    package init(_ list: UnsafeRawBufferPointer) throws(Fault) {
        var read: [Entry] = []
        var fault: Fault?
        list.forEachPart(separatedBy: UInt8(ascii: ",")) { part in
            guard fault == nil else { return }
            let (first, second) = part.cut(at: UInt8(ascii: ":"))
            let token = second ?? first
            let number = read.count + 1
            let principal =
                second == nil ? BearerTokens.principal(ofToken: number) : Principal(first)
            if !Credentials.isToken(token) {
                fault = Fault(
                    number: number,
                    reason: "is no token: it has letters, digits and -._~+/, and ends with any =")
            } else if read.contains(where: { $0.token.bytes.equals(token) }) {
                fault = Fault(number: number, reason: "repeats a token")
            } else if let principal, UTF8Text.isValid(principal.name) {
                read.append(
                    Entry(
                        token: ByteBuffer(copying: token), principal: principal,
                        hasOwnPrincipal: second == nil))
            } else {
                fault = Fault(
                    number: number,
                    reason: "needs a principal of 1 to 256 bytes in UTF-8 before the colon")
            }
        }
        if let fault { throw fault }
        for (index, entry) in read.enumerated() where entry.hasOwnPrincipal {
            let isShared = read.contains {
                $0.token !== entry.token && $0.principal == entry.principal
            }
            if isShared {
                throw Fault(
                    number: index + 1,
                    reason: "gets a principal that another entry has: write principal:token")
            }
        }
        entries = read
    }

    private static func principal(ofToken number: Int) -> Principal? {
        let name = ByteBuffer(copying: ("token-" as StaticString).rawBytes)
        name.append(decimal: Int64(number))
        return Principal(name.bytes)
    }

    /// The principal of a token; nil for an unknown token. Always compares all entries, each in
    /// constant time.
    package func principal(of token: UnsafeRawBufferPointer) -> Principal? {
        var found: Principal?
        for entry in entries where entry.token.bytes.equalsInConstantTime(token) {
            found = entry.principal
        }
        return found
    }
}

/// An Authorization field: the scheme and the credentials (RFC 9110 §11.4).
package struct Credentials {
    package let scheme: UnsafeRawBufferPointer
    package let value: UnsafeRawBufferPointer

    package init(_ field: UnsafeRawBufferPointer) {
        let (scheme, value) = field.cut(at: UInt8(ascii: " "))
        self.scheme = scheme
        self.value = value?.trimmed ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The scheme in lower case: schemes are case-insensitive.
    package var lowercasedScheme: ByteBuffer {
        let lowercased = ByteBuffer()
        for byte in scheme { lowercased.append(byte.asciiLowercased) }
        return lowercased
    }

    package var isBearer: Bool { scheme.equalsIgnoringCase("bearer") }

    /// Whether the bytes are a `b64token` (RFC 6750 §2.1).
    package static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var count = bytes.count
        while count > 0, bytes[count - 1] == UInt8(ascii: "=") { count -= 1 }
        return count > 0 && bytes.prefixBytes(count).allSatisfy { $0.isTokenByte }
    }
}

extension UInt8 {
    fileprivate var isTokenByte: Bool {
        let others: StaticString = "-._~+/"
        return isDigit
            || (asciiLowercased >= UInt8(ascii: "a") && asciiLowercased <= UInt8(ascii: "z"))
            || others.rawBytes.firstIndex(ofByte: self) != nil
    }
}
