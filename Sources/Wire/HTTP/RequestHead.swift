import CLibc

/// A request's head: its method, its target, and its header lines.
package final class RequestHead: HTTPHead {
    package internal(set) var method = HTTPMethod.other

    /// The name of a method that `HTTPMethod` does not list.
    private let otherMethod = ByteBuffer()
    private let target = ByteBuffer()
    /// The head's bytes, if they were remembered, and the range of its Content-Length in them.
    private let raw = ByteBuffer()
    private var rawLength = 0..<0

    package override init() {
        super.init()
    }

    override func trim() {
        super.trim()
        target.trim()
        raw.trim()
    }

    package override var heldBytes: Int {
        super.heldBytes + RequestHead.ownBytes + target.capacity + raw.capacity
    }

    /// What it has beyond every head: three buffers, without what they hold.
    private static var ownBytes: Int { 32 + 3 * 80 }

    package override var heapBytes: Int {
        super.heapBytes + otherMethod.heapBytes + target.heapBytes + raw.heapBytes
    }

    /// The method as sent.
    package var methodName: UnsafeRawBufferPointer {
        method.name?.rawBytes ?? otherMethod.bytes
    }

    /// The request target as sent: `/mcp?x=1`.
    @inline(__always)
    package var targetBytes: UnsafeRawBufferPointer { target.bytes }

    // MARK: Filling, by the parser

    package override func reset() {
        super.reset()
        method = .other
        otherMethod.removeAll()
        target.removeAll()
        raw.removeAll()
        rawLength = 0..<0
    }

    /// Keeps the name of a method that `HTTPMethod` does not list.
    func noteMethod(_ name: UnsafeRawBufferPointer) {
        otherMethod.append(name)
    }

    func appendTarget(_ bytes: UnsafeRawBufferPointer, limits: Limits) -> Bool {
        target.append(bytes)
        return target.count <= limits.targetBytes
    }
}

// MARK: Recurring heads

/// A client's requests have the same head, apart from the length of their bodies. A head that
/// recurs need not be parsed again.
extension RequestHead {
    /// A head that has recurred, with all of its body after it.
    package struct Recurrence {
        /// The bytes of the head and of the body.
        package let headCount: Int
        package let bodyCount: Int
        /// The length of the body as written.
        fileprivate let length: UnsafeRawBufferPointer
    }

    /// The most digits of a length; longer ones are left to llhttp.
    private static var digitsMax: Int { 9 }

    /// Remembers the bytes of this head; false if a recurrence could not be recognized. It must
    /// have arrived as a whole, and declare the length of a body.
    package func note(asArrived bytes: UnsafeRawBufferPointer) -> Bool {
        guard let length = self[.contentLength], occurrences(of: .contentLength) == 1,
            let start = bytes.baseAddress, let lengthRead, lengthRead > start,
            lengthRead + length.count < start + bytes.count,
            let number = RequestHead.number(length), number == contentLength, number > 0
        else { return false }
        raw.removeAll()
        raw.append(bytes)
        rawLength = lengthRead - start..<lengthRead - start + length.count
        return true
    }

    /// The recurrence of this head at the start of `bytes`: the same bytes, apart from the length
    /// of the body, and all of that body; nil if there is none.
    package func recurrence(in bytes: UnsafeRawBufferPointer) -> Recurrence? {
        let raw = self.raw.bytes
        guard raw.count > 0, let start = bytes.baseAddress, bytes.count > raw.count,
            memcmp(start, raw.baseAddress!, rawLength.lowerBound) == 0
        else { return nil }
        let digits = bytes.dropBytes(rawLength.lowerBound).prefixBytes(RequestHead.digitsMax)
        let length = digits.prefixBytes(digits.firstIndex { !$0.isDigit } ?? digits.count)
        let end = rawLength.lowerBound + length.count
        let rest = raw.dropBytes(rawLength.upperBound)
        guard bytes.count - end > rest.count,
            memcmp(start + end, rest.baseAddress!, rest.count) == 0,
            let number = RequestHead.number(length), number > 0,
            bytes.count - end - rest.count >= Int(number)
        else { return nil }
        return Recurrence(headCount: end + rest.count, bodyCount: Int(number), length: length)
    }

    /// Whether the recurrence has the same Content-Length.
    @inline(__always)
    package func equals(_ recurrence: Recurrence) -> Bool {
        self[.contentLength]?.equals(recurrence.length) == true
    }

    /// Becomes a copy of another head, without the bytes that it remembers.
    package func become(_ other: RequestHead) {
        reset()
        method = other.method
        target.append(other.target)
        copyLines(of: other)
    }

    /// Becomes the recurrence of this head. Nobody else may look at this one meanwhile.
    package func become(_ recurrence: Recurrence) {
        replaceValue(of: .contentLength, with: recurrence.length)
        contentLength = UInt64(recurrence.bodyCount)
    }

    /// The value of decimal digits; nil if there are none, too many, or other bytes.
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
