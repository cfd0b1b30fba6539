import Link
import Wire

/// A connection whose request is for another server, with all that was read of the request.
package final class Diversion {
    package let connection: ServerConnection
    package let path: ByteBuffer
    package let bytes: ByteBuffer

    fileprivate init(
        _ connection: ServerConnection, to path: ByteBuffer, with bytes: ByteBuffer
    ) {
        self.connection = connection
        self.path = path
        self.bytes = bytes
    }
}

extension ServerEngine {
    /// Gives a connection up if the head that it has read is for another server; `rest` is what
    /// was read after the head. False if it is not.
    @inline(never)
    func divert(
        _ connection: ServerConnection, _ rest: UnsafeRawBufferPointer,
        if isElsewhere: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        guard let head = connection.head, let path = gate.asked(head), !gate.serves(path),
            isElsewhere(path)
        else { return false }
        let bytes = ByteBuffer(capacity: head.lines.count + rest.count + 256)
        bytes.append(head.methodName)
        bytes.append(" ")
        bytes.append(head.targetBytes)
        bytes.append(head.isHTTP10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")
        bytes.append(head.lines)
        bytes.append("\r\n")
        bytes.append(rest)
        guard connection.outbox.isDrained else {
            // What was answered before has to be written first.
            connection.reader.endMessage(of: connection.id, &core.spare)
            move(connection, to: .idle)
            wait(.nextRequest, connection)
            postpone(bytes.bytes, on: connection)
            return true
        }
        discard(
            connection,
            as: .divert(Diversion(connection, to: ByteBuffer(copying: path), with: bytes)))
        return true
    }
}
