/// A client's reading of an event stream, after the WHATWG's HTML standard, section 9.2.6, and not
/// after our own framing.
package struct EventStreamReader {
    package struct Event: Equatable {
        package var type: [UInt8]
        package var data: [UInt8]
        package var lastEventID: [UInt8]

        package init(type: [UInt8], data: [UInt8], lastEventID: [UInt8]) {
            self.type = type
            self.data = data
            self.lastEventID = lastEventID
        }
    }

    package private(set) var events: [Event] = []
    package private(set) var retry: UInt64?
    /// The id of the last block that has ended, or of one before that.
    package private(set) var cursor: [UInt8] = []
    private var lastEventID: [UInt8] = []
    private var type: [UInt8] = []
    private var data: [UInt8] = []
    private var line: [UInt8] = []
    private var isAfterCarriageReturn = false

    package init() {}

    /// Whether the last block has been ended, so that nothing would be lost with the connection.
    package var isBetweenEvents: Bool { line.isEmpty && data.isEmpty && type.isEmpty }

    package mutating func takeEvents() -> [Event] {
        defer { events = [] }
        return events
    }

    package mutating func read(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            let endsPair = isAfterCarriageReturn && byte == 0x0A
            isAfterCarriageReturn = byte == 0x0D
            if endsPair { continue }
            if byte == 0x0A || byte == 0x0D {
                endLine()
                line = []
            } else {
                line.append(byte)
            }
        }
    }

    private mutating func endLine() {
        guard !line.isEmpty else { return dispatch() }
        let name = line.prefix { $0 != UInt8(ascii: ":") }
        var value = line.dropFirst(name.count + 1)
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        switch String(decoding: name, as: UTF8.self) {
        case "event": type = Array(value)
        case "data": data += value + [0x0A]
        case "id" where !value.contains(0): lastEventID = Array(value)
        case "retry":
            guard !value.isEmpty, value.allSatisfy({ (0x30...0x39).contains($0) }) else { return }
            retry = UInt64(String(decoding: value, as: UTF8.self)) ?? .max
        default: break
        }
    }

    private mutating func dispatch() {
        cursor = lastEventID
        if !data.isEmpty {
            events.append(
                Event(
                    type: type.isEmpty ? Array("message".utf8) : type, data: data.dropLast(),
                    lastEventID: lastEventID))
        }
        data = []
        type = []
    }
}
