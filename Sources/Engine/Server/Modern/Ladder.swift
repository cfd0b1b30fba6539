import MCP
import Wire

/// The checks of a modern request before anything is sent, in the order of PROTOCOL 2.3: its
/// `_meta`, and that its header repeats its body (S-100 to S-107, S-509).
struct Ladder {
    let served: RevisionSet
    /// What the host's tools repeat in `Mcp-Param-` fields; nil for nothing.
    private(set) var tools: ToolTable?

    init(_ served: RevisionSet) {
        self.served = served
    }

    mutating func setTools(_ tools: ToolTable?) {
        self.tools = tools
    }

    /// Why a request is refused, and what the error says besides.
    struct Fall {
        let refusal: Refusal
        var data: ByteBuffer?
        /// Whether the error lists the revisions.
        var listsRevisions = false
        /// Whether it is the header that names another one, not `_meta`.
        var isOfHeader = false
    }

    @_optimize(speed)
    func examine(
        _ message: borrowing Message, _ params: ModernParams, _ head: RequestHead
    ) -> Fall? {
        if let refusal = checkMeta(message.meta) ?? checkHeader(message, params, head) {
            return Fall(refusal: refusal)
        }
        guard let claim = message.meta.claim, Ladder.names(claim, in: served) else {
            return Fall(refusal: .revision, listsRevisions: true)
        }
        let method = message.envelope.method
        if Ladder.isRemoved(method) {
            let data = ByteBuffer()
            data.append(jsonString: method)
            return Fall(refusal: .methodUnknown, data: data)
        }
        if let level = message.meta.logLevel, LogSeverity(level) == nil {
            return Fall(refusal: .logLevel)
        }
        return method.equals(Method.callTool) ? checkParams(params, head) : nil
    }

    /// A notification has less to say (S-120).
    func examine(notification message: borrowing Message, _ head: RequestHead) -> Fall? {
        if let text = head[.protocolVersion], served.find(text)?.era != .modern {
            return Fall(refusal: .revision, listsRevisions: true, isOfHeader: true)
        }
        if let claim = message.meta.claim, !Ladder.names(claim, in: served) {
            return Fall(refusal: .revision, listsRevisions: true)
        }
        if let method = head[.mcpMethod], !method.equals(message.envelope.method) {
            return Fall(refusal: .methodMismatch)
        }
        return nil
    }

    @_optimize(speed)
    private static func names(_ claim: JSONValue, in served: RevisionSet) -> Bool {
        Revision.allCases.contains { revision in
            revision.era == .modern && served.contains(revision)
                && claim.means(revision.text.rawBytes)
        }
    }

    /// S-100.
    @_optimize(speed)
    private func checkMeta(_ meta: RequestMeta) -> Refusal? {
        let hasVersion = meta.claim?.isString == true
        let hasCapabilities = meta.clientCapabilities?.isObject == true
        if hasVersion, hasCapabilities { return nil }
        if hasVersion { return .capabilitiesMissing }
        return hasCapabilities ? .versionMissing : .metaMissing
    }

    /// S-016, S-101 to S-103.
    @_optimize(speed)
    private func checkHeader(
        _ message: borrowing Message, _ params: ModernParams, _ head: RequestHead
    ) -> Refusal? {
        guard head.occurrences(of: .protocolVersion) == 1, let version = head[.protocolVersion],
            let claim = message.meta.claim, claim.means(version)
        else { return .versionMismatch }
        guard head.occurrences(of: .mcpMethod) == 1, let method = head[.mcpMethod],
            method.equals(message.envelope.method)
        else { return .methodMismatch }
        return checkName(message.envelope, params, head)
    }

    /// S-103, S-104.
    @_optimize(speed)
    private func checkName(
        _ envelope: borrowing Envelope, _ params: ModernParams, _ head: RequestHead
    ) -> Refusal? {
        guard let name = Ladder.named(envelope, params) else { return nil }
        guard let name, name.isString else {
            // The host refuses params without it.
            return head[.mcpName] == nil ? nil : .nameMismatch
        }
        guard head.occurrences(of: .mcpName) == 1, let value = head[.mcpName],
            MirroredValue(value).equals(name)
        else { return .nameMismatch }
        return nil
    }

    /// The value that `Mcp-Name` repeats, or nil in its place; nil if the method has no such value.
    private static func named(
        _ envelope: borrowing Envelope, _ params: ModernParams
    ) -> JSONValue?? {
        let method = envelope.method
        if method.equals(Method.callTool) || method.equals(Method.getPrompt) {
            return .some(params.name)
        }
        if method.equals(Method.readResource) { return .some(params.uri) }
        if method.hasPrefix("tasks/"), Ladder.isTask(method.dropBytes(6)) {
            return .some(envelope.params?["taskId"])
        }
        return nil
    }

    private static func isTask(_ name: UnsafeRawBufferPointer) -> Bool {
        name.equals("get") || name.equals("update") || name.equals("cancel")
    }

    /// S-106: methods of the session revisions alone.
    @_optimize(speed)
    private static func isRemoved(_ method: UnsafeRawBufferPointer) -> Bool {
        method.equals(Method.initialize) || method.equals(Method.ping)
            || method.equals(Method.setLogLevel) || method.equals(Method.subscribe)
            || method.equals(Method.unsubscribe)
    }

    /// S-107.
    @_optimize(speed)
    private func checkParams(_ params: ModernParams, _ head: RequestHead) -> Fall? {
        guard let tools, let name = params.name?.string else { return nil }
        let headers = withExtendedLifetime(name) { tools[name.bytes] }
        guard let headers,
            let mismatch = headers.check(arguments: params.arguments, headers: head.lines)
        else { return nil }
        let reason = ByteBuffer()
        headers.append(mismatch, to: reason)
        let data = ByteBuffer()
        data.append(jsonString: reason.bytes)
        return Fall(refusal: .paramMismatch, data: data)
    }
}
