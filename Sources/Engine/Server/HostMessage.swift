import MCP
import Session
import Wire

/// Checks the host's arguments, and what the server's mode excludes in any state.
///
/// JSON is passed on as one line, however the host formats it, because line ends separate the lines
/// of an event (S-514).
///
/// Pure functions, so any thread can check before it queues a command.
package struct HostMessage: Sendable {
    private let router: Router
    /// Whether some clients are asked by round trips, whatever the mode of the others.
    private let hasRoundTrips: Bool
    private let hasReplay: Bool
    private let jsonDepthMax: Int

    package init(_ options: ServerOptions) {
        router = options.router
        hasRoundTrips = options.revisions.has(.modern)
        hasReplay = options.hasReplay
        jsonDepthMax = options.limits.jsonDepth
    }

    /// The kinds of commands that a mode may exclude.
    package enum Purpose: Sendable {
        case related, relatedCall, hangUp, unrelated
    }

    /// Throws if the mode excludes such a message in every state of the server.
    package func checkMode(_ purpose: Purpose) throws(CallerFault) {
        if purpose == .relatedCall, hasRoundTrips { return }
        let route =
            switch purpose {
            case .related: router.related(clientIsWaiting: true)
            case .relatedCall, .hangUp: router.relatedCall(clientIsWaiting: true)
            case .unrelated: router.unrelated(primaryIsAttached: true)
            }
        if case .none(let obstacle) = route { throw CallerFault(obstacle) }
    }

    /// Throws if no stream of the server can ever be resumed.
    package func checkReplay() throws(CallerFault) {
        if !hasReplay { throw .notResumable }
    }

    /// Checks a JSON value, and calls `use` with it as one line.
    package func withValue(
        _ json: UnsafeRawBufferPointer,
        _ use: (UnsafeRawBufferPointer) throws(CallerFault) -> Void
    ) throws(CallerFault) {
        var hasLineEnd = false
        guard let value = JSONValue(json, depthMax: jsonDepthMax, hasLineEnd: &hasLineEnd) else {
            throw JSONValue.nestsTooDeep(json, depthMax: jsonDepthMax) ? .tooDeep : .invalidMessage
        }
        let line = hasLineEnd ? ByteBuffer() : nil
        line?.append(jsonLine: value.text)
        defer { withExtendedLifetime(line) {} }
        try use(line?.bytes ?? value.text)
    }

    /// As `withValue`, but `json` may be empty.
    package func withOptionalValue(
        _ json: UnsafeRawBufferPointer,
        _ use: (UnsafeRawBufferPointer) throws(CallerFault) -> Void
    ) throws(CallerFault) {
        guard json.count > 0 else { return try use(json) }
        try withValue(json, use)
    }

    /// Checks a JSON value, and returns it as one line: `json` itself if nothing changes.
    package func take(_ json: ByteBuffer) throws(CallerFault) -> ByteBuffer {
        var line: ByteBuffer?
        try withValue(json.bytes) { value throws(CallerFault) in
            if !value.equals(json.bytes) { line = ByteBuffer(copying: value) }
        }
        return line ?? json
    }

    /// Checks a method name: not empty, and not one that JSON-RPC reserves (section 8).
    package func checkMethod(_ method: UnsafeRawBufferPointer) throws(CallerFault) {
        guard method.count > 0, method.count <= 1024, UTF8Text.isValid(method),
            !UnsafeRawBufferPointer(rebasing: method.prefix(4)).equals("rpc.")
        else { throw .invalidMessage }
    }

    /// Checks plain text, which may be empty.
    package func checkText(_ text: UnsafeRawBufferPointer) throws(CallerFault) {
        guard UTF8Text.isValid(text) else { throw .invalidMessage }
    }

    /// Checks the params of a message, and calls `use` with them: an object, an array, or empty.
    package func withParams(
        _ params: UnsafeRawBufferPointer,
        _ use: (UnsafeRawBufferPointer) throws(CallerFault) -> Void
    ) throws(CallerFault) {
        try withOptionalValue(params) { params throws(CallerFault) in
            guard
                params.count == 0 || params[0] == UInt8(ascii: "{")
                    || params[0] == UInt8(ascii: "[")
            else { throw .invalidMessage }
            try use(params)
        }
    }

    /// Checks that a valid JSON text is a list of tools.
    package func checkTools(_ tools: UnsafeRawBufferPointer) throws(CallerFault) {
        guard let list = JSONValue(tools, depthMax: jsonDepthMax), list.isArray,
            list.elements.allSatisfy({ $0["name"]?.isString == true })
        else { throw .invalidMessage }
    }

    /// Passes on the method and params of a log message, `notifications/message`. `logger` may be
    /// empty; `data` is any JSON value.
    package func withLogMessage(
        level: UnsafeRawBufferPointer, logger: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer,
        _ use: (_ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer)
            throws(CallerFault) -> Void
    ) throws(CallerFault) {
        try checkLevel(level)
        try checkText(logger)
        try withValue(data) { data throws(CallerFault) in
            let params = HostMessage.logParams(level: level, logger: logger, data: data)
            defer { withExtendedLifetime(params) {} }
            try use(Method.message.rawBytes, params.bytes)
        }
    }

    /// Checks a severity of RFC 5424, by its name in `notifications/message`.
    private func checkLevel(_ level: UnsafeRawBufferPointer) throws(CallerFault) {
        guard LogSeverity(named: level) != nil else { throw .invalidMessage }
    }

    /// The params of `notifications/message`. `logger` may be empty; `data` is JSON text.
    private static func logParams(
        level: UnsafeRawBufferPointer, logger: UnsafeRawBufferPointer, data: UnsafeRawBufferPointer
    ) -> ByteBuffer {
        let params = ByteBuffer()
        params.append("{\"level\":")
        params.append(jsonString: level)
        if logger.count > 0 {
            params.append(",\"logger\":")
            params.append(jsonString: logger)
        }
        params.append(",\"data\":")
        params.append(data)
        params.append("}")
        return params
    }
}
