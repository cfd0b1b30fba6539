/// A client's reading of an event stream, after the WHATWG's HTML standard, section 9.2.6, and not
/// after our own framing.
package struct EventStreamReader {
    package struct Event: Equatable, Sendable {
        package var type: [UInt8]
        package var data: [UInt8]
        package var lastEventID: [UInt8]

        package init(type: [UInt8], data: [UInt8], lastEventID: [UInt8]) {
            self.type = type
            self.data = data
            self.lastEventID = lastEventID
        }
    }

    /// What stands before an empty line.
    package struct Block: Sendable {
        /// A comment has no name, and its value keeps the blank that it begins with.
        package fileprivate(set) var fields: [(name: String, value: [UInt8])] = []
        package fileprivate(set) var event: Event?
    }

    package private(set) var blocks: [Block] = []
    package private(set) var retry: UInt64?
    /// The id of the last block that has ended, or of one before that.
    package private(set) var cursor: [UInt8] = []
    private var block = Block()
    private var lastEventID: [UInt8] = []
    private var type: [UInt8] = []
    private var data: [UInt8] = []
    private var line: [UInt8] = []
    private var isAfterCarriageReturn = false

    package init() {}

    package var events: [Event] { blocks.compactMap(\.event) }

    /// Whether nothing would be lost with the connection.
    package var isBetweenEvents: Bool { line.isEmpty && data.isEmpty && type.isEmpty }

    /// Whether the last block has been ended.
    package var isBetweenBlocks: Bool { line.isEmpty && block.fields.isEmpty }

    package mutating func takeBlocks() -> [Block] {
        defer { blocks = [] }
        return blocks
    }

    package mutating func read(_ bytes: some Collection<UInt8>) {
        for byte in bytes {
            let endsPair = isAfterCarriageReturn && byte == 0x0A
            isAfterCarriageReturn = byte == 0x0D
            if endsPair { continue }
            if byte == 0x0A || byte == 0x0D {
                endLine()
                line.removeAll(keepingCapacity: true)
            } else {
                line.append(byte)
            }
        }
    }

    private mutating func endLine() {
        guard !line.isEmpty else { return dispatch() }
        let name = String(decoding: line.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
        var value = line.drop { $0 != UInt8(ascii: ":") }.dropFirst()
        if !name.isEmpty, value.first == UInt8(ascii: " ") { value.removeFirst() }
        block.fields.append((name, Array(value)))
        switch name {
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
            block.event = Event(
                type: type.isEmpty ? Array("message".utf8) : type, data: data.dropLast(),
                lastEventID: lastEventID)
        }
        if !block.fields.isEmpty { blocks.append(block) }
        block = Block()
        data = []
        type = []
    }
}
