import CLibc

/// One request's head: its method, its target, and its header lines as received, names lowered.
///
/// Reused from request to request, so reading a head allocates nothing in the steady state.
package final class HTTPHead {
    package internal(set) var method = HTTPMethod.other
    /// HTTP/1.0: no chunked coding, and no reuse unless asked for.
    package internal(set) var isHTTP10 = false
    /// Whether the connection may carry another request after this one.
    package internal(set) var keepsAlive = true
    /// The length the head declares; nil for a chunked body or none.
    package internal(set) var contentLength: UInt64?
    package internal(set) var hasBody = false

    /// The name of a method that is not told apart.
    private let otherMethod = ByteBuffer()
    private let target = ByteBuffer()
    private let text = ByteBuffer()
    private(set) var lineCount = 0
    /// The head as it arrived, if it was noted, and where the length of the body stands in it.
    private let raw = ByteBuffer()
    private var rawLength = 0..<0
    /// Where the length of the body was read.
    private var lengthRead: UnsafeRawPointer?
    /// The line that is being read.
    private var name = Part()
    private var value = Part()
    private let known: UnsafeMutablePointer<KnownValue>
    private let knownCount = HeaderField.count

    private struct KnownValue {
        var start: UInt32 = 0
        var length: UInt32 = 0
        var count: UInt32 = 0
    }

    /// A part of a line: where it stands in what was read or, if it comes in pieces, a copy.
    private struct Part {
        private(set) var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        private var copy: ByteBuffer?

        mutating func append(_ more: UnsafeRawBufferPointer) {
            guard bytes.count > 0 else {
                bytes = more
                return
            }
            keep()
            copy?.append(more)
            bytes = copy?.bytes ?? bytes
        }

        /// Makes a copy: what was read is about to go.
        mutating func keep() {
            guard copy == nil, bytes.count > 0 else { return }
            let copy = ByteBuffer(copying: bytes)
            self.copy = copy
            bytes = copy.bytes
        }

        var heldBytes: Int { copy?.heldBytes ?? 0 }
        var heapBytes: Int { copy?.heapBytes ?? 0 }

        mutating func clear() {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            if copy != nil { copy = nil }
        }
    }

    package init() {
        known = .allocate(capacity: knownCount)
        known.initialize(repeating: KnownValue(), count: knownCount)
    }

    deinit {
        known.deallocate()
    }

    /// Gives back the room that a long head has not used. Nobody may be looking at it.
    func trim() {
        target.trim()
        text.trim()
        raw.trim()
    }

    /// The memory that it takes.
    package var heldBytes: Int {
        HTTPHead.ownBytes + target.capacity + text.capacity + raw.capacity + name.heldBytes
            + value.heldBytes
    }

    /// What it takes with its buffers, but for what is in those that may grow.
    private static var ownBytes: Int { 192 + 4 * 80 + 12 * HeaderField.count }

    /// The same as the heap has it.
    package var heapBytes: Int {
        HeapBlock.size(of: self) + HeapBlock.size(known) + otherMethod.heapBytes + target.heapBytes
            + text.heapBytes + raw.heapBytes + name.heapBytes + value.heapBytes
    }

    /// The method as sent.
    package var methodName: UnsafeRawBufferPointer {
        method.name?.rawBytes ?? otherMethod.bytes
    }

    /// The request target as sent: `/mcp?x=1`.
    package var targetBytes: UnsafeRawBufferPointer { target.bytes }

    /// All header lines: `name: value`, CR, LF; names in lower case.
    package var lines: UnsafeRawBufferPointer { text.bytes }

    /// The first value of a known field, without blanks around it; nil if it is absent.
    package subscript(field: HeaderField) -> UnsafeRawBufferPointer? {
        let value = known[field.index]
        guard value.count > 0 else { return nil }
        return text[Int(value.start)..<Int(value.start + value.length)]
    }

    /// How many lines carry the field.
    package func occurrences(of field: HeaderField) -> Int {
        Int(known[field.index].count)
    }

    /// What the Transfer-Encoding lines, which make one list, say of the body.
    var transferCoding: TransferCoding {
        guard occurrences(of: .transferEncoding) > 0 else { return .none }
        let name: StaticString = "transfer-encoding"
        var codings = 0
        var chunks = 0
        var endsChunked = false
        HTTPHead.forEachValue(of: name.rawBytes, in: lines) { value in
            value.forEachPart(separatedBy: UInt8(ascii: ",")) { coding in
                endsChunked = coding.equalsIgnoringCase("chunked")
                codings += 1
                chunks += endsChunked ? 1 : 0
            }
        }
        guard endsChunked, chunks == 1 else { return .malformed }
        return codings == 1 ? .chunked : .unknown
    }

    /// Whether all lines of a field say the same.
    @inline(__always)
    package func isUnanimous(_ field: HeaderField, _ name: StaticString) -> Bool {
        occurrences(of: field) <= 1 || areAllTheSame(field, name)
    }

    @inline(never)
    private func areAllTheSame(_ field: HeaderField, _ name: StaticString) -> Bool {
        guard let first = self[field] else { return true }
        var isSame = true
        HTTPHead.forEachValue(of: name.rawBytes, in: lines) { value in
            if !value.equals(first) { isSame = false }
        }
        return isSame
    }

    /// The values of all lines of a field, which make one list (RFC 9110 §5.3).
    package func list(_ name: StaticString) -> ByteBuffer {
        let list = ByteBuffer()
        HTTPHead.forEachValue(of: name.rawBytes, in: lines) { value in
            if list.count > 0 { list.append(",") }
            list.append(value)
        }
        return list
    }

    /// Takes the line of a field out, which must be the only one of that name.
    package func remove(_ field: HeaderField) {
        let value = known[field.index]
        guard value.count == 1 else { return }
        let end = Int(value.start + value.length)
        let before = text[0..<Int(value.start)]
        let start = (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        known[field.index] = KnownValue()
        replace(start..<end + 2, with: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Puts other bytes in the place of a part of the lines.
    private func replace(_ range: Range<Int>, with bytes: UnsafeRawBufferPointer) {
        text.replace(range, with: bytes)
        for index in 0..<knownCount where Int(known[index].start) >= range.upperBound {
            let start = Int(known[index].start) + bytes.count - range.count
            known[index].start = UInt32(start)
        }
    }

    /// Finds the first value of any field in header lines such as `lines` gives.
    package static func find(
        _ name: UnsafeRawBufferPointer, in lines: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        var rest = lines
        while let line = nextLine(&rest) {
            if let value = value(of: name, in: line) { return value }
        }
        return nil
    }

    /// Calls `body` with each value of a field, in order.
    package static func forEachValue(
        of name: UnsafeRawBufferPointer, in lines: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var rest = lines
        while let line = nextLine(&rest) {
            if let value = value(of: name, in: line) { body(value) }
        }
    }

    private static func nextLine(
        _ rest: inout UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard let end = rest.firstIndex(ofByte: UInt8(ascii: "\n")) else { return nil }
        defer { rest = rest.dropBytes(end + 1) }
        return rest.prefixBytes(end > 0 && rest[end - 1] == 0x0D ? end - 1 : end)
    }

    private static func value(
        of name: UnsafeRawBufferPointer, in line: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let (candidate, value) = line.cut(at: UInt8(ascii: ":"))
        guard let value, candidate.equalsIgnoringCase(name) else { return nil }
        return value.trimmed
    }

    // MARK: Filling, by the parser

    func reset() {
        method = .other
        isHTTP10 = false
        keepsAlive = true
        contentLength = nil
        hasBody = false
        otherMethod.removeAll()
        target.removeAll()
        text.removeAll()
        raw.removeAll()
        lengthRead = nil
        lineCount = 0
        name.clear()
        value.clear()
        known.update(repeating: KnownValue(), count: knownCount)
    }

    /// Notes the name of a method that is not told apart.
    func noteMethod(_ name: UnsafeRawBufferPointer) {
        otherMethod.append(name)
    }

    func appendTarget(_ bytes: UnsafeRawBufferPointer, limits: Limits) -> Bool {
        target.append(bytes)
        return target.count <= limits.targetBytes
    }

    func appendName(_ bytes: UnsafeRawBufferPointer) {
        name.append(bytes)
    }

    func appendValue(_ bytes: UnsafeRawBufferPointer) {
        value.append(bytes)
    }

    /// Keeps the part of a line that has arrived: the bytes it stands in are about to go.
    func keepParts() {
        name.keep()
        value.keep()
    }

    /// Ends a line; false if it is one too many.
    func endLine(limits: Limits, _ extensions: borrowing ExtensionFields) -> Bool {
        guard lineCount < limits.headerCount else { return false }
        let name = self.name.bytes
        let value = self.value.bytes.trimmed
        let start = text.count
        text.appendLine(lowercasing: name, value)
        if let field = HeaderField(name: text[start..<start + name.count], extensions) {
            if known[field.index].count == 0 {
                known[field.index].start = UInt32(start + name.count + 2)
                known[field.index].length = UInt32(value.count)
            }
            known[field.index].count += 1
            if field == .contentLength { lengthRead = value.baseAddress }
        }
        lineCount += 1
        self.name.clear()
        self.value.clear()
        return true
    }
}

// MARK: Coming again

/// The requests of a client have one head, but for the length of their bodies. What has been found
/// of it need not be found again.
extension HTTPHead {
    /// A head that has come again, with all of its body behind it.
    package struct Recurrence {
        /// The bytes of the head and of the body.
        package let headCount: Int
        package let bodyCount: Int
        /// The length of the body as it is written.
        fileprivate let length: UnsafeRawBufferPointer
    }

    /// A longer length is left to llhttp.
    private static var digitsMax: Int { 9 }

    /// Notes how this head has arrived; false if it could not be told when it comes again. It must
    /// have arrived as a whole, and tell the length of a body.
    package func note(asArrived bytes: UnsafeRawBufferPointer) -> Bool {
        guard let length = self[.contentLength], occurrences(of: .contentLength) == 1,
            let start = bytes.baseAddress, let lengthRead, lengthRead > start,
            lengthRead + length.count < start + bytes.count,
            let number = HTTPHead.number(length), number == contentLength, number > 0
        else { return false }
        raw.removeAll()
        raw.append(bytes)
        rawLength = lengthRead - start..<lengthRead - start + length.count
        return true
    }

    /// Tells whether `bytes` begin with this head, but for the length of the body, and all of that
    /// body.
    package func recurrence(in bytes: UnsafeRawBufferPointer) -> Recurrence? {
        let raw = self.raw.bytes
        guard raw.count > 0, let start = bytes.baseAddress, bytes.count > raw.count,
            memcmp(start, raw.baseAddress!, rawLength.lowerBound) == 0
        else { return nil }
        let digits = bytes.dropBytes(rawLength.lowerBound).prefixBytes(HTTPHead.digitsMax)
        let length = digits.prefixBytes(digits.firstIndex { !$0.isDigit } ?? digits.count)
        let end = rawLength.lowerBound + length.count
        let rest = raw.dropBytes(rawLength.upperBound)
        guard bytes.count - end > rest.count,
            memcmp(start + end, rest.baseAddress!, rest.count) == 0,
            let number = HTTPHead.number(length), number > 0,
            bytes.count - end - rest.count >= Int(number)
        else { return nil }
        return Recurrence(headCount: end + rest.count, bodyCount: Int(number), length: length)
    }

    /// Whether the head that has come again has the same length of a body.
    package func equals(_ recurrence: Recurrence) -> Bool {
        self[.contentLength]?.equals(recurrence.length) == true
    }

    /// Becomes another head, but for how that arrived.
    package func become(_ other: HTTPHead) {
        reset()
        method = other.method
        isHTTP10 = other.isHTTP10
        keepsAlive = other.keepsAlive
        contentLength = other.contentLength
        hasBody = other.hasBody
        target.append(other.target)
        text.append(other.text)
        known.update(from: other.known, count: knownCount)
    }

    /// Becomes the head that has come again. Nobody else may look at this one meanwhile.
    package func become(_ recurrence: Recurrence) {
        let known = known[HeaderField.contentLength.index]
        let place = Int(known.start)..<Int(known.start + known.length)
        replace(place, with: recurrence.length)
        self.known[HeaderField.contentLength.index].length = UInt32(recurrence.length.count)
        contentLength = UInt64(recurrence.bodyCount)
    }

    /// The number that some digits make; nil if they are none, or too many.
    private static func number(_ digits: UnsafeRawBufferPointer) -> UInt64? {
        guard digits.count > 0, digits.count <= digitsMax else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            guard digit.isDigit else { return nil }
            number = number * 10 + UInt64(digit & 0xF)
        }
        return number
    }
}
