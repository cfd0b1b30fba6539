/// Bytes to server-sent events (WHATWG HTML §9.2.6), however they are cut.
///
/// It stops at each event, so that nothing piles up here, and keeps one line and one event at most.
/// Bytes that are not UTF-8 are passed on: whoever reads the data refuses them (C-020).
package struct SSEParser: ~Copyable {
    package enum Step: Equatable {
        /// All bytes were used; the event continues.
        case needsMore
        /// An event is complete: see `type`, `data` and `lastEventID`.
        case event
        /// A line, or the fields of an event together, exceed the limit. The stream cannot be read
        /// any further.
        case tooLong
    }

    private enum State {
        /// At the start of the stream, after this many bytes of a byte order mark.
        case byteOrderMark(Int)
        case line
        /// A CR has ended a line; an LF belongs to the same line end (C-021).
        case afterCR
        case failed
    }

    /// Unused room of a buffer up to which nothing is released.
    private static var spareBytesMax: Int { 16 << 10 }

    private let bytesMax: Int
    private var state = State.byteOrderMark(0)
    /// The beginning of a line whose end has not arrived.
    private let line = ByteBuffer()
    private let typeField = ByteBuffer()
    private let dataField = ByteBuffer()
    private let idField = ByteBuffer()
    private var hasData = false
    private var hasID = false
    /// Whether the fields belong to an event that was reported.
    private var isReported = false
    private let committedID = ByteBuffer()

    /// The delay before reconnecting that the stream asked for last, in milliseconds; nil if it has
    /// not. It holds from its own line on (C-027).
    package private(set) var retry: Int64?

    /// `bytesMax` bounds each line, and the fields of an event together.
    package init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// The event's type; empty for the default, `message` (C-025). Valid until the next `parse`.
    package var type: UnsafeRawBufferPointer { typeField.bytes }

    /// The event's data; its lines are joined by LF (C-024). Empty for an event that has none to
    /// deliver, as a priming event does (C-028). Valid until the next `parse`.
    package var data: UnsafeRawBufferPointer { dataField.bytes }

    /// The id to resume after: of the last event that was complete, whether it was reported or not
    /// (C-026). Empty if there is none. Valid until the next `parse`.
    package var lastEventID: UnsafeRawBufferPointer { committedID.bytes }

    /// The memory that it takes.
    package var heldBytes: Int {
        line.heldBytes + typeField.heldBytes + dataField.heldBytes + idField.heldBytes
            + committedID.heldBytes
    }

    /// Reads until the next stop. Call again with the bytes that were not used.
    package mutating func parse(_ bytes: UnsafeRawBufferPointer) -> (step: Step, used: Int) {
        if isReported { forgetEvent() }
        var used = 0
        while used < bytes.count {
            let rest = bytes.dropBytes(used)
            switch state {
            case .byteOrderMark(let count):
                used += skipByteOrderMark(rest, count)
            case .afterCR:
                state = .line
                if rest[0] == 0x0A { used += 1 }
            case .line:
                guard let length = rest.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) else {
                    guard keep(rest) else { return fail(bytes.count) }
                    return (.needsMore, bytes.count)
                }
                used += length + 1
                state = rest[length] == 0x0D ? .afterCR : .line
                guard let isComplete = endLine(rest.prefixBytes(length)) else {
                    return fail(bytes.count)
                }
                if isComplete { return (.event, used) }
            case .failed:
                return fail(bytes.count)
            }
        }
        return (.needsMore, used)
    }

    private mutating func fail(_ used: Int) -> (step: Step, used: Int) {
        state = .failed
        return (.tooLong, used)
    }

    /// Skips a byte order mark, once (C-020). Returns how many bytes are none of a line.
    private mutating func skipByteOrderMark(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> Int {
        let mark: StaticString = "\u{FEFF}"
        if bytes[0] == mark.utf8Start[count] {
            state = count == 2 ? .line : .byteOrderMark(count + 1)
            return 1
        }
        // These bytes were none, and begin the first line.
        state = .line
        _ = keep(mark.rawBytes.prefixBytes(count))
        return 0
    }

    /// Keeps the beginning of a line; false if it is too long.
    private func keep(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard line.count + bytes.count <= bytesMax else { return false }
        line.append(bytes)
        return true
    }

    /// Ends a line of which `rest` is the part that was not kept. Returns whether an event is
    /// complete; nil if something is too long.
    private mutating func endLine(_ rest: UnsafeRawBufferPointer) -> Bool? {
        guard line.count + rest.count <= bytesMax else { return nil }
        defer {
            line.removeAll()
            line.trim(sparing: SSEParser.spareBytesMax)
        }
        if line.isEmpty { return rest.isEmpty ? dispatch() : read(rest) ? false : nil }
        line.append(rest)
        return read(line.bytes) ? false : nil
    }

    /// Reads a line that is not empty (C-022, C-023); false if the event grows too long.
    private mutating func read(_ line: UnsafeRawBufferPointer) -> Bool {
        var (name, value) = line.cut(at: UInt8(ascii: ":"))
        if value?.first == UInt8(ascii: " ") { value = value?.dropBytes(1) }
        let text = value ?? UnsafeRawBufferPointer(start: nil, count: 0)
        switch name.count {
        case 4 where name.equals("data"):
            if hasData { dataField.append(UInt8(ascii: "\n")) }
            dataField.append(text)
            hasData = true
        case 5 where name.equals("event"):
            typeField.removeAll()
            typeField.append(text)
        case 2 where name.equals("id"):
            guard text.firstIndex(ofByte: 0) == nil else { return true }
            idField.removeAll()
            idField.append(text)
            hasID = true
        case 5 where name.equals("retry"):
            if let milliseconds = SSEParser.number(text) { retry = milliseconds }
        default: break
        }
        return dataField.count + typeField.count + idField.count <= bytesMax
    }

    /// Ends an event at an empty line. Returns whether there is something to report.
    private mutating func dispatch() -> Bool {
        if hasID {
            committedID.removeAll()
            committedID.append(idField)
        }
        isReported = true
        let isEvent = hasData
        if !isEvent { forgetEvent() }
        return isEvent
    }

    private mutating func forgetEvent() {
        isReported = false
        typeField.removeAll()
        dataField.removeAll()
        dataField.trim(sparing: SSEParser.spareBytesMax)
        idField.removeAll()
        hasData = false
        hasID = false
    }

    /// The value of some digits, as large as it can be; nil if there are none, or other bytes.
    private static func number(_ digits: UnsafeRawBufferPointer) -> Int64? {
        guard digits.count > 0 else { return nil }
        var number: Int64 = 0
        for digit in digits {
            guard digit.isDigit else { return nil }
            let (product, isLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = product.addingReportingOverflow(Int64(digit & 0xF))
            number = isLarge || isLarger ? .max : sum
        }
        return number
    }
}
