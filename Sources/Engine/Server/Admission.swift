import MCP
import Session
import Wire

/// One request head: admit or refuse. Pure functions, in the order of PROTOCOL 2.1: `judge`, then,
/// once the request is authorized, `examine`.
package final class Admission {
    /// The path of the endpoint, decoded and without a slash at its end.
    private let path: ByteBuffer
    private let origins: AccessList?
    private let crossOrigins: AccessList?
    private let hosts: AccessList?
    private let metadata: ResourceMetadata?
    private let limits: Limits
    private let isStateless: Bool
    private let isJSONOnly: Bool
    /// From where the server can be reached.
    package var reach = Reach.loopback

    package init(_ options: ServerOptions) {
        path = Admission.normalized(options.path.bytes)
        origins = options.allowedOrigins
        crossOrigins = options.crossOrigins
        hosts = options.allowedHosts
        metadata = options.resourceMetadata
        limits = options.limits
        isStateless = options.isStateless
        isJSONOnly = options.responseMode == .json
    }

    package enum Verdict: Equatable {
        /// A POST: its body is a message.
        case message
        /// A GET: it asks for the session's primary stream.
        case primaryStream
        /// A DELETE: it ends the session.
        case endOfSession
        /// A browser asks what a page of an admitted origin may send.
        case preflight
        /// Somebody asks how to be authorized.
        case metadata
        case refuse(Refusal)
    }

    /// What a request wants, as far as anybody may know.
    package func judge(_ head: RequestHead) -> Verdict {
        if let refusal = checkHost(head) { return .refuse(refusal) }
        let path = Admission.path(of: head)
        if let metadata, let path, metadata.isServed(at: path) {
            return Admission.judgeMetadata(head)
        }
        if let refusal = checkOrigin(head) ?? checkPath(path) { return .refuse(refusal) }
        if let origin = head[.origin], crossOrigins?.admits(origin) == true,
            CrossOrigin.isPreflight(head)
        {
            return .preflight
        }
        switch head.method {
        case .post:
            return .message
        case .get where !isStateless:
            return .primaryStream
        case .delete where !isStateless:
            return .endOfSession
        case .get, .delete, .head, .options, .other:
            // S-006
            return .refuse(
                .methodNotAllowed(allow: isStateless ? "POST" : "GET, POST, DELETE"))
        }
    }

    /// Whether a request that may be made is one that can be served; nil if it is.
    package func examine(_ head: RequestHead) -> Refusal? {
        switch head.method {
        case .post: checkMessage(head)
        case .get: checkStream(head)
        case .delete, .head, .options, .other: nil
        }
    }

    /// pages of any origin may read what is public.
    private static func judgeMetadata(_ head: RequestHead) -> Verdict {
        switch head.method {
        case .get, .head, .options: .metadata
        case .post, .delete, .other:
            .refuse(
                .methodNotAllowed(allow: "GET, HEAD, OPTIONS"))
        }
    }

    /// S-004, S-505.
    private func checkHost(_ head: RequestHead) -> Refusal? {
        guard head.occurrences(of: .host) == 1 || head.isHTTP10, head.occurrences(of: .host) < 2
        else {
            return .hostCount
        }
        guard let value = head[.host] else { return nil }
        // No page of a browser reaches a Unix socket, and its clients have no name to give.
        if reach == .unixSocket || hosts == nil && reach == .network { return nil }
        let host = Authority.host(of: value)
        let isAdmitted =
            host.map { host in
                hosts.map { $0.admits(host) || $0.admits(value) } ?? Authority.isLoopback(host)
            } ?? false
        return isAdmitted ? nil : .host
    }

    /// S-002, S-003, S-504.
    private func checkOrigin(_ head: RequestHead) -> Refusal? {
        guard let origin = head[.origin] else { return nil }
        guard head.occurrences(of: .origin) == 1 else { return .origin }
        let isAdmitted =
            crossOrigins?.admits(origin) == true
            || origins?.admits(origin)
                ?? (reach != .network && Authority.isLoopbackOrigin(origin))
        return isAdmitted ? nil : .origin
    }

    /// The path of a request's target, without its query; nil if the target names another host than
    /// Host does (RFC 9112 §3.2.2).
    private static func path(of head: RequestHead) -> UnsafeRawBufferPointer? {
        var target = head.targetBytes
        if target.first != UInt8(ascii: "/"),
            let authority = target.firstIndex(ofByte: UInt8(ascii: ":"))
        {
            let rest = target.dropBytes(authority + 3)
            let slash = rest.firstIndex(ofByte: UInt8(ascii: "/")) ?? rest.count
            guard let host = head[.host], rest.prefixBytes(slash).equalsIgnoringCase(host) else {
                return nil
            }
            target = rest.dropBytes(slash)
        }
        return target.cut(at: UInt8(ascii: "?")).head
    }

    /// A path with its percent-encoded bytes decoded, but for slashes, and without a slash at its
    /// end: what names one resource in several ways (RFC 3986 §6.2.2).
    private static func normalized(_ path: UnsafeRawBufferPointer) -> ByteBuffer {
        let normalized = ByteBuffer(capacity: path.count)
        var rest = path
        while let byte = rest.first {
            let digits = rest.dropBytes(1).prefixBytes(2)
            if byte == UInt8(ascii: "%"), let code = digits.hexadecimalByte,
                code != UInt8(ascii: "/")
            {
                normalized.append(code)
                rest = rest.dropBytes(3)
            } else {
                normalized.append(byte)
                rest = rest.dropBytes(1)
            }
        }
        if normalized.count > 1, normalized.bytes.last == UInt8(ascii: "/") {
            normalized.truncate(to: normalized.count - 1)
        }
        return normalized
    }

    private func isEndpoint(_ asked: UnsafeRawBufferPointer) -> Bool {
        if asked.equals(path.bytes) { return true }
        let normalized = Admission.normalized(asked)
        return withExtendedLifetime(normalized) { normalized.bytes.equals(path.bytes) }
    }

    /// S-001: one path, whatever its query.
    private func checkPath(_ asked: UnsafeRawBufferPointer?) -> Refusal? {
        guard let asked else {
            return .hostOfTarget
        }
        guard isEndpoint(asked) else {
            return .path
        }
        return nil
    }

    private func isAccepted(_ type: MediaType, _ head: RequestHead) -> Bool {
        guard let accept = head[.accept] else { return true }
        guard head.occurrences(of: .accept) > 1 else { return type.isAccepted(by: accept) }
        let list = head.list("accept")
        return withExtendedLifetime(list) { type.isAccepted(by: list.bytes) }
    }

    /// S-010, S-228.
    private func checkStream(_ head: RequestHead) -> Refusal? {
        guard isAccepted(.eventStream, head) else {
            return .acceptStream
        }
        return nil
    }

    /// S-007 to S-009.
    private func checkMessage(_ head: RequestHead) -> Refusal? {
        if let length = head.contentLength, length > UInt64(limits.messageBytes) {
            return .messageTooLarge
        }
        guard head.occurrences(of: .contentType) == 1, let type = head[.contentType],
            MediaType.json.isNamed(by: type)
        else {
            return .contentType
        }
        // RFC 9110 §8.4: what is coded otherwise is not JSON to us.
        if let coding = head[.contentEncoding],
            !coding.equalsIgnoringCase("identity")
                || !head.isUnanimous(.contentEncoding, "content-encoding")
        {
            return .contentEncoding
        }
        guard isJSONOnly || isAccepted(.eventStream, head), isAccepted(.json, head) else {
            return isJSONOnly ? .acceptJSON : .acceptBoth
        }
        return nil
    }
}
