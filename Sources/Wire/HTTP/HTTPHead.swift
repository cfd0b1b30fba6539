/// What requests and responses share: the header lines as received, names lowered, and what they
/// say about the body and the connection.
///
/// Reused from message to message, so reading a head allocates nothing in the steady state.
package class HTTPHead {
    /// HTTP/1.0: no chunked coding, and no reuse unless asked for.
    package final internal(set) var isHTTP10 = false
    /// Whether the connection may carry another message after this one (RFC 9112 §9.3).
    package final internal(set) var keepsAlive = true
    /// The length the head declares; nil for a chunked body or none.
    package final internal(set) var contentLength: UInt64?
    package final internal(set) var hasBody = false

    private final let text = ByteBuffer()
    final private(set) var lineCount = 0
    /// The address at which the last Content-Length was read.
    final private(set) var lengthRead: UnsafeRawPointer?
    /// The line that is being read.
    private final var name = Part()
    private final var value = Part()
    /// Where the values of indexed fields are in `text`, by `HeaderField.index`.
    private final let index: UnsafeMutablePointer<IndexedValue>

    private struct IndexedValue {
        var start: UInt32 = 0
        var length: UInt32 = 0
        var count: UInt32 = 0
    }

    /// A part of a line: the bytes that were read or, if it comes in pieces, a copy of them.
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

        /// Makes a copy: the bytes that were read are about to be reused.
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

    init() {
        index = .allocate(capacity: HeaderField.count)
        index.initialize(repeating: IndexedValue(), count: HeaderField.count)
    }

    deinit {
        index.deallocate()
    }

    /// Releases the room that a long head has not used. Nobody may be looking at it.
    func trim() {
        text.trim()
    }

    /// The memory that it takes.
    package var heldBytes: Int {
        HTTPHead.ownBytes + text.capacity + name.heldBytes + value.heldBytes
    }

    /// The object, its index and its buffer, without what the buffer holds.
    private static var ownBytes: Int { 160 + 80 + 12 * HeaderField.count }

    /// The same as measured on the heap.
    package var heapBytes: Int {
        HeapBlock.size(of: self) + HeapBlock.size(index) + text.heapBytes + name.heapBytes
            + value.heapBytes
    }

    /// All header lines: `name: value`, CR, LF; names in lower case.
    @inline(__always)
    package final var lines: UnsafeRawBufferPointer { text.bytes }

    /// The first value of an indexed field, without blanks around it; nil if it is absent.
    package final subscript(field: HeaderField) -> UnsafeRawBufferPointer? {
        let value = index[field.index]
        guard value.count > 0 else { return nil }
        return text[Int(value.start)..<Int(value.start + value.length)]
    }

    /// How many lines carry the field.
    package final func occurrences(of field: HeaderField) -> Int {
        Int(index[field.index].count)
    }

    /// What the Transfer-Encoding lines, which make one list, say about the body.
    final var transferCoding: TransferCoding {
        guard occurrences(of: .transferEncoding) > 0 else { return .none }
        let name: StaticString = "transfer-encoding"
        var codings = 0
        var chunks = 0
        var endsChunked = false
        HeaderLines.forEachValue(of: name.rawBytes, in: lines) { value in
            value.forEachPart(separatedBy: UInt8(ascii: ",")) { coding in
                endsChunked = coding.equalsIgnoringCase("chunked")
                codings += 1
                chunks += endsChunked ? 1 : 0
            }
        }
        guard endsChunked, chunks == 1 else { return .malformed }
        return codings == 1 ? .chunked : .unknown
    }

    /// Whether all lines of a field have the same value.
    @inline(__always)
    package final func isUnanimous(_ field: HeaderField, _ name: StaticString) -> Bool {
        occurrences(of: field) <= 1 || areAllTheSame(field, name)
    }

    @inline(never)
    private final func areAllTheSame(_ field: HeaderField, _ name: StaticString) -> Bool {
        guard let first = self[field] else { return true }
        var isSame = true
        HeaderLines.forEachValue(of: name.rawBytes, in: lines) { value in
            if !value.equals(first) { isSame = false }
        }
        return isSame
    }

    /// The values of all lines of a field, which make one list (RFC 9110 §5.3).
    package final func list(_ name: StaticString) -> ByteBuffer {
        let list = ByteBuffer()
        HeaderLines.forEachValue(of: name.rawBytes, in: lines) { value in
            if list.count > 0 { list.append(",") }
            list.append(value)
        }
        return list
    }

    /// Removes the line of a field, which must be the only one of that name.
    package final func remove(_ field: HeaderField) {
        let value = index[field.index]
        guard value.count == 1 else { return }
        let end = Int(value.start + value.length)
        let before = text[0..<Int(value.start)]
        let start = (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        index[field.index] = IndexedValue()
        replace(start..<end + 2, with: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Replaces the first value of a field, which is not absent.
    final func replaceValue(of field: HeaderField, with bytes: UnsafeRawBufferPointer) {
        let value = index[field.index]
        replace(Int(value.start)..<Int(value.start + value.length), with: bytes)
        index[field.index].length = UInt32(bytes.count)
    }

    private final func replace(_ range: Range<Int>, with bytes: UnsafeRawBufferPointer) {
        text.replace(range, with: bytes)
        for field in 0..<HeaderField.count where Int(index[field].start) >= range.upperBound {
            index[field].start = UInt32(Int(index[field].start) + bytes.count - range.count)
        }
    }

    // MARK: Filling, by the parser

    package func reset() {
        isHTTP10 = false
        keepsAlive = true
        contentLength = nil
        hasBody = false
        text.removeAll()
        lengthRead = nil
        lineCount = 0
        name.clear()
        value.clear()
        index.update(repeating: IndexedValue(), count: HeaderField.count)
    }

    /// Copies the header lines of another head, and what they say.
    final func copyLines(of other: HTTPHead) {
        isHTTP10 = other.isHTTP10
        keepsAlive = other.keepsAlive
        contentLength = other.contentLength
        hasBody = other.hasBody
        text.append(other.text)
        index.update(from: other.index, count: HeaderField.count)
    }

    final func appendName(_ bytes: UnsafeRawBufferPointer) {
        name.append(bytes)
    }

    final func appendValue(_ bytes: UnsafeRawBufferPointer) {
        value.append(bytes)
    }

    /// Copies the part of a line that has arrived: its bytes are about to be reused.
    final func keepParts() {
        name.keep()
        value.keep()
    }

    /// Ends a line; false if it is one too many.
    final func endLine(limits: Limits, _ extensions: UnsafePointer<ExtensionFields>) -> Bool {
        guard lineCount < limits.headerCount else { return false }
        let name = self.name.bytes
        let value = self.value.bytes.trimmed
        let start = text.count
        text.appendLine(lowercasing: name, value)
        if let field = HeaderField(name: text[start..<start + name.count], extensions) {
            if index[field.index].count == 0 {
                index[field.index].start = UInt32(start + name.count + 2)
                index[field.index].length = UInt32(value.count)
            }
            index[field.index].count += 1
            if field == .contentLength { lengthRead = value.baseAddress }
        }
        lineCount += 1
        self.name.clear()
        self.value.clear()
        return true
    }
}
