import Link
import MCP
import Session
import Wire

/// Log lines that say whom they are about. Nothing is made of it for a line that is not wanted.
extension ServerEngine {
    /// Logs a line about the request or the stream that a connection carries, or about a session.
    /// `method` is that of a message that has not become an open request.
    func log(
        _ level: LogLevel, _ text: StaticString, _ detail: UnsafeRawBufferPointer? = nil,
        on connection: ServerConnection?, of session: ServerSession? = nil,
        _ method: UnsafeRawBufferPointer = .init(start: nil, count: 0)
    ) {
        guard let line = core.line(level, text, detail) else { return }
        line.peer = connection?.peer
        line.session = (session ?? connection?.exchange.session)?.key
        if let head = connection?.head {
            line.httpMethod = LogLine.part(head.methodName)
            line.target = LogLine.target(head.targetBytes, atMost: LogLine.partBytesMax)
        }
        line.method =
            connection?.exchange.request.flatMap { $0.method.part } ?? LogLine.part(method)
        core.perform(.log(line))
    }

    /// Logs a line about a request, whose client may be gone.
    func log(_ level: LogLevel, _ text: StaticString, about request: OpenRequest) {
        guard let line = core.line(level, text) else { return }
        line.peer = request.connection?.peer
        line.session = request.session?.key
        if let head = request.head {
            line.httpMethod = LogLine.part(head.methodName)
            line.target = LogLine.target(head.targetBytes, atMost: LogLine.partBytesMax)
        }
        line.method = request.method.part
        core.perform(.log(line))
    }
}

extension ShortText {
    fileprivate var part: ByteBuffer? {
        guard !isEmpty else { return nil }
        let part = withBytes { LogLine.part($0) }
        if isCut { part?.append("...") }
        return part
    }
}
