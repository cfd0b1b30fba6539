import Session
import Wire

/// A line for the operator, with what it is about, as far as that is known.
///
/// What a client has sent is limited in length, and has only printable ASCII in it.
package final class LogLine {
    package let level: LogLevel
    /// The line itself; it stands alone.
    package let text: ByteBuffer
    /// Where the client is.
    package internal(set) var peer: ByteBuffer?
    package internal(set) var session: SessionKey?
    /// The method and the target of the HTTP request.
    package internal(set) var httpMethod: ByteBuffer?
    package internal(set) var target: ByteBuffer?
    /// The JSON-RPC method.
    package internal(set) var method: ByteBuffer?

    init(_ level: LogLevel, _ text: ByteBuffer) {
        self.level = level
        self.text = text
    }

    /// The most bytes of each thing that a client has sent.
    static var partBytesMax: Int { 128 }

    /// What a client has sent, made harmless.
    static func part(_ bytes: UnsafeRawBufferPointer) -> ByteBuffer? {
        guard bytes.count > 0 else { return nil }
        let part = ByteBuffer(capacity: min(bytes.count, partBytesMax))
        part.append(printable: bytes, atMost: partBytesMax)
        return part
    }

    /// A request target without its query, in which clients put secrets.
    static func target(_ bytes: UnsafeRawBufferPointer, atMost limit: Int) -> ByteBuffer {
        let (path, query) = bytes.cut(at: UInt8(ascii: "?"))
        let target = ByteBuffer(capacity: min(path.count, limit) + 4)
        target.append(printable: path, atMost: limit - 4)
        if query != nil { target.append("?...") }
        return target
    }

    /// The line with everything that is known: `text (peer 127.0.0.1:54321, session 0x1234, POST
    /// /mcp, method tools/call)`.
    package var rendered: ByteBuffer {
        let line = ByteBuffer(copying: text.bytes, room: 128)
        var isFirst = true
        func begin() {
            line.append(isFirst ? " (" : ", ")
            isFirst = false
        }
        if let peer {
            begin()
            line.append("peer ")
            line.append(peer)
        }
        if let session {
            begin()
            line.append("session 0x")
            line.append(hex: session.rawValue)
        }
        if let httpMethod, let target {
            begin()
            line.append(httpMethod)
            line.append(" ")
            line.append(target)
        }
        if let method {
            begin()
            line.append("method ")
            line.append(method)
        }
        if !isFirst { line.append(")") }
        return line
    }
}

extension ByteBuffer {
    /// Appends at most `limit` bytes for what a client has sent. Each that is not printable ASCII,
    /// and each blank, is a question mark. Three dots stand for the rest.
    package func append(printable bytes: UnsafeRawBufferPointer, atMost limit: Int) {
        let isCut = bytes.count > limit
        for byte in bytes.prefix(isCut ? limit - 3 : limit) {
            append((0x21..<0x7F).contains(byte) ? byte : UInt8(ascii: "?"))
        }
        if isCut { append("...") }
    }

    /// Appends a number in hexadecimal digits, without leading zeros.
    package func append(hex value: UInt64) {
        var shift = UInt64(max(0, 60 - value.leadingZeroBitCount / 4 * 4))
        while true {
            let digit = UInt8(truncatingIfNeeded: value >> shift & 0xF)
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            guard shift > 0 else { return }
            shift -= 4
        }
    }
}
