import CStreamableHTTP
import Engine
import Wire

/// A caller's buffer for the reason of a failure; it may be NULL.
struct ErrorBuffer {
    private let start: UnsafeMutablePointer<CChar>?
    private let size: Int

    init(_ start: UnsafeMutablePointer<CChar>?, _ size: Int) {
        self.start = start
        self.size = size < 0 ? .max : size  // More than an Int holds.
    }

    /// Returns `status`, whose general text is the reason.
    func fail(_ status: shttp_status) -> shttp_status {
        write(statusText(status.rawValue).rawBytes)
        return status
    }

    func fail(_ status: shttp_status, _ reason: [UInt8]) -> shttp_status {
        reason.withUnsafeBytes { write($0) }
        return status
    }

    /// Writes as much of the text as there is room for, and a NUL. No character is cut.
    private func write(_ text: UnsafeRawBufferPointer) {
        guard let start, size > 0 else { return }
        var count = min(text.count, size - 1)
        if count < text.count {
            while count > 0, text[count] & 0xC0 == 0x80 { count -= 1 }
        }
        for index in 0..<count { start[index] = CChar(bitPattern: text[index]) }
        start[count] = 0
    }
}

/// Why an option cannot be used.
struct OptionFault: Error {
    let reason: [UInt8]

    /// "name: reason" or, with the part of the value that is wrong, "name: 'part' reason".
    init(_ name: StaticString, _ text: StaticString, part: [UInt8]? = nil) {
        let reason = ByteBuffer()
        reason.append(name)
        reason.append(": ")
        if let part {
            reason.append("'")
            part.withUnsafeBytes { reason.append(printable: $0, atMost: 128) }
            reason.append("' ")
        }
        reason.append(text)
        self.reason = Array(reason.bytes)
    }

    /// "name: reason", with a reason of somebody else's.
    init(_ name: StaticString, foreign bytes: UnsafeRawBufferPointer) {
        let text = ByteBuffer()
        text.append(name)
        text.append(": ")
        let isText = UTF8Text.isValid(bytes)
        for byte in bytes {
            text.append(byte < 0x20 || byte > 0x7E && !isText ? UInt8(ascii: "?") : byte)
        }
        self.reason = Array(text.bytes)
    }

    /// "name: entry 2 reason", for a list of secrets.
    init(_ name: StaticString, entry number: Int, _ text: StaticString) {
        let reason = ByteBuffer()
        reason.append(name)
        reason.append(": entry ")
        reason.append(decimal: Int64(number))
        reason.append(" ")
        reason.append(text)
        self.reason = Array(reason.bytes)
    }
}
