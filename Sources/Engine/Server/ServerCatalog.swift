import MCP
import Session
import Wire

/// What a catalog, which answers for the host, asks and tells the engine.
extension ServerEngine {
    /// Sets what the server can do, unless the host has said it: JSON objects, for sessions and
    /// for modern clients.
    package func offer(
        _ capabilities: UnsafeRawBufferPointer, modern: UnsafeRawBufferPointer
    ) {
        guard let greeting, greeting.isOpen else { return }
        self.greeting = greeting.offering(capabilities, modern)
    }

    /// Keeps the subscriptions of sessions from now on.
    package func keepSubscriptions() {
        keepsSubscriptions = true
    }

    package func isOpen(_ key: RequestKey) -> Bool { requests[key] != nil }

    /// The keys, in order, of requests that have ended without an answer of the host's, which has
    /// not been told yet: the events wait.
    package var untoldEnds: [UInt64] {
        var keys: [UInt64] = []
        core.forEachEvent { event in
            if event.kind == .cancelled, let key = event.request { keys.append(key.rawValue) }
        }
        SystemSort.sort(&keys)
        return keys
    }

    package func isOpen(_ key: RequestKey, of method: StaticString) -> Bool {
        requests[key]?.method.equals(method.rawBytes) == true
    }

    package func revision(of key: RequestKey) -> Revision? { requests[key]?.revision }

    /// Whether a request's client wants log messages of a level. Modern ones are filtered when
    /// they are sent.
    package func wants(_ level: LogSeverity, _ key: RequestKey) -> Bool {
        guard let least = requests[key]?.session?.logLevel else { return true }
        return level >= least
    }

    /// Warns of a result that was not sent: a tool, and what is wrong.
    package func reportMisfit(_ detail: UnsafeRawBufferPointer) {
        enter { core.log(.warning, "A result does not fit the output schema of ", detail) }
    }
}
