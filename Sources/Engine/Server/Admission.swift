import MCP
import Session
import Wire

/// Checks one request head and admits or refuses it, in the order of PROTOCOL 2.1: first `judge`
/// and, once the request is authorized, `examine`. Both depend only on the head, the options and
/// `reach`.
package final class Admission {
    /// The path of the endpoint, normalized: percent-decoded, without a trailing slash.
    private let path: ByteBuffer
    private let oldPath: ByteBuffer?
    private let origins: AccessList?
    private let crossOrigins: AccessList?
    private let hosts: AccessList?
    private let metadata: ResourceMetadata?
    private let limits: Limits
    private let classifier: Classifier
    private let isStateless: Bool
    private let isJSONOnly: Bool
    private let hasOtherPaths: Bool
    /// The kind of clients that can reach the server.
    package var reach = Reach.loopback

    package init(_ options: ServerOptions) {
        path = Admission.normalized(options.path.bytes)
        oldPath = options.oldPath.map { Admission.normalized($0.bytes) }
        origins = options.allowedOrigins
        crossOrigins = options.crossOrigins
        hosts = options.allowedHosts
        metadata = options.resourceMetadata
        limits = options.limits
        classifier = Classifier(served: options.revisions)
        isStateless = options.isStateless || !options.revisions.has(.legacy)
        isJSONOnly = options.responseMode == .json
        hasOtherPaths = options.hasOtherPaths
    }

    package enum Verdict: Equatable {
        /// A POST: its body is a message.
        case message
        /// A GET: it requests the session's primary stream.
        case primaryStream
        /// A DELETE: it ends the session.
        case endOfSession
        /// A CORS preflight: a browser asks what a page of an admitted origin may send.
        case preflight
        /// A request for the resource metadata, which says how to be authorized.
        case metadata
        /// A request for another path, which the host answers.
        case other
        case refuse(Refusal)
    }

    /// Classifies a request before it is authorized. The result reveals nothing about sessions.
    @_optimize(speed)
    package func judge(_ head: RequestHead) -> Verdict {
        if let refusal = checkHost(head) { return .refuse(refusal) }
        let path = Admission.path(of: head)
        if let metadata, let path, metadata.isServed(at: path) {
            return Admission.judgeMetadata(head)
        }
        if let refusal = checkOrigin(head) ?? checkPath(path) {
            return isOther(path) ? .other : .refuse(refusal)
        }
        if let origin = head[.origin], crossOrigins?.admits(origin) == true,
            CrossOrigin.isPreflight(head)
        {
            return .preflight
        }
        // S-006, S-021 row 1: without sessions, or in a modern revision, there is only POST.
        if isOld(head), head.method != .get, head.method != .post {
            return .refuse(.methodNotAllowed(allow: "GET, POST"))
        }
        let isPostOnly = isStateless || classifier.header(of: head) == .modern
        switch head.method {
        case .post:
            return .message
        case .get where !isPostOnly:
            return .primaryStream
        case .delete where !isPostOnly:
            return .endOfSession
        case .get, .delete, .head, .options, .other:
            return .refuse(.methodNotAllowed(allow: isPostOnly ? "POST" : "GET, POST, DELETE"))
        }
    }

    /// Checks length, Content-Type, Content-Encoding and Accept, after authorization; nil if the
    /// request can be served.
    package func examine(_ head: RequestHead) -> Refusal? {
        switch head.method {
        case .post: checkMessage(head)
        case .get: checkStream(head)
        case .delete, .head, .options, .other: nil
        }
    }

    /// the metadata is public, so pages of any origin may read it.
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
        // Browsers cannot connect to a Unix socket, and its clients have no host name to send. On a
        // network, any Host is valid unless there is a list.
        if reach == .unixSocket || hosts == nil && reach == .network { return nil }
        let host = Authority.host(of: value)
        let isAdmitted =
            host.map { host in
                hosts.map { $0.admits(host) || $0.admits(value) } ?? Authority.isLoopback(host)
            } ?? false
        return isAdmitted ? nil : .host
    }

    /// S-002, S-003, S-504.
    @_optimize(speed)
    private func checkOrigin(_ head: RequestHead) -> Refusal? {
        guard let origin = head[.origin] else { return nil }
        guard head.occurrences(of: .origin) == 1 else { return .origin }
        let isAdmitted =
            crossOrigins?.admits(origin) == true
            || origins?.admits(origin)
                ?? (reach != .network && Authority.isLoopbackOrigin(origin))
        return isAdmitted ? nil : .origin
    }

    /// The path of the request target, without its query; nil if the target names another host than
    /// Host does (RFC 9112 §3.2.2).
    static func path(of head: RequestHead) -> UnsafeRawBufferPointer? {
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

    /// Whether a request is for the transport of the first revision.
    @inline(__always)
    func isOld(_ head: RequestHead) -> Bool { oldPath != nil && isAtOldPath(head) }

    private func isAtOldPath(_ head: RequestHead) -> Bool {
        guard let oldPath, let asked = Admission.path(of: head) else { return false }
        return Admission.equals(asked, oldPath)
    }

    /// The value of `session` in the query of a request's target.
    static func session(of head: RequestHead) -> UnsafeRawBufferPointer? {
        var session: UnsafeRawBufferPointer?
        head.targetBytes.cut(at: UInt8(ascii: "?")).tail?
            .forEachPart(separatedBy: UInt8(ascii: "&")) { part in
                if part.hasPrefix("session=") { session = part.dropBytes(8) }
            }
        return session
    }

    /// A path with its percent-encoded bytes decoded, except slashes, and without a trailing slash,
    /// so that equivalent paths become equal (RFC 3986 §6.2.2).
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

    /// Whether a path is that of an endpoint, or of its metadata.
    func serves(_ asked: UnsafeRawBufferPointer) -> Bool {
        isEndpoint(asked) || metadata?.isServed(at: asked) == true
    }

    @inline(never)
    private func isEndpoint(_ asked: UnsafeRawBufferPointer) -> Bool {
        Admission.equals(asked, path) || oldPath.map { Admission.equals(asked, $0) } ?? false
    }

    private static func equals(_ asked: UnsafeRawBufferPointer, _ path: ByteBuffer) -> Bool {
        if asked.equals(path.bytes) { return true }
        let normalized = Admission.normalized(asked)
        return withExtendedLifetime(normalized) { normalized.bytes.equals(path.bytes) }
    }

    /// S-001: one path, with any query.
    private func checkPath(_ asked: UnsafeRawBufferPointer?) -> Refusal? {
        guard let asked else {
            return .hostOfTarget
        }
        guard isEndpoint(asked) else {
            return .path
        }
        return nil
    }

    /// Whether the host answers requests for a path. Pages of any origin may make them: the
    /// metadata of an authorization server, and its forms, are for all.
    private func isOther(_ asked: UnsafeRawBufferPointer?) -> Bool {
        hasOtherPaths && asked.map { !isEndpoint($0) } ?? false
    }

    func acceptsStream(_ head: RequestHead) -> Bool { isAccepted(.eventStream, head) }

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
        // RFC 9110 §8.4: no content coding is decoded, so a coded body is not JSON.
        if let coding = head[.contentEncoding],
            !coding.equalsIgnoringCase("identity")
                || !head.isUnanimous(.contentEncoding, "content-encoding")
        {
            return .contentEncoding
        }
        if isOld(head) { return nil }  // The answer is empty.
        guard isJSONOnly || isAccepted(.eventStream, head), isAccepted(.json, head) else {
            return isJSONOnly ? .acceptJSON : .acceptBoth
        }
        return nil
    }
}
