import MCP
import Wire

/// A digest of a request's params without what a retry adds or changes: it tells whether a client
/// comes back with the same call (S-117).
///
/// It is no cryptography: what a client would gain by a collision is only its own call. The members
/// of params, and of an object in them, may come in any order; deeper values must be written the
/// same again, so that the text is read only twice.
struct ParamsDigest {
    static func digest(_ params: JSONValue?) -> UInt64 {
        guard let params else { return 0 }
        var sum: UInt64 = 0
        params.forEachMember { name, value in
            let isAdded =
                name.means(MetaKey.meta) || name.means("requestState")
                || name.means("inputResponses")
            guard !isAdded else { return }
            let own = member(name, value.isObject ? nil : value, seed: 0)
            sum &+= own
            value.forEachMember { sum &+= member($0, $1, seed: own) }
        }
        return sum
    }

    private static func member(_ name: JSONName, _ value: JSONValue?, seed: UInt64) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(seed)
        if let decoded = name.decoded {
            withExtendedLifetime(decoded) { hasher.combine(bytes: decoded.bytes) }
        } else {
            hasher.combine(bytes: name.text)
        }
        if let value { hasher.combine(bytes: value.text) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
