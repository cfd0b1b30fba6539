import Link
import MCP
import Wire

/// Adds to the results of modern requests what the host has left out: `resultType`, the server's
/// identity, and hints for caches (S-112 to S-114).
struct ResultStamp {
    /// `"io.modelcontextprotocol/serverInfo":{...}`; nil if the host has not given it.
    private let identity: ByteBuffer?

    init(_ greeting: Greeting?) {
        identity = greeting.map { greeting in
            let member = ByteBuffer()
            member.append("\"")
            member.append(MetaKey.serverInfo)
            member.append("\":")
            member.append(greeting.identity)
            return member
        }
    }

    /// What a result lacks.
    private struct Lack {
        var type = false
        var ttl = false
        var scope = false
        /// It has no `_meta` for the identity.
        var meta = false
        /// Where the object's `_meta` begins, if the identity goes there.
        var place: Int?
        var metaIsEmpty = false
        /// Whether it has no members.
        var everything = true
    }

    /// Nil if the result is no object. `isCacheable`: the method's results have hints for caches.
    private func lack(of result: UnsafeRawBufferPointer, isCacheable: Bool) -> Lack? {
        guard result.first == UInt8(ascii: "{"), let start = result.baseAddress else { return nil }
        var lack = Lack(type: true, ttl: isCacheable, scope: isCacheable, meta: identity != nil)
        var meta: JSONValue?
        JSONValue.forEachMember(of: result) { name, value in
            lack.everything = false
            if name.means("resultType") {
                lack.type = false
                if !value.text.equals("\"complete\"") {
                    lack.ttl = false
                    lack.scope = false
                    // A host that asks for input by itself gets its result passed on exactly.
                    if value.text.equals("\"input_required\"") { lack.meta = false }
                }
            } else if name.means(MetaKey.meta) {
                meta = value
            } else if name.means("ttlMs") {
                lack.ttl = false
            } else if name.means("cacheScope") {
                lack.scope = false
            }
        }
        guard lack.meta, let meta else { return lack }
        lack.meta = false
        if meta.isObject, meta[MetaKey.serverInfo] == nil, let place = meta.text.baseAddress {
            lack.place = place - start
            lack.metaIsEmpty = meta.isEmptyObject
        }
        return lack
    }

    @_optimize(speed)
    private func appendMembers(_ lack: Lack, to output: ByteBuffer) {
        let start = output.count
        if lack.type { output.append("\"resultType\":\"complete\",") }
        if lack.ttl { output.append("\"ttlMs\":0,") }
        if lack.scope { output.append("\"cacheScope\":\"private\",") }
        if lack.meta, let identity {
            output.append("\"_meta\":{")
            output.append(identity)
            output.append("},")
        }
        if lack.everything, output.count > start { output.truncate(to: output.count - 1) }
    }

    /// Appends a result with its stamp; false, and nothing, if it is no object.
    @_optimize(speed)
    func append(
        _ result: UnsafeRawBufferPointer, isCacheable: Bool, to output: ByteBuffer
    ) -> Bool {
        guard let lack = lack(of: result, isCacheable: isCacheable) else { return false }
        output.append("{")
        appendMembers(lack, to: output)
        var rest = result.dropBytes(1)
        if let place = lack.place, let identity {
            output.append(rest.prefixBytes(place))  // Up to the brace of `_meta`.
            output.append(identity)
            if !lack.metaIsEmpty { output.append(",") }
            rest = rest.dropBytes(place)
        }
        output.append(rest)
        return true
    }

    /// Appends a result of the engine's own, an object with members.
    func appendOwn(_ result: ByteBuffer, to output: ByteBuffer) {
        output.append("{")
        if let identity {
            output.append("\"_meta\":{")
            output.append(identity)
            output.append("},")
        }
        withExtendedLifetime(result) { output.append(result.bytes.dropBytes(1)) }
    }

    /// The same for a long result, in its own buffer.
    func stamp(_ result: ByteBuffer, isCacheable: Bool) -> Bool {
        guard let lack = lack(of: result.bytes, isCacheable: isCacheable) else { return false }
        if let place = lack.place, let identity {
            let member = ByteBuffer(copying: identity.bytes)
            if !lack.metaIsEmpty { member.append(",") }
            result.replace(place + 1..<place + 1, with: member.bytes)
        }
        let members = ByteBuffer()
        appendMembers(lack, to: members)
        result.replace(1..<1, with: members.bytes)
        return true
    }

    /// Whether the results of a method have hints for caches.
    static func isCacheable(_ method: ShortText) -> Bool {
        method.withBytes { method in
            method.equals("tools/list") || method.equals("prompts/list")
                || method.equals("resources/list") || method.equals("resources/templates/list")
                || method.equals("resources/read")
        }
    }
}
