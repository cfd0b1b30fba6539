import Link
import MCP
import Wire

/// Where a connection goes whose request is for another server, and what was read of the request.
package struct Diversion {
    package let path: ByteBuffer
    package let bytes: ByteBuffer
}

extension ServerEngine {
    /// Gives a connection up if its request is for another server; false if it is not.
    @inline(never)
    func divert(
        _ connection: ServerConnection, _ head: RequestHead,
        if isElsewhere: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        guard let path = gate.asked(head), !gate.serves(path), isElsewhere(path) else {
            return false
        }
        guard connection.outbox.isDrained else {
            // A client that has not read its answers has to connect again.
            connection.endAfterExchange()
            refuse(.tooMuchArriving, connection)
            return true
        }
        let bytes = ByteBuffer()
        let version: StaticString = head.isHTTP10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n"
        let space: StaticString = " "
        let end: StaticString = "\r\n"
        for part in [
            head.methodName, space.rawBytes, head.targetBytes, version.rawBytes, head.lines,
            end.rawBytes,
        ] { bytes.append(part) }
        connection.diversion = Diversion(path: ByteBuffer(copying: path), bytes: bytes)
        discard(connection)
        return true
    }
}
