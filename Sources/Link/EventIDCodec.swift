import Wire

/// The text format of event ids: 32 hexadecimal digits for the stream, a dot, and the event's
/// number (S-232).
package enum EventIDCodec {
    private static let tokenLength = 32
    /// Enough digits for every 64-bit number.
    private static let numberLengthMax = 20

    package static func append(_ id: EventID, to output: ByteBuffer) {
        output.append(upTo: lengthMax) { put(id, at: &$0) }
    }

    static var lengthMax: Int { tokenLength + 1 + numberLengthMax }

    /// Stores an id at a place with room for `lengthMax` bytes.
    @inline(__always)
    static func put(_ id: EventID, at place: inout UnsafeMutableRawPointer) {
        place.put(hex16: id.stream.high)
        place.put(hex16: id.stream.low)
        place.put(".")
        place.put(decimal: id.sequence)
    }

    /// Appends the part of an id that identifies the stream.
    package static func append(_ stream: StreamToken, to output: ByteBuffer) {
        output.append(hex16: stream.high)
        output.append(hex16: stream.low)
    }

    /// Parses the part of an id that identifies the stream.
    package static func readStream(_ text: UnsafeRawBufferPointer) -> StreamToken? {
        guard text.count == tokenLength, let high = text.prefixBytes(16).hexadecimal,
            let low = text.dropBytes(16).hexadecimal
        else { return nil }
        return StreamToken(high: high, low: low)
    }

    /// Parses an id; nil for any text that `append` does not write. Numbers have at most 63 bits:
    /// many databases store no more, and sums of them do not overflow.
    package static func read(_ text: UnsafeRawBufferPointer) -> EventID? {
        let (token, number) = text.cut(at: UInt8(ascii: "."))
        guard let stream = readStream(token), let number, number.count > 0,
            number.count <= numberLengthMax, number[0] != UInt8(ascii: "0") || number.count == 1
        else { return nil }
        var sequence: UInt64 = 0
        for byte in number {
            guard byte.isDigit else { return nil }
            let (tens, isTooLarge) = sequence.multipliedReportingOverflow(by: 10)
            let (sum, isTooLargeStill) = tens.addingReportingOverflow(UInt64(byte & 0xF))
            guard !isTooLarge, !isTooLargeStill else { return nil }
            sequence = sum
        }
        guard sequence <= Int64.max else { return nil }
        return EventID(stream: stream, sequence: sequence)
    }
}
