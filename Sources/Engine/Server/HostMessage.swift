import Session
import Wire

/// What the host's arguments must be, and what a server's mode rules out whatever its state.
///
/// Pure, so that any thread can check before it queues a command.
package struct HostMessage: Sendable {
    private let router: Router
    private let hasReplay: Bool
    private let jsonDepthMax: Int

    package init(_ options: ServerOptions) {
        router = options.router
        hasReplay = options.hasReplay
        jsonDepthMax = options.limits.jsonDepth
    }

    /// The kinds of commands that a mode can rule out.
    package enum Purpose: Sendable {
        case progress, related, relatedCall, unrelated
    }

    /// Throws if no state of the server could carry such a message.
    package func checkMode(_ purpose: Purpose) throws(CallerFault) {
        let route =
            switch purpose {
            case .progress: router.progress(primaryIsAttached: true, clientIsWaiting: true)
            case .related: router.related(clientIsWaiting: true)
            case .relatedCall: router.relatedCall(clientIsWaiting: true)
            case .unrelated: router.unrelated(primaryIsAttached: true)
            }
        if case .none(let obstacle) = route { throw CallerFault(obstacle) }
    }

    /// Throws if no stream of the server can ever be resumed.
    package func checkReplay() throws(CallerFault) {
        if !hasReplay { throw .notResumable }
    }

    /// Any JSON value.
    package func checkValue(_ json: UnsafeRawBufferPointer) throws(CallerFault) {
        guard JSONValue(json, depthMax: jsonDepthMax) != nil else { throw .invalidMessage }
    }

    package func checkOptionalValue(_ json: UnsafeRawBufferPointer) throws(CallerFault) {
        if json.count > 0 { try checkValue(json) }
    }

    /// A method: text that is not empty, and not one of JSON-RPC's own (section 8).
    package func checkMethod(_ method: UnsafeRawBufferPointer) throws(CallerFault) {
        guard method.count > 0, method.count <= 1024, UTF8Text.isValid(method),
            !UnsafeRawBufferPointer(rebasing: method.prefix(4)).equals("rpc.")
        else { throw .invalidMessage }
    }

    /// Plain text, perhaps empty.
    package func checkText(_ text: UnsafeRawBufferPointer) throws(CallerFault) {
        guard UTF8Text.isValid(text) else { throw .invalidMessage }
    }

    /// The params of a message: an object, an array, or nothing.
    package func checkParams(_ params: UnsafeRawBufferPointer) throws(CallerFault) {
        guard params.count > 0 else { return }
        guard let value = JSONValue(params, depthMax: jsonDepthMax), value.isObject || value.isArray
        else { throw .invalidMessage }
    }

    /// A severity of RFC 5424, as `notifications/message` names it.
    package func checkLevel(_ level: UnsafeRawBufferPointer) throws(CallerFault) {
        let levels: [StaticString] = [
            "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
        ]
        guard levels.contains(where: { level.equals($0) }) else { throw .invalidMessage }
    }

    /// The params of `notifications/message`. `logger` may be empty; `data` is JSON text.
    package static func logParams(
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
